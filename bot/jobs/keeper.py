"""What those who keep order in a server can do. Who calls is checked here, at each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.clock import Clock
from bot.errors import BadOptionError, ModeratorsOnlyError, RefusedError
from bot.jobs.houses import Houses
from bot.jobs.treasurer import Purse, Treasurer
from bot.model import Job, State, Viewer
from bot.quota.rule import QuotaRule
from bot.quota.standing import Standing
from bot.server import (
    AuditEntry,
    Block,
    Budget,
    Grant,
    HouseRules,
    Limit,
    Scope,
    SetLimit,
    Unit,
)
from bot.storage.base import Store
from bot.storage.keeping import Actor, DayUsage, Keeping, MemberUsage

_TOP = 8
_AUDIT_LENGTH = 10
_JOBS_LENGTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a server used lately."""

    days: int
    #: By UTC day, earliest first; empty days left out.
    by_day: tuple[DayUsage, ...]
    #: Those who used most.
    by_member: tuple[MemberUsage, ...]


class Keeper:
    """The moderators' side of the service. Every refusal is a RefusedError."""

    def __init__(
        self,
        *,
        keeping: Keeping,
        houses: Houses,
        store: Store,
        treasurer: Treasurer,
        quota: QuotaRule,
        clock: Clock,
    ) -> None:
        self._keeping = keeping
        self._houses = houses
        self._store = store
        self._treasurer = treasurer
        self._quota = quota
        self._clock = clock

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
        guild_id = _kept_by(by)
        limits = [
            SetLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)
            for window, amounts in plan.items()
            for unit, amount in amounts.items()
        ]
        if not limits:
            raise BadOptionError("clips, seconds, usd", "name at least one.")
        await self._keeping.set_limits(guild_id, limits, self._actor(by))

    async def clear_limits(self, by: Viewer, scope: Scope, subject_id: int) -> int:
        """Remove a subject's limits; return how many there were."""
        return await self._keeping.clear_limits(_kept_by(by), scope, subject_id, self._actor(by))

    @property
    def defaults(self) -> tuple[Limit, ...]:
        """The bot's own limits, for units that no limit of a server is about."""
        return self._quota.defaults

    async def limits(self, by: Viewer) -> tuple[SetLimit, ...]:
        """Return all limits that are set in the server."""
        return await self._keeping.limits(_kept_by(by))

    async def standing(self, by: Viewer, member: Viewer) -> Standing:
        """Return where a member of the same server stands."""
        _kept_by(by)
        now = self._clock.now()
        return await self._store.consult(lambda books: self._quota.standing(books, member, now))

    async def grant(
        self, by: Viewer, user_id: int, amounts: Mapping[Unit, int], reason: str | None
    ) -> None:
        """Give a member a one-off extra. Raises BadOptionError where no amount is given."""
        guild_id, actor = _kept_by(by), self._actor(by)
        if not amounts:
            raise BadOptionError("clips, seconds, usd", "name at least one.")
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
        await self._keeping.grant(grants, actor)

    async def set_budget(self, by: Viewer, budget: Budget | None) -> Purse:
        """Set the server's budget, or none; return what holds then. One spent already is warned of."""
        guild_id = _kept_by(by)
        await self._keeping.set_budget(guild_id, budget, self._actor(by))
        await self._treasurer.watch(guild_id)
        return await self._treasurer.purse(guild_id)

    async def purse(self, by: Viewer) -> Purse:
        """Return the server's budget and what is spent of it."""
        return await self._treasurer.purse(_kept_by(by))

    async def block(
        self, by: Viewer, user_id: int, lasting: timedelta | None, reason: str | None
    ) -> Block:
        """Keep a member from making clips here, for a while or until it is lifted."""
        guild_id, actor = _kept_by(by), self._actor(by)
        block = Block(
            guild_id=guild_id,
            user_id=user_id,
            at=actor.at,
            by_user_id=by.user_id,
            until=None if lasting is None else actor.at + lasting,
            reason=reason,
        )
        await self._keeping.block(block, actor)
        return block

    async def unblock(self, by: Viewer, user_id: int) -> bool:
        """Lift a block; False when there was none in force."""
        return await self._keeping.unblock(_kept_by(by), user_id, self._actor(by))

    async def blocks(self, by: Viewer) -> tuple[Block, ...]:
        """Return the blocks in force, latest first."""
        return await self._keeping.blocks(_kept_by(by), self._clock.now())

    async def rules(self, guild_id: int) -> HouseRules:
        """Return a server's rules; anybody may know them."""
        return await self._keeping.rules(guild_id)

    async def change_rules(self, by: Viewer, rules: HouseRules, *, seen: HouseRules) -> None:
        """Replace the server's rules, unless somebody else changed them since they were `seen`."""
        changed = await self._keeping.change_rules(_kept_by(by), rules, self._actor(by), seen=seen)
        self._houses.forget(_kept_by(by))
        if not changed:
            raise RefusedError("Somebody else has just changed the settings. Open them again.")

    async def audit(
        self, by: Viewer, user_id: int | None, *, before_id: int | None = None
    ) -> tuple[AuditEntry, ...]:
        """Return ten changes, latest first: all, or those by or about a member."""
        return await self._keeping.audit(
            _kept_by(by), user_id, before_id=before_id, limit=_AUDIT_LENGTH
        )

    async def usage(self, by: Viewer, days: int, *, most: int = _TOP) -> Report:
        """Return what the server used in so many days."""
        guild_id = _kept_by(by)
        since = self._clock.now() - timedelta(days=days)
        return Report(
            days=days,
            by_day=await self._keeping.usage_by_day(guild_id, since),
            by_member=await self._keeping.usage_by_member(guild_id, since, most),
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
        return await self._keeping.server_jobs(
            _kept_by(by), states, user_id, before_seq=before_seq, limit=_JOBS_LENGTH
        )

    def _actor(self, by: Viewer) -> Actor:
        return Actor(user_id=by.user_id, at=self._clock.now())


def _kept_by(by: Viewer) -> int:
    """Return the server that `by` may keep. Raises ModeratorsOnlyError."""
    if by.guild_id is None or not by.is_moderator:
        raise ModeratorsOnlyError
    return by.guild_id
