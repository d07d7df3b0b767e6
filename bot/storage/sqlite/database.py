"""The only home of aiosqlite: one file, one thread, functions that run whole or not at all.

aiosqlite brings the thread and the queue in front of it. What it has no public call for is running
a whole function over there; the private names that this takes are touched here and nowhere else,
and `Database.open` checks that they are what is expected of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import aiosqlite

from bot.errors import StorageError
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite.group_commit import GroupCommit, PendingWrite, commit_group

#: "Sora" in the file's header: which program the file belongs to.
APPLICATION_ID: Final = 0x536F7261

#: The youngest thing used is STRICT tables, which came with SQLite 3.37.0 (2021-11-27).
_OLDEST_SQLITE: Final = (3, 37, 0)

#: How long to wait for another process's lock: short of the 3 s in which Discord wants an answer.
_BUSY_TIMEOUT_MS: Final = 2_000

#: The same while it is known that somebody holds the lock for long: whoever waits behind is told.
_BRIEF_TIMEOUT_MS: Final = 20

#: What SQLite says where there is no space: for a row, and for the index of the write-ahead log.
_FULL: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)

#: The write-ahead log is cut back to this after it grew, as it does under a long read.
_WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024

_T = TypeVar("_T")


class Database:
    """An open SQLite file.

    A function handed to `read` or `write` runs from BEGIN to COMMIT on the database's thread,
    with nothing in between: transactions cannot interleave, and a task that is cancelled while
    it waits leaves none open; its function then still runs, wholly or not at all. Writes that
    wait for the disk at the same time share one COMMIT, each in a savepoint of its own.
    """

    def __init__(
        self, connection: aiosqlite.Connection, reserve_file: ReserveFile | None = None
    ) -> None:
        """Take over an open connection; `Database.open` is the way to get here."""
        self._connection = connection
        self._call, self._raw = _private_parts(connection)
        self._reserve_file = reserve_file
        #: Whether another process was seen to hold the lock for long; the database's thread's.
        self._is_brief = False
        self._group_commit = GroupCommit()
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, reserve_file: ReserveFile | None = None) -> Database:
        """Open the file at `path`, making it (mode 0600) and its folder when there is none.

        ballast  spent when the disk is full, so that accounts can be closed.
        Raises StorageError when it cannot be opened, is no SQLite file, belongs to another
        program, or when the libraries here are too old or have changed.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 is the oldest")
        try:
            await asyncio.to_thread(_make_private, path)
            # No isolation level: BEGIN and COMMIT are written here, not guessed by the module.
            connection = aiosqlite.connect(path, isolation_level=None, cached_statements=256)
            # A process that dies of an error before it came to close() must end, not hang.
            _thread_of(connection).daemon = True
            await connection
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"cannot open {path}: {error}") from error
        try:
            database = cls(connection, reserve_file)
            await database._check_thread()
            await database.run(_prepare)
        except BaseException:  # whatever it was, cancellation too: the thread must end
            await connection.close()
            raise
        return database

    async def read(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `fn` over one state of the database, undisturbed by writers.

        Raises StorageError for SQLite's errors, RuntimeError when `fn` wrote something (which is
        undone), and what `fn` raises, unchanged.
        """
        return await self.run(lambda conn: _transact(conn, "BEGIN", _read_only(fn)))

    async def write(
        self, fn: Callable[[sqlite3.Connection], _T], *, is_new_work: bool = False
    ) -> _T:
        """Run `fn` as the only writer; all that it wrote is on disk when this returns.

        is_new_work  begins something; all else may have the ballast.
        `fn` may run a second time, after trouble with the file has undone all that it wrote.
        When anything is raised nothing is kept: StorageError for SQLite's errors, and what `fn`
        raises, unchanged. The next call finds the database usable.
        """
        self._check_open()
        turn = self._group_commit.add(fn, is_new_work=is_new_work)
        return cast("_T", await self.run(lambda conn: self._run_until_done(conn, turn)))

    def _run_until_done(self, conn: sqlite3.Connection, pending: PendingWrite) -> object:
        """Return what came of a write, which an earlier one may have taken along."""
        while not pending.is_done:
            turns = self._group_commit.take_group()
            if len(turns) == 1 or not self._commit_together(conn, turns):
                for each in turns:
                    self._commit_alone(conn, each)
        return pending.result()

    def _commit_alone(self, conn: sqlite3.Connection, pending: PendingWrite) -> None:
        try:
            pending.set_result(self._write(conn, pending.fn, is_new_work=pending.is_new_work))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            pending.set_exception(error)

    def _commit_together(self, conn: sqlite3.Connection, writes: Sequence[PendingWrite]) -> bool:
        """Run several writes with one COMMIT; False when each has to be run alone."""
        try:
            _begin(conn, "BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._note_busy(conn, error)
            return False
        self._set_busy_timeout(conn, is_brief=False)
        return commit_group(conn, writes)

    def _write(
        self, conn: sqlite3.Connection, fn: Callable[[sqlite3.Connection], _T], *, is_new_work: bool
    ) -> _T:
        try:
            result = _transact(conn, "BEGIN IMMEDIATE", fn)
        except sqlite3.OperationalError as error:
            if (
                _error_code(error) in _FULL
                and not is_new_work
                and self._reserve_file
                and self._reserve_file.release()
            ):
                # What the log holds goes where it belongs, so that its space serves again.
                with contextlib.suppress(sqlite3.Error):
                    conn.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
                return _transact(conn, "BEGIN IMMEDIATE", fn)
            self._note_busy(conn, error)
            raise
        self._set_busy_timeout(conn, is_brief=False)
        return result

    def _note_busy(self, conn: sqlite3.Connection, error: sqlite3.Error) -> None:
        code = _error_code(error)
        if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
            self._set_busy_timeout(conn, is_brief=True)

    def _set_busy_timeout(self, conn: sqlite3.Connection, *, is_brief: bool) -> None:
        """Wait long for a lock, or only briefly: reads stand in line behind every wait."""
        if is_brief is not self._is_brief:
            limit_ms = _BRIEF_TIMEOUT_MS if is_brief else _BUSY_TIMEOUT_MS
            conn.execute(f"PRAGMA busy_timeout = {limit_ms}")
            self._is_brief = is_brief

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `fn` on the database's thread, outside any transaction; errors as for `write`."""
        self._check_open()
        return cast("_T", await self._call(_map_errors, fn, self._raw))

    async def close(self) -> None:
        """Wait for what was asked for so far, then close the file; harmless when closed."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._connection.close()
        except sqlite3.Error as error:
            raise StorageError(f"cannot close: {error}") from error

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageError("the database is closed")

    async def _check_thread(self) -> None:
        ran_on = await self._call(threading.get_ident)
        if ran_on == threading.get_ident():
            raise _library_changed("its calls run on the caller's thread")


def _thread_of(connection: object) -> threading.Thread:
    """Return aiosqlite's thread, which is not started yet; in releases before 0.22, itself."""
    thread = getattr(connection, "_thread", connection)
    if not isinstance(thread, threading.Thread):
        raise _library_changed("Connection._thread is no Thread")
    return thread


def _private_parts(
    connection: object,
) -> tuple[Callable[..., Awaitable[Any]], sqlite3.Connection]:
    """Return aiosqlite's "run this on your thread" and the connection that lives there."""
    call = getattr(connection, "_execute", None)
    raw = getattr(connection, "_conn", None)
    if not callable(call):
        raise _library_changed("Connection._execute is gone")
    if not isinstance(raw, sqlite3.Connection):
        raise _library_changed("Connection._conn is no sqlite3.Connection")
    return cast("Callable[..., Awaitable[Any]]", call), raw


def _library_changed(how: str) -> StorageError:
    return StorageError(
        f"aiosqlite is not as bot/storage/sqlite/database.py knows it: {how}; install another release of it"
    )


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite gives the -wal and -shm files beside it the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _prepare(conn: sqlite3.Connection) -> None:
    """Set the connection up, after a look at whether the file is the bot's at all."""
    conn.row_factory = sqlite3.Row
    conn.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    # One statement: between two of them another process could set the file up.
    application_id, tables = conn.execute(
        "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id"
    ).fetchone()
    if application_id != APPLICATION_ID and (application_id != 0 or tables > 0):
        raise StorageError("the file is another program's database")
    _switch_to_wal(conn)
    # FULL: what was acknowledged survives a power cut too, for a third of a millisecond each.
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("PRAGMA foreign_keys = ON")
    # INSERT OR REPLACE then asks the triggers that guard against deletion.
    conn.execute("PRAGMA recursive_triggers = ON")
    conn.execute("PRAGMA trusted_schema = OFF")
    conn.execute("PRAGMA temp_store = MEMORY")
    conn.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")


def _switch_to_wal(conn: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; stays on in the file."""
    give_up_s = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            conn.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # busy_timeout does not cover this: when two processes open an empty file at once, one
            # of them is told "locked" right away (SQLite 3.40.1, seen 2026-11-20).
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)
        else:
            return


def _map_errors(fn: Callable[[sqlite3.Connection], _T], conn: sqlite3.Connection) -> _T:
    # On the database's thread, where SQLite's errors cannot be taken for those of a caller.
    try:
        return fn(conn)
    except sqlite3.Error as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error


def _transact(conn: sqlite3.Connection, begin: str, fn: Callable[[sqlite3.Connection], _T]) -> _T:
    _begin(conn, begin)
    try:
        result = fn(conn)
        conn.execute("COMMIT")
    except BaseException:  # nothing may leave a transaction open
        # After a full disk SQLite may have rolled back by itself; twice would be an error.
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return result


def _begin(conn: sqlite3.Connection, begin: str) -> None:
    if conn.in_transaction:  # left by a ROLLBACK that the disk refused
        conn.execute("ROLLBACK")
    conn.execute(begin)


def _error_code(error: sqlite3.Error) -> int | None:
    return getattr(error, "sqlite_errorcode", None)


def _read_only(fn: Callable[[sqlite3.Connection], _T]) -> Callable[[sqlite3.Connection], _T]:
    def checked(conn: sqlite3.Connection) -> _T:
        changes = conn.total_changes
        result = fn(conn)
        if conn.total_changes != changes:
            # It began without the write lock, so under load it would fail now and then.
            raise RuntimeError("a function given to Database.read wrote")
        return result

    return checked
