"""The real `Database` over the real SQLite; its calls run between two steps of the event loop."""

from __future__ import annotations

import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.storage.sqlite import database
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.migrate import migrate, read_migrations
from bot.storage.sqlite.queries import Queries
from tests.simulation.loop import VirtualLoop
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld

_T = TypeVar("_T")


class FaultyConnection(sqlite3.Connection):
    """A connection that fails, after `refuse_in` statements, with the message `words`."""

    refuse_in: int | None = None
    words = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.refuse_in is not None and not sql.startswith("ROLLBACK"):
            self.refuse_in -= 1
            if self.refuse_in < 0:
                raise sqlite3.OperationalError(self.words)
        return super().execute(sql, parameters)


class SimulatedDatabase(Database):
    """The real `Database` whose calls run as callbacks of a `VirtualLoop`, not on a thread."""

    def __init__(self, world: SimulatedWorld, loop: VirtualLoop, path: Path) -> None:
        super().__init__(path)
        self._world = world
        self._loop = loop
        self._thread.stop()
        #: The process's connection, which the simulation's checks read, too.
        self.connection = sqlite3.connect(
            path, isolation_level=None, cached_statements=256, factory=FaultyConnection
        )
        self._conn = self.connection
        database._prepare(self.connection)
        # The simulation kills processes but cuts no power, and has one process at a time.
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        self._check_open()
        return await self._loop.hop(lambda: self._run_with_faults(fn))

    def _run_with_faults(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        conn = self.connection
        before = conn.total_changes
        if self._world.strikes(FaultSite.DATABASE_LOCKED):
            conn.refuse_in, conn.words = 0, "database is locked"
        elif self._world.strikes(FaultSite.DISK_FULL):
            conn.refuse_in = self._world.dice.randrange(1, 8)
            conn.words = "database or disk is full"
        try:
            return self._map_errors(fn)
        finally:
            conn.refuse_in = None
            if conn.total_changes != before:
                self._world.effects += 1
                for (job_id,) in conn.execute("SELECT id FROM jobs WHERE finished_at IS NOT NULL"):
                    self._world.ended_s.setdefault(job_id, self._world.now_s)

    def close_file(self) -> None:
        """Close the file, as the death of the process does."""
        self.connection.close()


def open_simulated_database(
    world: SimulatedWorld, loop: VirtualLoop, path: Path
) -> SimulatedDatabase:
    """Open the database at `path`; create it with the schema when it is missing."""
    if not path.exists():
        path.write_bytes(_empty())
    return SimulatedDatabase(world, loop, path)


@functools.cache
def queries() -> Queries:
    """Return the bot's statements."""
    return Queries.load()


@functools.cache
def _empty() -> bytes:
    """Return a database with the schema and nothing in it."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "empty.db"
        conn = sqlite3.connect(path, isolation_level=None)
        database._prepare(conn)
        migrate(conn, read_migrations())
        conn.close()
        return path.read_bytes()
    finally:
        shutil.rmtree(folder)
