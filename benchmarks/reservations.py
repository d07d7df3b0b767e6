"""Measures quota reservations by many callers at once, beside the same rows in bare sqlite3."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.figures import heading, quantiles, table, verdict
from benchmarks.population import Population, PopulationGuild
from benchmarks.seeding import job_id_of, seed
from bot.errors import OverQuotaError
from bot.guild import WINDOWS, Budget, GuildLimit, Limit, Scope, Unit
from bot.model import EntryKind, Job, LedgerEntry, Place, RenderSpec, Request, Size, State, Viewer
from bot.quota.rule import QuotaRule
from bot.storage.base import NewJob
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import from_ms, row_of_entry, row_of_job, row_of_request, to_ms

#: The targets of the command → answer benchmark, because most of an answer's time is the
#: reservation.
_BUDGET_RATIO, _BUDGET_MS = 3.0, 250.0
_MANY = 1_000_000
_DOLLAR_MICROS = 1_000_000
_BUDGET = Budget(usd_micros=_MANY * _DOLLAR_MICROS)
_ROLES = (801, 802, 803)
#: In each guild, the busiest members have used up a limit; these are the limits' windows.
_LIMITED = ("day", "month")
#: The price of a usual clip, and a price that exceeds the rest of every budget.
_USUAL_MICROS, _DEAR_MICROS = 800_000, _BUDGET.usd_micros - 1
_RULE = QuotaRule(
    defaults=(Limit(unit=Unit.SECONDS, amount=_MANY, window=WINDOWS["day"]),),
    max_active=_MANY,
    max_active_in_guild=_MANY,
    guild_budget_usd_micros=None,
)
#: Ends all jobs between two rounds, because no real guild has hundreds of jobs in progress.
_END_ALL = """
BEGIN;
INSERT INTO ledger (job_id, user_id, guild_id, kind, clips, seconds, usd_micros, at, counts_at)
SELECT job_id, user_id, guild_id, 'settle', 0, 0, 0, at, counts_at FROM ledger
WHERE job_id IN (SELECT id FROM jobs WHERE finished_at IS NULL);
UPDATE jobs SET state = 'failed', error_code = 'benchmark', due_at = NULL,
    finished_at = created_at, cost_usd_micros = estimate_usd_micros
WHERE finished_at IS NULL;
COMMIT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsConfig:
    """How much is measured: in each round, `callers` make `calls` reservations each."""

    jobs: int = 100_000
    callers: int = 64
    calls: int = 20
    rounds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationCall:
    """The arguments of one reservation, drawn before timing starts."""

    request: Request
    new_job: NewJob
    viewer: Viewer


@dataclass(slots=True, kw_only=True)
class ReservationScenario:
    """A kind of reservation: how its calls are drawn and made, and how long each call took."""

    handle: Callable[[ReservationCall], Awaitable[None]]
    draw: Callable[[], ReservationCall]
    took_ms: list[float] = field(default_factory=list)
    wall_s: float = 0.0


async def run(config: ReservationsConfig) -> None:
    """Measure and print."""
    heading(f"Reservations by {config.callers} callers at once, {config.jobs:,} jobs of history")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        path, population = Path(name) / "seeded.sqlite3", Population()
        await seed(path, population, config.jobs)
        store, bare = await SqliteJobStore.open(path), _Bare(path, config.jobs)
        try:
            members = _Members(population, await _set_limits_and_budgets(store, population))
            scenarios = {
                "bare sqlite3: one SUM, the same rows": ReservationScenario(
                    handle=bare.accept, draw=members.draw
                ),
                "accepted": ReservationScenario(handle=_accepting(store), draw=members.draw),
                "refused: a day's limit of the busiest member": ReservationScenario(
                    handle=_refusing(store), draw=members.with_a_days_limit
                ),
                "refused: a month's limit of the next": ReservationScenario(
                    handle=_refusing(store), draw=members.with_a_months_limit
                ),
                "refused: the largest server's budget": ReservationScenario(
                    handle=_refusing(store), draw=members.over_budget
                ),
            }
            for _ in range(config.rounds):
                for scenario in scenarios.values():
                    await _round(scenario, config)
                    await store.database.run(lambda conn: conn.executescript(_END_ALL))
        finally:
            bare.close()
            await store.close()
    _print(scenarios)


async def _set_limits_and_budgets(store: SqliteJobStore, population: Population) -> datetime:
    """Give every guild limits and a budget; return a time just after the newest seeded job."""
    latest = await store.database.read(
        lambda conn: conn.execute("SELECT max(created_at) FROM jobs").fetchone()[0]
    )
    now = from_ms(latest) + timedelta(minutes=1)
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    operator = Actor(user_id=None, at=now)
    for server in population.guilds:
        await guild_store.set_limits(server.guild_id, list(_limits(server)), operator)
        await guild_store.set_budget(server.guild_id, _BUDGET, operator)
    return now


def _limits(guild: PopulationGuild) -> Iterator[GuildLimit]:
    def limit(scope: Scope, subject_id: int, unit: Unit, amount: int, window: str) -> GuildLimit:
        return GuildLimit(
            scope=scope, subject_id=subject_id, unit=unit, amount=amount, window=WINDOWS[window]
        )

    for role_id in _ROLES:
        for window in WINDOWS:
            yield limit(Scope.ROLE, role_id, Unit.CLIPS, _MANY, window)
    yield limit(Scope.GUILD, guild.guild_id, Unit.SECONDS, 10 * _MANY, "day")
    yield limit(Scope.GUILD, guild.guild_id, Unit.USD_MICROS, 2 * _BUDGET.usd_micros, "month")
    for user_id, window in zip(guild.members, _LIMITED, strict=False):
        yield limit(Scope.USER, user_id, Unit.CLIPS, 1, window)


class _Members:
    """Draws reservations of members, in guilds weighted by activity or in the largest guild."""

    def __init__(self, population: Population, now: datetime) -> None:
        self._population = population
        self._now = now
        self._numbers = itertools.count(8 * 10**17)

    def draw(self) -> ReservationCall:
        """Draw a reservation that the quota accepts."""
        server = self._population.draw_guild()
        while (user_id := self._population.draw_one(server.members)) in server.members[
            : len(_LIMITED)
        ]:
            pass
        return self._call(server, user_id)

    def with_a_days_limit(self) -> ReservationCall:
        """Draw a reservation of the busiest member, whose daily limit is used up."""
        server = self._population.guilds[0]
        return self._call(server, server.members[0])

    def with_a_months_limit(self) -> ReservationCall:
        """Draw a reservation of the second busiest member, whose monthly limit is used up.

        Hundreds of that member's clips count towards the monthly limit.
        """
        server = self._population.guilds[0]
        return self._call(server, server.members[1])

    def over_budget(self) -> ReservationCall:
        """Draw a reservation that exceeds the budget of the largest guild."""
        server = self._population.guilds[0]
        return self._call(server, server.members[2], _DEAR_MICROS)

    def _call(
        self, guild: PopulationGuild, user_id: int, usd_micros: int = _USUAL_MICROS
    ) -> ReservationCall:
        place = Place(
            guild_id=guild.guild_id,
            channel_id=self._population.draw_one(guild.channel_ids),
            upload_limit_bytes=10_485_760,
        )
        spec = RenderSpec(
            prompt=self._population.draw_prompt(),
            provider="openai",
            model="sora-2",
            seconds=8,
            size=Size(width_px=1280, height_px=720),
            estimate_usd_micros=usd_micros,
        )
        number = next(self._numbers)
        return ReservationCall(
            request=Request(id=number, user_id=user_id, place=place, created_at=self._now),
            new_job=NewJob(spec=spec, seed=1),
            viewer=Viewer(user_id=user_id, guild_id=guild.guild_id, role_ids=frozenset(_ROLES)),
        )


class _Bare:
    """The baseline: the smallest equivalent transaction in plain sqlite3, on its own thread."""

    def __init__(self, path: Path, jobs: int) -> None:
        self._queries = Queries.load()
        self._numbers = itertools.count(jobs + 1)
        self._thread = ThreadPoolExecutor(1)
        self._conn = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._conn.execute("PRAGMA synchronous = FULL")
        self._conn.execute("PRAGMA foreign_keys = ON")
        self._conn.execute("PRAGMA busy_timeout = 2000")

    async def accept(self, call: ReservationCall) -> None:
        rows = self._rows(call)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, call, rows)

    def close(self) -> None:
        self._thread.shutdown()
        self._conn.close()

    def _rows(self, call: ReservationCall) -> list[tuple[str, dict[str, object]]]:
        request, spec = call.request, call.new_job.spec
        job = Job(
            id=job_id_of(next(self._numbers)),
            request_id=request.id,
            variant=0,
            user_id=request.user_id,
            place=request.place,
            spec=spec,
            seed=1,
            state=State.QUEUED,
            created_at=request.created_at,
            state_at=request.created_at,
            due_at=request.created_at,
        )
        entry = LedgerEntry(
            job_id=job.id,
            user_id=job.user_id,
            guild_id=request.place.guild_id,
            kind=EntryKind.RESERVE,
            clips=1,
            seconds=spec.seconds,
            usd_micros=spec.estimate_usd_micros,
            at=job.created_at,
            counts_at=job.created_at,
        )
        return [
            (self._queries["insert_request"], row_of_request(request)),
            (self._queries["insert_job"], row_of_job(job)),
            (self._queries["append_entry"], row_of_entry(entry)),
        ]

    def _write(self, call: ReservationCall, rows: Sequence[tuple[str, dict[str, object]]]) -> None:
        since = call.request.created_at - WINDOWS["month"]
        self._conn.execute("BEGIN IMMEDIATE")
        self._conn.execute(
            "SELECT sum(clips) FROM ledger WHERE user_id = ? AND counts_at > ?",
            (call.request.user_id, to_ms(since)),
        ).fetchone()
        for statement, row in rows:
            self._conn.execute(statement, row)
        self._conn.execute("COMMIT")


def _accepting(store: SqliteJobStore) -> Callable[[ReservationCall], Awaitable[None]]:
    async def accept(call: ReservationCall) -> None:
        specs, now = [call.new_job.spec], call.request.created_at
        await store.accept(
            call.request,
            [call.new_job],
            lambda ledger: _RULE.check(ledger, call.viewer, specs, now),
        )

    return accept


def _refusing(store: SqliteJobStore) -> Callable[[ReservationCall], Awaitable[None]]:
    accept = _accepting(store)

    async def refuse(call: ReservationCall) -> None:
        try:
            await accept(call)
        except OverQuotaError:
            return
        raise AssertionError("the call should have been refused")

    return refuse


async def _round(scenario: ReservationScenario, config: ReservationsConfig) -> None:
    """Have all callers make their reservations concurrently, each caller one after the other."""
    calls = [[scenario.draw() for _ in range(config.calls)] for _ in range(config.callers)]

    async def run_calls(own: Sequence[ReservationCall]) -> None:
        for call in own:
            began_s = time.perf_counter()
            await scenario.handle(call)
            scenario.took_ms.append((time.perf_counter() - began_s) * 1e3)

    began_s = time.perf_counter()
    await asyncio.gather(*map(run_calls, calls))
    scenario.wall_s += time.perf_counter() - began_s


def _print(scenarios: dict[str, ReservationScenario]) -> None:
    found = {name: quantiles(scenario.took_ms) for name, scenario in scenarios.items()}
    bare, accepted, *_ = found.values()
    rows = [
        (
            name,
            f"{each.count / scenarios[name].wall_s:,.0f}",
            each.p50,
            each.p95,
            each.p99,
            each.worst,
            each.p99 / bare.p99,
        )
        for name, each in found.items()
    ]
    table(["scenario", "calls/s", "p50 ms", "p95", "p99", "worst", "p99 ÷ bare"], rows)
    ratio = accepted.p99 / bare.p99
    verdict(
        f"accepted, p99 ≤ {_BUDGET_RATIO:.0f} × bare and < {_BUDGET_MS:.0f} ms",
        is_met=ratio <= _BUDGET_RATIO and accepted.p99 < _BUDGET_MS,
        found=f"{ratio:.1f} ×, {accepted.p99:.0f} ms",
    )
