"""The real SQLite database; the work of its thread runs as callbacks of the simulated loop."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.storage.sqlite.database import Database, _prepare
from bot.storage.sqlite.group_commit import GroupCommit
from bot.storage.sqlite.queries import Queries
from tests.empty_database import copy_empty_database
from tests.simulation.loop import VirtualLoop
from tests.simulation.sites import FaultSite
from tests.simulation.world import SimulatedWorld


class FaultyConnection(sqlite3.Connection):
    """A connection whose statements can be made to fail."""

    def refuse(self, refuse_in: int, words: str) -> None:
        """Let `refuse_in` more statements pass, then fail each one with the message `words`."""
        left = refuse_in

        def execute(sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            nonlocal left
            if not sql.startswith("ROLLBACK"):
                left -= 1
                if left < 0:
                    raise sqlite3.OperationalError(words)
            return super(FaultyConnection, self).execute(sql, parameters)

        # Set on the instance and only while needed, so that other statements stay fast.
        self.__dict__["execute"] = execute

    def accept_all(self) -> None:
        """Let all statements pass again."""
        self.__dict__.pop("execute", None)


class SimulatedThread:
    """Stands in for the database's thread: runs its calls between two steps of the loop."""

    def __init__(self, world: SimulatedWorld, loop: VirtualLoop, path: Path) -> None:
        self._world = world
        self._loop = loop
        self._conn = sqlite3.connect(
            path, isolation_level=None, cached_statements=256, factory=FaultyConnection
        )
        _prepare(self._conn)
        # Only kills are simulated, not power cuts, and no other process opens the file.
        self._conn.execute("PRAGMA synchronous = OFF")
        self._conn.execute("PRAGMA locking_mode = EXCLUSIVE")

    async def call(self, fn: Callable[[], Any]) -> Any:
        return await self._loop.hop(lambda: self._run(fn))

    def stop(self) -> None:
        """Do nothing: there is no thread."""

    def _run(self, fn: Callable[[], Any]) -> Any:
        conn = self._conn
        before = conn.total_changes
        if self._world.strikes(FaultSite.DATABASE_LOCKED):
            conn.refuse(0, "database is locked")
        elif self._world.strikes(FaultSite.DISK_FULL):
            conn.refuse(self._world.dice.randrange(1, 8), "database or disk is full")
        try:
            return fn()
        finally:
            conn.accept_all()
            if conn.total_changes != before:
                self._world.effects += 1
                for (job_id,) in conn.execute("SELECT id FROM jobs WHERE finished_at IS NOT NULL"):
                    self._world.ended_s.setdefault(job_id, self._world.now_s)

    @property
    def raw(self) -> sqlite3.Connection:
        """The connection, for checks from outside the simulated process."""
        return self._conn

    def close(self) -> None:
        """Close the file, as the kernel does when a process is killed."""
        self._conn.close()


class SimulatedDatabase(Database):
    """The real `Database` on a simulated thread."""

    def __init__(self, path: Path, thread: SimulatedThread) -> None:  # pyright: ignore[reportMissingSuperCall] - it would start a real thread
        self._path, self._reserve_file = path, None
        self._thread = thread  # pyright: ignore[reportAttributeAccessIssue, reportIncompatibleVariableOverride]
        self._conn = thread.raw
        self._is_timeout_brief = False
        self._group_commit = GroupCommit()
        self._is_closed = False


def open_simulated_database(
    world: SimulatedWorld, loop: VirtualLoop, path: Path
) -> tuple[SimulatedThread, Database]:
    """Open the database at `path`; create it if there is none."""
    if not path.exists():
        copy_empty_database(path)
    thread = SimulatedThread(world, loop, path)
    return thread, SimulatedDatabase(path, thread)


@functools.cache
def queries() -> Queries:
    """Return the bot's named queries."""
    return Queries.load()
