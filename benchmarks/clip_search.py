"""Measures lists and searches in a database of a million jobs, beside a look-up by primary key."""

from __future__ import annotations

import asyncio
import functools
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Quantiles, heading, quantiles, table, verdict
from benchmarks.population import Population, PopulationGuild
from benchmarks.seeding import job_id_of, seed
from bot.model import Viewer
from bot.storage.clip_search import ClipFilter, ClipSort, Cursor
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Queries

_T = TypeVar("_T")

_BUDGET_MS = 5.0
_PAGE, _SUGGESTIONS = 10, 25
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSearchConfig:
    """How much the clip search benchmark measures: `calls` of each query, among `jobs` jobs."""

    jobs: int = 1_000_000
    calls: int = 200
    channel_counts: tuple[int, ...] = (5, 30, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the database thread took for the calls of one kind of query."""

    wall_ms: Quantiles
    #: CPU time of the database thread, which other programs on the machine don't influence.
    busy_ms: Quantiles


#: The type of a function that draws a query's arguments before timing starts, and returns the call
#: to time.
_Draw = Callable[[], Callable[[], Awaitable[object]]]


async def run(config: ClipSearchConfig) -> None:
    """Measure and print."""
    heading(f"Lists and searches with {config.jobs:,} jobs, ms in the database")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        path, population = Path(name) / "seeded.sqlite3", Population()
        began_s = time.monotonic()
        await seed(path, population, config.jobs)
        size_mb = path.stat().st_size / 1e6
        print(f"Seeded {size_mb:,.0f} MB in {time.monotonic() - began_s:.0f} s.\n", flush=True)
        bare = await asyncio.to_thread(_bare, path, population, config)
        found = await _ours(path, population, config)
    _print(bare, found)


def _bare(path: Path, population: Population, config: ClipSearchConfig) -> Timing:
    """Return how long plain sqlite3 takes to look up a job by its primary key: the baseline."""
    conn = sqlite3.connect(path)
    took: list[tuple[float, float]] = []
    for _ in range(config.calls * 5):
        seq = population.chance.randint(1, config.jobs)
        began_s, worked_s = time.perf_counter(), time.thread_time()
        conn.execute("SELECT * FROM jobs WHERE seq = ?", (seq,)).fetchall()
        busy_s, wall_s = time.thread_time() - worked_s, time.perf_counter() - began_s
        took.append((wall_s * 1e3, busy_s * 1e3))
    conn.close()
    wall_ms, busy_ms = zip(*took, strict=True)
    return Timing(wall_ms=quantiles(wall_ms), busy_ms=quantiles(busy_ms))


async def _ours(
    path: Path, population: Population, config: ClipSearchConfig
) -> dict[str, list[Timing]]:
    """Return the timings of each kind of query, for the smallest and the largest guild."""
    database = await _TimedDatabase.open(path)
    assert isinstance(database, _TimedDatabase)
    try:
        store = SqliteJobStore(database, Queries.load())
        clip_search = SqliteClipSearch(database, store.queries)
        found: dict[str, list[Timing]] = {}
        for server in (population.guilds[-1], population.guilds[0]):
            guild_queries = _GuildQueries(clip_search, population, server, config)
            for name, draw in [
                *guild_queries.lists(),
                *_member_queries(store, clip_search, population, server, config),
            ]:
                found.setdefault(name, []).append(await _measure(database, draw, config.calls))
    finally:
        await database.close()
    return found


async def _measure(database: _TimedDatabase, draw: _Draw, calls: int) -> Timing:
    database.took.clear()
    for _ in range(calls):
        await draw()()
    wall_ms, busy_ms = zip(*database.took, strict=True)
    return Timing(wall_ms=quantiles(wall_ms), busy_ms=quantiles(busy_ms))


class _TimedDatabase(Database):
    """A database that records how long its thread takes for each call, in ms: wall time and CPU."""

    def __init__(self, path: Path, reserve_file: ReserveFile | None = None) -> None:
        super().__init__(path, reserve_file)
        self.took: list[tuple[float, float]] = []

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        def timed(conn: sqlite3.Connection) -> _T:
            began_s, worked_s = time.perf_counter(), time.thread_time()
            result = fn(conn)
            busy_s, wall_s = (
                time.thread_time() - worked_s,
                time.perf_counter() - began_s,
            )
            self.took.append((wall_s * 1e3, busy_s * 1e3))
            return result

        return await super().run(timed)


class _GuildQueries:
    """Queries over the clips of one guild, by members who can read different channels."""

    def __init__(
        self,
        clip_search: SqliteClipSearch,
        population: Population,
        guild: PopulationGuild,
        config: ClipSearchConfig,
    ) -> None:
        self._clip_search = clip_search
        self._population = population
        self._guild = guild
        self._config = config

    def lists(self) -> Iterable[tuple[str, _Draw]]:
        """Yield queries whose cost depends on how many channels a member reads, for each number."""
        word, newest, loved = self._word, ClipSort.NEWEST, ClipSort.LOVED
        kinds: dict[str, Callable[[], tuple[ClipFilter, ClipSort, Cursor | None, int]]] = {
            "autocomplete, empty": lambda: (ClipFilter(), newest, None, _SUGGESTIONS),
            "autocomplete, an id": lambda: (
                ClipFilter(words=self._id()),
                newest,
                None,
                _SUGGESTIONS,
            ),
            "autocomplete, one common word": lambda: (
                ClipFilter(words=self._typed(word(0, 20))),
                newest,
                None,
                _SUGGESTIONS,
            ),
            "autocomplete, two words": lambda: (
                ClipFilter(words=f"{word(0, 20)} {self._typed(word(5, 200))}"),
                newest,
                None,
                _SUGGESTIONS,
            ),
            "gallery, first page": lambda: (ClipFilter(), newest, None, _PAGE),
            "gallery, deep page": lambda: (ClipFilter(), newest, self._deep(), _PAGE),
            "gallery, a member": lambda: (
                ClipFilter(user_id=self._population.draw_one(self._guild.members)),
                newest,
                None,
                _PAGE,
            ),
            "gallery, a model": lambda: (ClipFilter(model="veo-3"), newest, None, _PAGE),
            "gallery, a common word": lambda: (
                ClipFilter(words=word(0, 20)),
                newest,
                None,
                _PAGE,
            ),
            "gallery, a rare word": lambda: (
                ClipFilter(words=word(5000, 20_000)),
                newest,
                None,
                _PAGE,
            ),
            "gallery, by reactions": lambda: (ClipFilter(), loved, None, _PAGE),
            "… deep page": lambda: (ClipFilter(), loved, self._deep(), _PAGE),
            "… and a common word": lambda: (ClipFilter(words=word(0, 20)), loved, None, _PAGE),
        }
        for name, kind in kinds.items():
            for channels in self._config.channel_counts:
                yield f"{name}; {channels} channels", functools.partial(self._clips, kind, channels)

    def _clips(
        self, kind: Callable[[], tuple[ClipFilter, ClipSort, Cursor | None, int]], channels: int
    ) -> Callable[[], Awaitable[object]]:
        wanted, sort, at, limit = kind()
        viewer = self._viewer(channels)
        return lambda: self._clip_search.clips(viewer, wanted, sort, at, limit)

    def _viewer(self, channels: int) -> Viewer:
        # If the guild has too few channels, add ids of channels that have no clips.
        shown = self._guild.channel_ids
        quiet = [shown[-1] + number for number in range(1, channels - len(shown) + 1)]
        drawn = self._population.chance.sample(shown, min(channels, len(shown)))
        return Viewer(
            user_id=self._population.draw_one(self._guild.members),
            guild_id=self._guild.guild_id,
            readable_channel_ids=frozenset([*drawn, *quiet]),
        )

    def _word(self, first: int, last: int) -> str:
        return self._population.chance.choice(self._population.vocabulary[first:last])

    def _typed(self, word: str) -> str:
        return word[: self._population.chance.randint(1, len(word))]

    def _id(self) -> str:
        return job_id_of(self._population.chance.randint(1, self._config.jobs))

    def _deep(self) -> Cursor:
        return Cursor(seq=self._population.chance.randint(1, self._config.jobs), reactions=1)


def _member_queries(
    store: SqliteJobStore,
    clip_search: SqliteClipSearch,
    population: Population,
    guild: PopulationGuild,
    config: ClipSearchConfig,
) -> Iterable[tuple[str, _Draw]]:
    """Yield queries about one clip, and queries about the busiest member of the guild."""
    viewer = Viewer(user_id=guild.members[0], guild_id=guild.guild_id)

    def history(words: Sequence[str], deep: bool) -> Callable[[], Awaitable[object]]:
        at = Cursor(seq=population.chance.randint(1, config.jobs)) if deep else None
        words_typed = population.chance.choice(words)
        return lambda: clip_search.history(viewer, words_typed, at, _PAGE)

    def lineage() -> Callable[[], Awaitable[object]]:
        job_id = population.chance.choice(ids)
        return lambda: clip_search.lineage(job_id, children=_PAGE)

    def usage() -> Callable[[], Awaitable[object]]:
        since = datetime(2025, 10, 1, tzinfo=UTC) - _MONTH
        return lambda: store.read_ledger(lambda ledger: ledger.usage(viewer.user_id, since))

    ids = [job_id_of(population.chance.randint(1, config.jobs)) for _ in range(config.calls)]
    yield "history, first page", functools.partial(history, [""], False)
    yield "history, deep page", functools.partial(history, [""], True)
    yield "history, a common word", functools.partial(history, population.vocabulary[:20], False)
    yield "history, a rare word", functools.partial(history, population.vocabulary[5000:], False)
    yield "lineage of a clip", lineage
    yield "quota, 30 days", usage


def _print(bare: Timing, found: dict[str, list[Timing]]) -> None:
    rows: list[Sequence[object]] = [("bare look-up by key", *_figures(bare))]
    for name, timings in found.items():
        rows.append((name, *itertools.chain(*map(_figures, timings))))
    rows[0] = (*rows[0], "", "", "")
    titles = ["small p50", "p99", "CPU p99", "large p50", "p99", "CPU p99"]
    table(["question", *titles], rows)
    worst = max(found, key=lambda name: max(each.wall_ms.p99 for each in found[name]))
    worst_ms = max(each.wall_ms.p99 for each in found[worst])
    verdict(
        f"each p99 < {_BUDGET_MS:.0f} ms",
        is_met=worst_ms < _BUDGET_MS,
        found=f"{worst_ms:.1f} ms, {worst_ms / bare.wall_ms.p50:.0f} × bare p50: {worst}",
    )


def _figures(timing: Timing) -> tuple[float, float, float]:
    return (timing.wall_ms.p50, timing.wall_ms.p99, timing.busy_ms.p99)
