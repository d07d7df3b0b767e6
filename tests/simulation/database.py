"""The real store over the real SQLite, its thread's work run between two steps of the loop."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.storage import sqlite
from bot.storage.queries import Queries
from bot.storage.sqlite import Database
from tests.empty_database import lay_database
from tests.simulation.loop import VirtualLoop
from tests.simulation.sites import Site
from tests.simulation.world import World


class FaultyConnection(sqlite3.Connection):
    """A connection that refuses the n-th statement from now and all later ones, when told to."""

    def refuse(self, refuse_in: int, words: str) -> None:
        """Refuse from the `refuse_in`-th statement on, with SQLite's `words`."""
        left = refuse_in

        def execute(sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            nonlocal left
            if not sql.startswith("ROLLBACK"):
                left -= 1
                if left < 0:
                    raise sqlite3.OperationalError(words)
            return super(FaultyConnection, self).execute(sql, parameters)

        # Of this connection alone, and only while it lasts: all others stay fast.
        self.__dict__["execute"] = execute

    def obey(self) -> None:
        """Refuse nothing any more."""
        self.__dict__.pop("execute", None)


class Line:
    """What `Database` takes for a connection of its own with a thread behind it."""

    def __init__(self, world: World, loop: VirtualLoop, path: Path) -> None:
        self._world = world
        self._loop = loop
        self._conn = sqlite3.connect(
            path, isolation_level=None, cached_statements=256, factory=FaultyConnection
        )
        sqlite._prepare(self._conn)
        # A power cut is not simulated here, only the death of the process; and nobody else is here.
        self._conn.execute("PRAGMA synchronous = OFF")
        self._conn.execute("PRAGMA locking_mode = EXCLUSIVE")

    def _execute(self, call: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        return self._loop.hop(lambda: self._run(call, *args))

    def _run(self, call: Callable[..., Any], fn: Callable[..., Any], conn: FaultyConnection) -> Any:
        before = conn.total_changes
        if self._world.strikes(Site.DATABASE_LOCKED):
            conn.refuse(0, "database is locked")
        elif self._world.strikes(Site.DISK_FULL):
            conn.refuse(self._world.dice.randrange(1, 8), "database or disk is full")
        try:
            return call(fn, conn)
        finally:
            conn.obey()
            if conn.total_changes != before:
                self._world.effects += 1
                for (job_id,) in conn.execute("SELECT id FROM jobs WHERE finished_at IS NOT NULL"):
                    self._world.ended_s.setdefault(job_id, self._world.now_s)

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection, for those who look on from outside the process."""
        return self._conn

    def close(self) -> None:
        """Close the file, as the death of the process does."""
        self._conn.close()


def open_line(world: World, loop: VirtualLoop, path: Path) -> tuple[Line, Database]:
    """Open the database at `path`, which is made when there is none."""
    if not path.exists():
        lay_database(path)
    line = Line(world, loop, path)
    return line, Database(line)  # pyright: ignore[reportArgumentType]


@functools.cache
def queries() -> Queries:
    """Return the bot's statements."""
    return Queries.load()
