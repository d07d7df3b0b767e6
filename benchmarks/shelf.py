"""Time in the database for lists and searches with a million jobs, beside a bare look-up by key."""

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

import aiosqlite

from benchmarks.figures import Quantiles, heading, quantiles, table, verdict
from benchmarks.seeding import job_id_of, seed
from benchmarks.town import Server, Town
from bot.model import Viewer
from bot.storage.ballast import Ballast
from bot.storage.queries import Queries
from bot.storage.shelf import Cursor, Filter, Sort
from bot.storage.sqlite import Database
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore

_T = TypeVar("_T")

_BUDGET_MS = 5.0
_PAGE, _SUGGESTIONS = 10, 25
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How much is measured: so many calls of each kind in a database of so many jobs."""

    jobs: int = 1_000_000
    calls: int = 200
    rooms: tuple[int, ...] = (5, 30, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long the database's thread took for a kind of question."""

    wall_ms: Quantiles
    #: Without the waiting for a core; what other programs do to this machine is not in it.
    busy_ms: Quantiles


#: One call to the database; it draws what to ask for before the clock starts.
_Draw = Callable[[], Callable[[], Awaitable[object]]]


async def run(course: Course) -> None:
    """Measure and print."""
    heading(f"Lists and searches with {course.jobs:,} jobs, ms in the database")
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        path, town = Path(name) / "seeded.sqlite3", Town()
        began_s = time.monotonic()
        await seed(path, town, course.jobs)
        size_mb = path.stat().st_size / 1e6
        print(f"Seeded {size_mb:,.0f} MB in {time.monotonic() - began_s:.0f} s.\n", flush=True)
        bare = await asyncio.to_thread(_bare, path, town, course)
        found = await _ours(path, town, course)
    _print(bare, found)


def _bare(path: Path, town: Town, course: Course) -> Timing:
    """Look jobs up by primary key with nothing but the module of the standard library."""
    conn = sqlite3.connect(path)
    took: list[tuple[float, float]] = []
    for _ in range(course.calls * 5):
        seq = town.chance.randint(1, course.jobs)
        began_s, worked_s = time.perf_counter(), time.thread_time()
        conn.execute("SELECT * FROM jobs WHERE seq = ?", (seq,)).fetchall()
        busy_s, wall_s = time.thread_time() - worked_s, time.perf_counter() - began_s
        took.append((wall_s * 1e3, busy_s * 1e3))
    conn.close()
    wall_ms, busy_ms = zip(*took, strict=True)
    return Timing(wall_ms=quantiles(wall_ms), busy_ms=quantiles(busy_ms))


async def _ours(path: Path, town: Town, course: Course) -> dict[str, list[Timing]]:
    """Return what each kind of question took, in each server."""
    database = await _TimedDatabase.open(path)
    assert isinstance(database, _TimedDatabase)
    try:
        store = SqliteStore(database, Queries.load())
        shelf = SqliteShelf(database, store.queries)
        found: dict[str, list[Timing]] = {}
        for server in (town.servers[-1], town.servers[0]):
            visit = _Visit(shelf, town, server, course)
            for name, draw in [*visit.lists(), *_of_one(store, shelf, town, server, course)]:
                found.setdefault(name, []).append(await _measure(database, draw, course.calls))
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
    """A database that notes how long its thread takes for each call, in ms: wall time and CPU."""

    def __init__(self, connection: aiosqlite.Connection, ballast: Ballast | None = None) -> None:
        super().__init__(connection, ballast)
        self.took: list[tuple[float, float]] = []

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        def timed(conn: sqlite3.Connection) -> _T:
            began_s, worked_s = time.perf_counter(), time.thread_time()
            result = fn(conn)
            busy_s, wall_s = time.thread_time() - worked_s, time.perf_counter() - began_s
            self.took.append((wall_s * 1e3, busy_s * 1e3))
            return result

        return await super().run(timed)


class _Visit:
    """Members who look through the clips of one server, each with other rooms open to them."""

    def __init__(self, shelf: SqliteShelf, town: Town, server: Server, course: Course) -> None:
        self._shelf = shelf
        self._town = town
        self._server = server
        self._course = course

    def lists(self) -> Iterable[tuple[str, _Draw]]:
        """Yield the questions that depend on the rooms, for each number of rooms."""
        word, newest, loved = self._word, Sort.NEWEST, Sort.LOVED
        kinds: dict[str, Callable[[], tuple[Filter, Sort, Cursor | None, int]]] = {
            "autocomplete, empty": lambda: (Filter(), newest, None, _SUGGESTIONS),
            "autocomplete, an id": lambda: (Filter(words=self._id()), newest, None, _SUGGESTIONS),
            "autocomplete, one common word": lambda: (
                Filter(words=self._typed(word(0, 20))),
                newest,
                None,
                _SUGGESTIONS,
            ),
            "autocomplete, two words": lambda: (
                Filter(words=f"{word(0, 20)} {self._typed(word(5, 200))}"),
                newest,
                None,
                _SUGGESTIONS,
            ),
            "gallery, first page": lambda: (Filter(), newest, None, _PAGE),
            "gallery, deep page": lambda: (Filter(), newest, self._deep(), _PAGE),
            "gallery, a member": lambda: (
                Filter(user_id=self._town.one_of(self._server.members)),
                newest,
                None,
                _PAGE,
            ),
            "gallery, a model": lambda: (Filter(model="veo-3"), newest, None, _PAGE),
            "gallery, a common word": lambda: (Filter(words=word(0, 20)), newest, None, _PAGE),
            "gallery, a rare word": lambda: (Filter(words=word(5000, 20_000)), newest, None, _PAGE),
            "gallery, by reactions": lambda: (Filter(), loved, None, _PAGE),
            "… deep page": lambda: (Filter(), loved, self._deep(), _PAGE),
            "… and a common word": lambda: (Filter(words=word(0, 20)), loved, None, _PAGE),
        }
        for name, kind in kinds.items():
            for rooms in self._course.rooms:
                yield f"{name}; {rooms} rooms", functools.partial(self._clips, kind, rooms)

    def _clips(
        self, kind: Callable[[], tuple[Filter, Sort, Cursor | None, int]], rooms: int
    ) -> Callable[[], Awaitable[object]]:
        wanted, sort, at, limit = kind()
        viewer = self._viewer(rooms)
        return lambda: self._shelf.clips(viewer, wanted, sort, at, limit)

    def _viewer(self, rooms: int) -> Viewer:
        # A server with fewer rooms than that shows all of them, and has channels without clips.
        shown = self._server.rooms
        quiet = [shown[-1] + number for number in range(1, rooms - len(shown) + 1)]
        drawn = self._town.chance.sample(shown, min(rooms, len(shown)))
        return Viewer(
            user_id=self._town.one_of(self._server.members),
            guild_id=self._server.guild_id,
            rooms=frozenset([*drawn, *quiet]),
        )

    def _word(self, first: int, last: int) -> str:
        return self._town.chance.choice(self._town.vocabulary[first:last])

    def _typed(self, word: str) -> str:
        return word[: self._town.chance.randint(1, len(word))]

    def _id(self) -> str:
        return job_id_of(self._town.chance.randint(1, self._course.jobs))

    def _deep(self) -> Cursor:
        return Cursor(seq=self._town.chance.randint(1, self._course.jobs), reactions=1)


def _of_one(
    store: SqliteStore, shelf: SqliteShelf, town: Town, server: Server, course: Course
) -> Iterable[tuple[str, _Draw]]:
    """Yield the questions about one member or one clip; the member is the busiest there."""
    viewer = Viewer(user_id=server.members[0], guild_id=server.guild_id)

    def history(words: Sequence[str], deep: bool) -> Callable[[], Awaitable[object]]:
        at = Cursor(seq=town.chance.randint(1, course.jobs)) if deep else None
        said = town.chance.choice(words)
        return lambda: shelf.history(viewer, said, at, _PAGE)

    def lineage() -> Callable[[], Awaitable[object]]:
        job_id = town.chance.choice(ids)
        return lambda: shelf.lineage(job_id, children=_PAGE)

    def usage() -> Callable[[], Awaitable[object]]:
        since = datetime(2025, 10, 1, tzinfo=UTC) - _MONTH
        return lambda: store.consult(lambda books: books.usage(viewer.user_id, since))

    ids = [job_id_of(town.chance.randint(1, course.jobs)) for _ in range(course.calls)]
    yield "history, first page", functools.partial(history, [""], False)
    yield "history, deep page", functools.partial(history, [""], True)
    yield "history, a common word", functools.partial(history, town.vocabulary[:20], False)
    yield "history, a rare word", functools.partial(history, town.vocabulary[5000:], False)
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
