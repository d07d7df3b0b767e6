"""What a server may spend and has spent, and who is told that little of it is left."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.errors import StorageError
from bot.model import Job
from bot.quota.budget import BudgetReading, warning_percent
from bot.quota.rule import QuotaRule
from bot.quota.sentences import budget_warning
from bot.server import Budget
from bot.storage.base import Store
from bot.storage.errands import Errands
from bot.storage.keeping import Keeping

_log = logging.getLogger(__name__)
#: A budget that stays nearly used up is spoken of once a week.
_WARN_AGAIN = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A server's money."""

    #: What its moderators set; None: nothing.
    own: Budget | None
    #: Of what holds; None where nothing does.
    reading: BudgetReading | None
    #: Where it is said that 80 or 100 % are used: the budget's own channel, else the log; None:
    #: nowhere.
    ear_id: int | None


class Treasurer:
    """Reads purses, and warns once of each that is nearly or wholly used up."""

    def __init__(
        self, *, keeping: Keeping, store: Store, errands: Errands, quota: QuotaRule, clock: Clock
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._errands = errands
        self._quota = quota
        self._clock = clock

    async def purse(self, guild_id: int) -> Purse:
        """Return a server's purse as it is now. Raises StorageError."""
        now = self._clock.now()
        reading = await self._store.consult(lambda books: self._quota.budget(books, guild_id, now))
        own = await self._keeping.budget(guild_id)
        ear_id = None if own is None else own.warn_channel_id
        if ear_id is None:
            ear_id = (await self._keeping.rules(guild_id)).log_channel_id
        return Purse(own=own, reading=reading, ear_id=ear_id)

    async def watch(self, guild_id: int | None, *, refused: bool = False) -> None:
        """Let moderators know, once, when their budget is nearly or wholly used up.

        refused  something was asked for that does not fit into it any more: used up in effect.
        Never raises: what was accepted is on its way.
        """
        if guild_id is None:
            return
        try:
            await self._warn(guild_id, refused=refused)
        except StorageError as error:
            _log.warning("budget of server %d not looked at: %s", guild_id, error)

    async def watch_end(self, job: Job) -> None:
        """Look at the budget after a job that has cost more than was reserved; never raises."""
        if (job.cost_usd_micros or 0) > job.order.estimate_usd_micros:
            await self.watch(await self._payer(job))

    async def _payer(self, job: Job) -> int | None:
        """Return the server that pays for a job, wherever its clip went; None in direct messages."""
        try:
            request = await self._store.request(job.request_id)
        except StorageError as error:
            _log.warning("budget for %s not looked at: %s", job.id, error)
            return None
        return None if request is None else request.place.guild_id

    async def _warn(self, guild_id: int, *, refused: bool) -> None:
        purse = await self.purse(guild_id)
        if purse.reading is None or purse.ear_id is None:
            return
        limit = purse.reading.limit_usd_micros
        percent = warning_percent(purse.reading.spent_usd_micros, limit)
        if percent is None:
            return
        if refused:
            percent = 100
        await self._errands.tell(
            purse.ear_id,
            budget_warning(purse.reading, percent),
            self._clock.now(),
            key=f"budget {percent} of {guild_id}: {limit}",
            again_after=_WARN_AGAIN,
        )
