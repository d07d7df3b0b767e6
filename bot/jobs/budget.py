"""What a guild may spend and has spent, and the warning when little of its budget is left."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import StorageError
from bot.guild import Budget
from bot.jobs.ports import Dependencies
from bot.model import Job
from bot.quota.budget import BudgetUsage, warning_percent
from bot.quota.sentences import budget_warning

_log = logging.getLogger(__name__)
#: The same warning is sent at most once in this time.
_WARN_AGAIN_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetStatus:
    """A guild's budget and how much of the budget is used."""

    #: The budget that the guild's moderators set, if any.
    own: Budget | None
    #: The usage of the budget in force; None where there is no budget.
    usage: BudgetUsage | None
    #: The channel of the warnings at 80 and 100 %: the budget's alert channel, else the guild's log
    #: channel; None where there is neither.
    alert_channel_id: int | None


class BudgetMonitor:
    """Reads budgets, and warns moderators at 80 and at 100 % of one; again after seven days."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._guild_store = dependencies.guild_store
        self._clock = dependencies.clock

    async def status(self, guild_id: int) -> BudgetStatus:
        """Return a guild's budget status as of now. Raises StorageError."""
        now = self._clock.now()
        store, quota = self._dependencies.store, self._dependencies.quota
        usage = await store.read_ledger(lambda ledger: quota.budget(ledger, guild_id, now))
        own = await self._guild_store.budget(guild_id)
        alert_channel_id = None if own is None else own.alert_channel_id
        if alert_channel_id is None:
            alert_channel_id = (await self._guild_store.guild_settings(guild_id)).log_channel_id
        return BudgetStatus(own=own, usage=usage, alert_channel_id=alert_channel_id)

    async def check(self, guild_id: int | None, *, refused: bool = False) -> None:
        """Warn moderators, once, when their guild's budget is nearly or wholly used up.

        refused  whether a request was just refused for lack of budget, which counts as 100 % used.
        Never raises, so that no accepted request fails.
        """
        if guild_id is None:
            return
        try:
            await self._warn(guild_id, refused=refused)
        except StorageError as error:
            _log.warning("budget of guild %d not checked: %s", guild_id, error)

    async def check_job(self, job: Job) -> None:
        """Check the paying guild's budget if a job cost more than was reserved; never raises."""
        if (job.cost_usd_micros or 0) <= job.spec.estimate_usd_micros:
            return
        try:
            # The guild of the request pays, wherever the clip was posted.
            request = await self._dependencies.store.request(job.request_id)
        except StorageError as error:
            _log.warning("budget for %s not checked: %s", job.id, error)
        else:
            await self.check(None if request is None else request.place.guild_id)

    async def _warn(self, guild_id: int, *, refused: bool) -> None:
        status = await self.status(guild_id)
        if status.usage is None or status.alert_channel_id is None:
            return
        limit = status.usage.limit_usd_micros
        percent = warning_percent(status.usage.spent_usd_micros, limit)
        if percent is None:
            return
        percent = 100 if refused else percent
        await self._dependencies.outbox.notify(
            status.alert_channel_id,
            budget_warning(status.usage, percent),
            self._clock.now(),
            key=f"budget {percent} of {guild_id}: {limit}",
            again_after=_WARN_AGAIN_AFTER,
        )
