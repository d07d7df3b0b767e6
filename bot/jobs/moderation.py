"""What moderators of a guild can do; each method that takes `by` checks that they are one."""

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
from bot.jobs.budget import BudgetStatus
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State, Viewer
from bot.quota.quota_status import QuotaStatus
from bot.storage.guild_settings import Actor, DayUsage, MemberUsage

_TOP_MEMBERS = 8
_AUDIT_PAGE = 10
_JOBS_PAGE = 5
_AMOUNT_OPTIONS = ", ".join(unit.option for unit in Unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """What a guild used in the last `days` days."""

    days: int
    #: The usage of each UTC day, earliest first; days without usage are left out.
    by_day: tuple[DayUsage, ...]
    #: The usage of the members who used most, the heaviest user first.
    by_member: tuple[MemberUsage, ...]


class ModerationService:
    """Limits, grants, budgets, blocks, settings and reports of a guild.

    Every refusal is a RefusedError: a ModeratorsOnlyError where `by` is no moderator of the guild.
    """

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._guild_store = ctx.guild_store
        self._budget_monitor = ctx.budget_monitor

    async def set_limits(
        self,
        by: Viewer,
        scope: Scope,
        subject_id: int,
        plan: Mapping[timedelta, Mapping[Unit, int | None]],
    ) -> None:
        """Set all limits of `plan` (window → unit → amount), or none; None lifts a limit.

        Raises BadOptionError when `plan` has no amount.
        """
        guild_id = by.moderated_guild_id()
        limits = [
            GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)
            for window, amounts in plan.items()
            for unit, amount in amounts.items()
        ]
        if not limits:
            raise BadOptionError(_AMOUNT_OPTIONS, "name at least one.")
        await self._guild_store.set_limits(guild_id, limits, self._actor(by))

    async def clear_limits(self, by: Viewer, scope: Scope, subject_id: int) -> int:
        """Remove a subject's limits; return how many there were."""
        return await self._guild_store.clear_limits(
            by.moderated_guild_id(), scope, subject_id, self._actor(by)
        )

    @property
    def defaults(self) -> tuple[Limit, ...]:
        """The operator's limits, which apply to units that no limit of a guild names."""
        return self._ctx.quota.defaults

    def ceiling(self, by: Viewer) -> tuple[Limit, ...]:
        """Return the operator's limits that the guild's own can't exceed; none in a trusted guild."""
        return self._ctx.quota.ceiling(by.moderated_guild_id())

    async def limits(self, by: Viewer) -> tuple[GuildLimit, ...]:
        """Return all limits that are set in the guild."""
        return await self._guild_store.limits(by.moderated_guild_id())

    async def quota_status(self, by: Viewer, member: Viewer) -> QuotaStatus:
        """Return the limits that apply to a member of the same guild, and the usage."""
        by.moderated_guild_id()
        now, quota = self._ctx.now(), self._ctx.quota
        return await self._ctx.store.read_ledger(lambda ledger: quota.status(ledger, member, now))

    async def grant(
        self, by: Viewer, user_id: int, amounts: Mapping[Unit, int], reason: str | None
    ) -> None:
        """Give a member a one-off extra. Raises BadOptionError when `amounts` is empty."""
        guild_id, actor = by.moderated_guild_id(), self._actor(by)
        if not amounts:
            raise BadOptionError(_AMOUNT_OPTIONS, "name at least one.")
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
        """Set the guild's budget, or remove it (None); return the new budget status.

        Moderators are warned at once if the budget is already nearly or wholly spent.
        """
        guild_id = by.moderated_guild_id()
        await self._guild_store.set_budget(guild_id, budget, self._actor(by))
        await self._budget_monitor.check(guild_id)
        return await self._budget_monitor.status(guild_id)

    async def budget_status(self, by: Viewer) -> BudgetStatus:
        """Return the guild's budget and how much of the budget is spent."""
        return await self._budget_monitor.status(by.moderated_guild_id())

    async def block(
        self, by: Viewer, user_id: int, lasting: timedelta | None, reason: str | None
    ) -> Block:
        """Block a member from making clips; `lasting` None blocks until the block is lifted."""
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
        """Lift a member's block; return False when none was in force."""
        return await self._guild_store.unblock(by.moderated_guild_id(), user_id, self._actor(by))

    async def blocks(self, by: Viewer) -> tuple[Block, ...]:
        """Return the blocks in force, latest first."""
        return await self._guild_store.blocks(by.moderated_guild_id(), self._ctx.now())

    async def settings(self, guild_id: int) -> GuildSettings:
        """Return a guild's settings; members who are no moderators may read them too."""
        return await self._guild_store.guild_settings(guild_id)

    async def change_settings(
        self, by: Viewer, settings: GuildSettings, *, seen: GuildSettings
    ) -> None:
        """Replace the guild's settings.

        Raises RefusedError, and changes nothing, unless the stored settings still equal `seen`.
        """
        if not await self._ctx.settings_cache.replace(by, settings, seen=seen):
            raise RefusedError("Somebody else has just changed the settings. Open them again.")

    async def audit(
        self, by: Viewer, user_id: int | None, *, before_id: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Return ten audit entries, latest first: all, or those by or about a member."""
        return await self._guild_store.audit_log(
            by.moderated_guild_id(), user_id, before_id=before_id, limit=_AUDIT_PAGE
        )

    async def usage(self, by: Viewer, days: int, *, most: int = _TOP_MEMBERS) -> UsageReport:
        """Return what the guild used in the last `days` days, with the `most` heaviest users."""
        guild_id = by.moderated_guild_id()
        since = self._ctx.now() - timedelta(days=days)
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
        """Return five jobs of the guild, each with its sequence number, latest first."""
        return await self._guild_store.guild_jobs(
            by.moderated_guild_id(), states, user_id, before_seq=before_seq, limit=_JOBS_PAGE
        )

    def _actor(self, by: Viewer) -> Actor:
        return Actor(user_id=by.user_id, at=self._ctx.now())
