"""The real SQLite store; the work of its thread runs as callbacks of the simulated loop."""

from __future__ import annotations

import asyncio
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.storage.sqlite import database
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.migrate import migrate, read_migrations
from bot.storage.sqlite.queries import Queries
from tests.simulation.loop import VirtualLoop
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld


class FaultyConnection(sqlite3.Connection):
    """A connection whose n-th statement from now, and all later ones, fail while `refuse_in` is set."""

    refuse_in: int | None = None
    words = ""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if self.refuse_in is not None and not sql.startswith("ROLLBACK"):
            self.refuse_in -= 1
            if self.refuse_in < 0:
                raise sqlite3.OperationalError(self.words)
        return super().execute(sql, parameters)


class SimulatedConnection:
    """Stands in for the connection with its own thread that `Database` uses."""

    def __init__(self, world: SimulatedWorld, loop: VirtualLoop, path: Path) -> None:
        self._world = world
        self._loop = loop
        self._conn = sqlite3.connect(
            path, isolation_level=None, cached_statements=256, factory=FaultyConnection
        )
        database._prepare(self._conn)
        # Only a kill of the process is simulated, not a power cut, and no other process has the file.
        self._conn.execute("PRAGMA synchronous = OFF")
        self._conn.execute("PRAGMA locking_mode = EXCLUSIVE")

    def _execute(self, call: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        return self._loop.hop(lambda: self._run(call, *args))

    def _run(self, call: Callable[..., Any], fn: Callable[..., Any], conn: FaultyConnection) -> Any:
        before = conn.total_changes
        if self._world.strikes(FaultSite.DATABASE_LOCKED):
            conn.refuse_in, conn.words = 0, "database is locked"
        elif self._world.strikes(FaultSite.DISK_FULL):
            conn.refuse_in = self._world.dice.randrange(1, 8)
            conn.words = "database or disk is full"
        try:
            return call(fn, conn)
        finally:
            conn.refuse_in = None
            if conn.total_changes != before:
                self._world.effects += 1
                for (job_id,) in conn.execute("SELECT id FROM jobs WHERE finished_at IS NOT NULL"):
                    self._world.ended_s.setdefault(job_id, self._world.now_s)

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection, for reads from outside the process."""
        return self._conn

    def close(self) -> None:
        """Close the file, as the kernel does when a process is killed."""
        self._conn.close()


def open_simulated_database(
    world: SimulatedWorld, loop: VirtualLoop, path: Path
) -> tuple[SimulatedConnection, Database]:
    """Open the database at `path`; create it if there is none."""
    if not path.exists():
        path.write_bytes(_empty())
    connection = SimulatedConnection(world, loop, path)
    return connection, Database(connection)  # pyright: ignore[reportArgumentType]


@functools.cache
def queries() -> Queries:
    """Return the bot's named queries."""
    return Queries.load()


@functools.cache
def _empty() -> bytes:
    """Return the bytes of a database file with the schema and no rows."""
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
