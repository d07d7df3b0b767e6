"""What moderators keep of their server, every change of it audited in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from bot.guild import (
    AuditEntry,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    Scope,
)
from bot.model import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who changes something, and when."""

    #: None: the operator, from the shell.
    user_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUsage:
    """What was reserved in a server on one UTC day, at its present cost."""

    day: date
    clips: int
    seconds: int
    usd_micros: int
    #: Jobs that failed; those that the provider charged for are among `clips`, too.
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberUsage:
    """What one member used in a server."""

    user_id: int
    clips: int
    seconds: int
    usd_micros: int
    failed: int


class GuildSettingsStore(Protocol):
    """All servers' limits, grants, budgets, blocks, rules and audits. Raises StorageError.

    Each change writes an AuditEntry with what was before and is after, in words; a change that
    changes nothing writes none.
    """

    async def set_limits(self, guild_id: int, limits: Sequence[GuildLimit], actor: Actor) -> None:
        """Set limits; one of the same scope, subject, unit and window is replaced."""
        ...

    async def clear_limits(self, guild_id: int, scope: Scope, subject_id: int, actor: Actor) -> int:
        """Remove all limits of a subject; return how many there were."""
        ...

    async def limits(self, guild_id: int) -> tuple[GuildLimit, ...]:
        """Return all limits that are set in a server, by scope, subject, unit and window."""
        ...

    async def grant(self, grants: Sequence[Grant], actor: Actor) -> None:
        """Note one-off extras in one server: all of them, or none."""
        ...

    async def set_budget(self, guild_id: int, budget: Budget | None, actor: Actor) -> None:
        """Set a server's budget, or none."""
        ...

    async def budget(self, guild_id: int) -> Budget | None:
        """Return a server's budget."""
        ...

    async def spent(self, guild_id: int, since: datetime) -> int:
        """Return the USD micros of what was reserved in a server after `since`."""
        ...

    async def block(self, block: Block, actor: Actor) -> None:
        """Block a member; a second block replaces the first."""
        ...

    async def unblock(self, guild_id: int, user_id: int, actor: Actor) -> bool:
        """Lift a block; False when there was none in force."""
        ...

    async def blocks(self, guild_id: int, now: datetime) -> tuple[Block, ...]:
        """Return the blocks in force, latest first."""
        ...

    async def guild_settings(self, guild_id: int) -> GuildSettings:
        """Return a server's rules; the defaults where it has none."""
        ...

    async def replace_guild_settings(
        self, guild_id: int, settings: GuildSettings, actor: Actor, *, expected: GuildSettings
    ) -> bool:
        """Replace a server's rules; False, and nothing changed, when they are not as `seen`."""
        ...

    async def audit_log(
        self, guild_id: int, user_id: int | None, *, before_id: int | None, limit: int
    ) -> tuple[AuditEntry, ...]:
        """Return changes, latest first: all, or those by or about a member."""
        ...

    async def usage_by_day(self, guild_id: int, since: datetime) -> tuple[DayUsage, ...]:
        """Return what was reserved since an instant, by UTC day, earliest first; empty days left out."""
        ...

    async def usage_by_member(
        self, guild_id: int, since: datetime, limit: int
    ) -> tuple[MemberUsage, ...]:
        """Return the members who used most since an instant: USD, then clips."""
        ...

    async def guild_jobs(
        self,
        guild_id: int,
        states: Sequence[State],
        user_id: int | None,
        *,
        before_seq: int | None,
        limit: int,
    ) -> tuple[tuple[int, Job], ...]:
        """Return jobs of a server with their order of acceptance, latest first.

        before_seq  only those accepted before this one; deleted ones are left out.
        """
        ...
