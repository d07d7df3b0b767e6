"""What a server may spend and has spent, and who is told that little of it is left."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.errors import StorageError
from bot.guild import Budget
from bot.model import Job
from bot.quota.budget import BudgetUsage, warning_percent
from bot.quota.rule import QuotaRule
from bot.quota.sentences import budget_warning
from bot.storage.base import JobStore
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.outbox import Outbox

_log = logging.getLogger(__name__)
#: A budget that stays nearly used up is spoken of once a week.
_WARN_AGAIN_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """A server's money."""

    #: What its moderators set; None: nothing.
    own: Budget | None
    #: Of what holds; None where nothing does.
    usage: BudgetUsage | None
    #: Where it is said that 80 or 100 % are used: the budget's own channel, else the log; None:
    #: nowhere.
    alert_channel_id: int | None


class BudgetMonitor:
    """Reads purses, and warns once of each that is nearly or wholly used up."""

    def __init__(
        self,
        *,
        guild_store: GuildSettingsStore,
        store: JobStore,
        outbox: Outbox,
        quota: QuotaRule,
        clock: Clock,
    ) -> None:
        self._guild_store = guild_store
        self._store = store
        self._outbox = outbox
        self._quota = quota
        self._clock = clock

    async def status(self, guild_id: int) -> BudgetStatus:
        """Return a server's purse as it is now. Raises StorageError."""
        now = self._clock.now()
        reading = await self._store.read_ledger(
            lambda books: self._quota.budget(books, guild_id, now)
        )
        own = await self._guild_store.budget(guild_id)
        alert_channel_id = None if own is None else own.alert_channel_id
        if alert_channel_id is None:
            alert_channel_id = (await self._guild_store.guild_settings(guild_id)).log_channel_id
        return BudgetStatus(own=own, usage=reading, alert_channel_id=alert_channel_id)

    async def check(self, guild_id: int | None, *, refused: bool = False) -> None:
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

    async def check_job(self, job: Job) -> None:
        """Look at the budget after a job that has cost more than was reserved; never raises."""
        if (job.cost_usd_micros or 0) > job.spec.estimate_usd_micros:
            await self.check(await self._paying_guild_id(job))

    async def _paying_guild_id(self, job: Job) -> int | None:
        """Return the server that pays for a job, wherever its clip went; None in direct messages."""
        try:
            request = await self._store.request(job.request_id)
        except StorageError as error:
            _log.warning("budget for %s not looked at: %s", job.id, error)
            return None
        return None if request is None else request.place.guild_id

    async def _warn(self, guild_id: int, *, refused: bool) -> None:
        purse = await self.status(guild_id)
        if purse.usage is None or purse.alert_channel_id is None:
            return
        limit = purse.usage.limit_usd_micros
        percent = warning_percent(purse.usage.spent_usd_micros, limit)
        if percent is None:
            return
        if refused:
            percent = 100
        await self._outbox.notify(
            purse.alert_channel_id,
            budget_warning(purse.usage, percent),
            self._clock.now(),
            key=f"budget {percent} of {guild_id}: {limit}",
            again_after=_WARN_AGAIN_AFTER,
        )
