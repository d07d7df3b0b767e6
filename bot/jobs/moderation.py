"""What those who keep order in a server can do. Who calls is checked here, at each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import BadOptionError, RefusedError
from bot.guild import (
    AuditEntry,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    Limit,
    Scope,
    Unit,
)
from bot.jobs.budget import BudgetMonitor, BudgetStatus
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.ports import Dependencies
from bot.model import Job, State, Viewer
from bot.quota.quota_status import QuotaStatus
from bot.storage.guild_settings import Actor, DayUsage, MemberUsage

_TOP_MEMBERS = 8
_AUDIT_PAGE = 10
_JOBS_PAGE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What a server used lately."""

    days: int
    #: By UTC day, earliest first; empty days left out.
    by_day: tuple[DayUsage, ...]
    #: Those who used most.
    by_member: tuple[MemberUsage, ...]


class ModerationService:
    """The moderators' side of the service. Every refusal is a RefusedError."""

    def __init__(
        self,
        dependencies: Dependencies,
        settings_cache: GuildSettingsCache,
        budget_monitor: BudgetMonitor,
    ) -> None:
        self._guild_store = dependencies.guild_store
        self._settings_cache = settings_cache
        self._store = dependencies.store
        self._budget_monitor = budget_monitor
        self._quota = dependencies.quota
        self._clock = dependencies.clock

    async def set_limits(
        self,
        by: Viewer,
        scope: Scope,
        subject_id: int,
        plan: Mapping[timedelta, Mapping[Unit, int | None]],
    ) -> None:
        """Set limits, by window; None for an amount lifts the limit of that unit. All, or none.

        Raises BadOptionError where no amount is given.
        """
        guild_id = by.moderated_guild_id()
        limits = [
            GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)
            for window, amounts in plan.items()
            for unit, amount in amounts.items()
        ]
        if not limits:
            raise BadOptionError(_amount_options(), "name at least one.")
        await self._guild_store.set_limits(guild_id, limits, self._actor(by))

    async def clear_limits(self, by: Viewer, scope: Scope, subject_id: int) -> int:
        """Remove a subject's limits; return how many there were."""
        return await self._guild_store.clear_limits(
            by.moderated_guild_id(), scope, subject_id, self._actor(by)
        )

    @property
    def defaults(self) -> tuple[Limit, ...]:
        """The bot's own limits, for units that no limit of a server is about."""
        return self._quota.defaults

    async def limits(self, by: Viewer) -> tuple[GuildLimit, ...]:
        """Return all limits that are set in the server."""
        return await self._guild_store.limits(by.moderated_guild_id())

    async def quota_status(self, by: Viewer, member: Viewer) -> QuotaStatus:
        """Return where a member of the same server stands."""
        by.moderated_guild_id()
        now = self._clock.now()
        return await self._store.read_ledger(lambda books: self._quota.status(books, member, now))

    async def grant(
        self, by: Viewer, user_id: int, amounts: Mapping[Unit, int], reason: str | None
    ) -> None:
        """Give a member a one-off extra. Raises BadOptionError where no amount is given."""
        guild_id, actor = by.moderated_guild_id(), self._actor(by)
        if not amounts:
            raise BadOptionError(_amount_options(), "name at least one.")
        grants = [
            Grant(
                guild_id=guild_id,
                user_id=user_id,
                unit=unit,
                amount=amount,
                at=actor.at,
                reason=reason,
            )
            for unit, amount in amounts.items()
        ]
        await self._guild_store.grant(grants, actor)

    async def set_budget(self, by: Viewer, budget: Budget | None) -> BudgetStatus:
        """Set the server's budget, or none; return what holds then. One spent already is warned of."""
        guild_id = by.moderated_guild_id()
        await self._guild_store.set_budget(guild_id, budget, self._actor(by))
        await self._budget_monitor.check(guild_id)
        return await self._budget_monitor.status(guild_id)

    async def budget_status(self, by: Viewer) -> BudgetStatus:
        """Return the server's budget and what is spent of it."""
        return await self._budget_monitor.status(by.moderated_guild_id())

    async def block(
        self, by: Viewer, user_id: int, lasting: timedelta | None, reason: str | None
    ) -> Block:
        """Keep a member from making clips here, for a while or until it is lifted."""
        guild_id, actor = by.moderated_guild_id(), self._actor(by)
        block = Block(
            guild_id=guild_id,
            user_id=user_id,
            at=actor.at,
            by_user_id=by.user_id,
            until=None if lasting is None else actor.at + lasting,
            reason=reason,
        )
        await self._guild_store.block(block, actor)
        return block

    async def unblock(self, by: Viewer, user_id: int) -> bool:
        """Lift a block; False when there was none in force."""
        return await self._guild_store.unblock(by.moderated_guild_id(), user_id, self._actor(by))

    async def blocks(self, by: Viewer) -> tuple[Block, ...]:
        """Return the blocks in force, latest first."""
        return await self._guild_store.blocks(by.moderated_guild_id(), self._clock.now())

    async def settings(self, guild_id: int) -> GuildSettings:
        """Return a server's rules; anybody may know them."""
        return await self._guild_store.guild_settings(guild_id)

    async def change_settings(
        self, by: Viewer, settings: GuildSettings, *, seen: GuildSettings
    ) -> None:
        """Replace the server's rules, unless somebody else changed them since they were `seen`."""
        changed = await self._guild_store.replace_guild_settings(
            by.moderated_guild_id(), settings, self._actor(by), expected=seen
        )
        self._settings_cache.invalidate(by.moderated_guild_id())
        if not changed:
            raise RefusedError("Somebody else has just changed the settings. Open them again.")

    async def audit(
        self, by: Viewer, user_id: int | None, *, before_id: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Return ten changes, latest first: all, or those by or about a member."""
        return await self._guild_store.audit_log(
            by.moderated_guild_id(), user_id, before_id=before_id, limit=_AUDIT_PAGE
        )

    async def usage(self, by: Viewer, days: int, *, most: int = _TOP_MEMBERS) -> UsageReport:
        """Return what the server used in so many days."""
        guild_id = by.moderated_guild_id()
        since = self._clock.now() - timedelta(days=days)
        return UsageReport(
            days=days,
            by_day=await self._guild_store.usage_by_day(guild_id, since),
            by_member=await self._guild_store.usage_by_member(guild_id, since, most),
        )

    async def jobs(
        self,
        by: Viewer,
        states: Sequence[State],
        user_id: int | None,
        *,
        before_seq: int | None = None,
    ) -> tuple[tuple[int, Job], ...]:
        """Return five jobs of the server with their order of acceptance, latest first."""
        return await self._guild_store.guild_jobs(
            by.moderated_guild_id(), states, user_id, before_seq=before_seq, limit=_JOBS_PAGE
        )

    def _actor(self, by: Viewer) -> Actor:
        return Actor(user_id=by.user_id, at=self._clock.now())


def _amount_options() -> str:
    return ", ".join(unit.option for unit in Unit)
