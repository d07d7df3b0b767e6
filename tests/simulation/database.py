"""The bot's real SQLite `Database`, whose calls run as callbacks of the simulated event loop."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.storage.sqlite.database import Database, _prepare
from bot.storage.sqlite.queries import Queries
from tests.empty_database import copy_empty_database
from tests.simulation.loop import VirtualLoop
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld

_T = TypeVar("_T")


class FaultyConnection(sqlite3.Connection):
    """A SQLite connection whose statements can be made to fail."""

    def refuse(self, refuse_in: int, words: str) -> None:
        """Let `refuse_in` more statements succeed, then fail each one with the message `words`."""
        left = refuse_in

        def execute(sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            nonlocal left
            if not sql.startswith("ROLLBACK"):
                left -= 1
                if left < 0:
                    raise sqlite3.OperationalError(words)
            return super(FaultyConnection, self).execute(sql, parameters)

        # Replace the method on this instance, and only while needed, so that other statements stay
        # fast.
        self.__dict__["execute"] = execute

    def accept_all(self) -> None:
        """Let all statements pass again."""
        self.__dict__.pop("execute", None)


class SimulatedDatabase(Database):
    """The real `Database`, but its calls run as callbacks of a `VirtualLoop`, not on a thread."""

    def __init__(self, world: SimulatedWorld, loop: VirtualLoop, path: Path) -> None:
        super().__init__(path)
        self._world = world
        self._loop = loop
        self._thread.stop()
        #: The SQLite connection of the simulated process; the simulation's checks use it, too.
        self.connection = sqlite3.connect(
            path, isolation_level=None, cached_statements=256, factory=FaultyConnection
        )
        self._conn = self.connection
        _prepare(self.connection)
        # Fsync and locks are not needed: the simulation never cuts the power, and runs one process
        # at a time.
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        self._check_open()
        return await self._loop.hop(lambda: self._run_with_faults(fn))

    def _run_with_faults(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        conn = self.connection
        before = conn.total_changes
        if self._world.strikes(FaultSite.DATABASE_LOCKED):
            conn.refuse(0, "database is locked")
        elif self._world.strikes(FaultSite.DISK_FULL):
            conn.refuse(self._world.dice.randrange(1, 8), "database or disk is full")
        try:
            return self._map_errors(fn)
        finally:
            conn.accept_all()
            if conn.total_changes != before:
                self._world.effects += 1
                for (job_id,) in conn.execute("SELECT id FROM jobs WHERE finished_at IS NOT NULL"):
                    self._world.ended_s.setdefault(job_id, self._world.now_s)

    def close_file(self) -> None:
        """Close the database file, as the death of a process does."""
        self.connection.close()


def open_simulated_database(
    world: SimulatedWorld, loop: VirtualLoop, path: Path
) -> SimulatedDatabase:
    """Open the database at `path`; create it with an empty schema if there is no file."""
    if not path.exists():
        copy_empty_database(path)
    return SimulatedDatabase(world, loop, path)


@functools.cache
def queries() -> Queries:
    """Return the bot's named queries."""
    return Queries.load()
