"""A ledger reader that keeps its rows in lists and computes each sum anew.

The tests of the quota rule use it, and `test_ledger_machine.py` compares the database with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.guild import Block, Budget, Grant, GuildLimit, GuildSettings, Limit, Scope, Unit
from bot.model import RenderSpec, Size, Usage, Viewer
from bot.storage.base import JobUsage, LedgerReader
from bot.storage.guild_settings import DayUsage, MemberUsage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
ALICE, BOB = 1, 2
HOME, AWAY = 71, 72
PAINTERS, POETS = 801, 802


@dataclass(kw_only=True)
class LedgerJob:
    """The part of a job that the ledger records."""

    user_id: int = ALICE
    guild_id: int | None = HOME
    at: datetime = NOW
    clips: int = 1
    seconds: int = 4
    usd_micros: int = 400_000
    #: Whether the job's reservation is neither settled nor refunded, so the job has not ended.
    is_open: bool = False
    #: Whether the job's clip was kept and is being posted again.
    is_fetched: bool = False
    has_failed: bool = False

    def fail_over(self, usd_micros: int) -> None:
        self.usd_micros = usd_micros

    def settle(self, usd_micros: int) -> None:
        self.is_open = False
        self.usd_micros = usd_micros

    def refund(self) -> None:
        self.is_open = False
        self.clips = self.seconds = self.usd_micros = 0


@dataclass(kw_only=True)
class InMemoryLedger(LedgerReader):
    """All jobs, limits, grants, blocks, budgets and settings, in memory."""

    jobs: list[LedgerJob] = field(default_factory=list)
    #: By guild, scope, subject, unit and window.
    limits: dict[tuple[int, Scope, int, Unit, timedelta], GuildLimit] = field(default_factory=dict)
    given: list[Grant] = field(default_factory=list)
    #: User, guild and time of each order that a provider refused for its content.
    refusals: list[tuple[int, int | None, datetime]] = field(default_factory=list)
    #: By guild and member.
    blocks: dict[tuple[int, int], Block] = field(default_factory=dict)
    budgets: dict[int, Budget] = field(default_factory=dict)
    settings_by_guild: dict[int, GuildSettings] = field(default_factory=dict)

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        counted = self._counted(user_id, since, within)
        return Usage(
            clips=sum(job.clips for job in counted),
            seconds=sum(job.seconds for job in counted),
            usd_micros=sum(job.usd_micros for job in counted),
        )

    def usage_by_job(
        self, user_id: int, since: datetime, *, within: int | None = None
    ) -> tuple[JobUsage, ...]:
        return tuple(
            JobUsage(
                counts_at=job.at,
                clips=job.clips,
                seconds=job.seconds,
                usd_micros=job.usd_micros,
                is_reserved=job.is_open,
            )
            for job in sorted(self._counted(user_id, since, within), key=lambda job: job.at)
            if job.clips or job.seconds or job.usd_micros
        )

    def active(self, user_id: int) -> int:
        return sum(job.is_open or job.is_fetched for job in self.jobs if job.user_id == user_id)

    def active_in_guild(self, guild_id: int) -> int:
        return sum(job.is_open or job.is_fetched for job in self.jobs if job.guild_id == guild_id)

    def limits_for(
        self, guild_id: int, user_id: int, role_ids: Collection[int]
    ) -> tuple[GuildLimit, ...]:
        return tuple(
            limit
            for (guild, scope, subject, _, _), limit in self.limits.items()
            if guild == guild_id
            and (
                (scope is Scope.USER and subject == user_id)
                or (scope is Scope.ROLE and subject in role_ids)
                or scope is Scope.GUILD
            )
        )

    def grants(self, guild_id: int, user_id: int, since: datetime) -> tuple[Grant, ...]:
        whose = (guild_id, user_id)
        return tuple(
            sorted(
                (g for g in self.given if (g.guild_id, g.user_id) == whose and g.at > since),
                key=lambda grant: grant.at,
            )
        )

    def block_of(self, guild_id: int, user_id: int, now: datetime) -> Block | None:
        block = self.blocks.get((guild_id, user_id))
        if block is None or (block.until is not None and block.until <= now):
            return None
        return block

    def refused_by_moderation(
        self, user_id: int, guild_id: int | None, since: datetime
    ) -> tuple[int, datetime | None]:
        ours = [at for who, where, at in self.refusals if (who, where) == (user_id, guild_id)]
        late = [at for at in ours if at > since]
        return len(late), max(late, default=None)

    def budget(self, guild_id: int) -> Budget | None:
        return self.budgets.get(guild_id)

    def spent(self, guild_id: int | None, since: datetime) -> int:
        here = [job for job in self.jobs if guild_id in (None, job.guild_id)]
        return sum(job.usd_micros for job in here if job.at > since)

    def guild_settings(self, guild_id: int) -> GuildSettings:
        return self.settings_by_guild.get(guild_id, GuildSettings())

    def by_member(self, guild_id: int, since: datetime) -> list[MemberUsage]:
        """Return what each member used in a guild, the biggest spender first."""
        here = [job for job in self.jobs if job.guild_id == guild_id and job.at > since]
        usage = [
            MemberUsage(user_id=user_id, **_sums(job for job in here if job.user_id == user_id))
            for user_id in (ALICE, BOB)
        ]
        found = [each for each in usage if each.clips or each.failed]
        return sorted(found, key=lambda each: (-each.usd_micros, -each.clips, each.user_id))

    def by_day(self, guild_id: int, since: datetime) -> list[DayUsage]:
        """Return what a guild used, for each day with any usage."""
        here = [job for job in self.jobs if job.guild_id == guild_id and job.at > since]
        days = sorted({job.at.date() for job in here})
        usage = [
            DayUsage(day=day, **_sums(job for job in here if job.at.date() == day)) for day in days
        ]
        return [each for each in usage if each.clips or each.failed]

    def put(self, limit: GuildLimit, guild_id: int = HOME) -> None:
        key = (guild_id, limit.scope, limit.subject_id, limit.unit, limit.window)
        self.limits[key] = limit

    def _counted(self, user_id: int, since: datetime, within: int | None) -> list[LedgerJob]:
        return [
            job
            for job in self.jobs
            if job.user_id == user_id
            and job.at > since
            and (within is None or job.guild_id == within)
        ]


def _sums(jobs: Iterable[LedgerJob]) -> dict[str, int]:
    each = list(jobs)
    return {
        "clips": sum(job.clips for job in each),
        "seconds": sum(job.seconds for job in each),
        "usd_micros": sum(job.usd_micros for job in each),
        "failed": sum(job.has_failed for job in each),
    }


def in_memory_ledger(*jobs: LedgerJob, limits: Collection[GuildLimit] = ()) -> InMemoryLedger:
    ledger = InMemoryLedger(jobs=list(jobs))
    for limit in limits:
        ledger.put(limit)
    return ledger


def used(hours_ago: float = 1, **changes: object) -> LedgerJob:
    return LedgerJob(at=NOW - timedelta(hours=hours_ago), **changes)  # pyright: ignore[reportArgumentType]


def clips(amount: int, window: timedelta = DAY) -> Limit:
    return Limit(unit=Unit.CLIPS, amount=amount, window=window)


def set_limit(
    scope: Scope,
    amount: int | None,
    window: timedelta = DAY,
    *,
    unit: Unit = Unit.CLIPS,
    subject_id: int | None = None,
) -> GuildLimit:
    usual = {Scope.USER: ALICE, Scope.ROLE: PAINTERS, Scope.GUILD: HOME}
    subject_id = usual[scope] if subject_id is None else subject_id
    return GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)


def render_spec(seconds: int = 4, usd_micros: int = 400_000) -> RenderSpec:
    return RenderSpec(
        prompt="a cat plays piano",
        provider="local",
        model="m",
        seconds=seconds,
        size=Size(width_px=128, height_px=72),
        estimate_usd_micros=usd_micros,
    )


def viewer(user_id: int = ALICE, guild_id: int | None = HOME, *role_ids: int) -> Viewer:
    return Viewer(user_id=user_id, guild_id=guild_id, role_ids=frozenset(role_ids))


def stamp(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:R>"
