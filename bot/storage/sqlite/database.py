"""One SQLite file, one connection, one thread. Functions run on it as whole transactions."""

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

from bot.errors import StorageError
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite.group_commit import GroupCommit, PendingWrite, commit_group

#: "Sora" in the file's header: which program the file belongs to.
APPLICATION_ID: Final = 0x536F7261

#: The schema uses STRICT tables, which came with SQLite 3.37.0 (2021-11-27).
_OLDEST_SQLITE: Final = (3, 37, 0)

#: How long to wait for another process's lock. Discord wants an answer within 3 s.
_BUSY_TIMEOUT_MS: Final = 2_000

#: The same after a wait ran out: calls behind this one fail soon instead of waiting in a row.
_BRIEF_TIMEOUT_MS: Final = 20

#: SQLite's codes for a full disk: for a row, and for the index of the write-ahead log.
_FULL: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
)

#: SQLite cuts the write-ahead log back to this after it grew, as it does during a long read.
_WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024

_T = TypeVar("_T")


class Database:
    """An open SQLite file.

    `read` and `write` run a function from BEGIN to COMMIT on the database's thread, with nothing in
    between, so transactions cannot interleave. When the calling task is cancelled, its function
    still runs, wholly or not at all. Writes that wait for the disk at the same time share one
    COMMIT, each in a savepoint of its own.
    """

    def __init__(self, path: Path, reserve_file: ReserveFile | None = None) -> None:
        """Start the thread, without opening the file; use `Database.open`."""
        self._path = path
        self._reserve_file = reserve_file
        self._thread = _WorkerThread()
        #: Only the thread uses the three below.
        self._conn: sqlite3.Connection | None = None
        self._is_timeout_brief = False
        self._group_commit = GroupCommit()
        self._is_closed = False

    @classmethod
    async def open(cls, path: Path, reserve_file: ReserveFile | None = None) -> "Database":
        """Open the file at `path`; create it (mode 0600) and its folder when missing.

        reserve_file  deleted when the disk is full, so that refunds and deletions can be written.
        Raises StorageError when the file cannot be opened, is no SQLite file or belongs to another
        program, and when SQLite is older than 3.37.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 is the oldest")
        database = cls(path, reserve_file)
        try:
            await database._thread.call(database._connect)
        except BaseException as error:  # cancellation, too: the thread must end
            await database.close()
            if isinstance(error, sqlite3.Error | OSError):
                raise StorageError(f"cannot open {path}: {error}") from error
            raise
        return database

    async def read(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `fn` over one snapshot of the database; writers of other processes don't affect it.

        Raises StorageError for SQLite's errors, RuntimeError when `fn` wrote something (which is
        rolled back), and anything that `fn` raises, unchanged.
        """
        return await self.run(lambda conn: _transact(conn, "BEGIN", _read_only(fn)))

    async def write(
        self, fn: Callable[[sqlite3.Connection], _T], *, is_new_work: bool = False
    ) -> _T:
        """Run `fn` as the only writer; all that it wrote is on disk when this returns.

        is_new_work  whether it accepts a new job: only other writes may use up the reserve file.
        `fn` may run a second time, after trouble with the file rolled back its first run.
        Raises StorageError for SQLite's errors, and anything that `fn` raises, unchanged. Nothing
        is kept then, and the database stays usable.
        """
        self._check_open()
        pending = self._group_commit.add(fn, is_new_work=is_new_work)
        return cast("_T", await self.run(lambda conn: self._run_until_done(conn, pending)))

    async def run(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `fn` on the database's thread, outside any transaction; errors as for `write`."""
        self._check_open()
        return await self._thread.call(lambda: self._map_errors(fn))

    async def close(self) -> None:
        """Wait for the calls made so far, then close the file; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._thread.call(self._disconnect)
        except sqlite3.Error as error:
            raise StorageError(f"cannot close: {error}") from error
        finally:
            self._thread.stop()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StorageError("the database is closed")

    def _connect(self) -> None:
        _make_private(self._path)
        # No isolation level: this module writes BEGIN and COMMIT, sqlite3 does not add its own.
        self._conn = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
        _prepare(self._conn)

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()

    def _map_errors(self, fn: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._conn is None:
            raise StorageError("the database is not open")
        try:
            return fn(self._conn)
        except sqlite3.Error as error:
            raise StorageError(f"{type(error).__name__}: {error}") from error

    def _run_until_done(self, conn: sqlite3.Connection, pending: PendingWrite) -> object:
        """Return the result of a write; an earlier call may have run it in its group."""
        while not pending.is_done:
            writes = self._group_commit.take_group()
            if len(writes) == 1 or not self._commit_together(conn, writes):
                for each in writes:
                    self._commit_alone(conn, each)
        return pending.result()

    def _commit_alone(self, conn: sqlite3.Connection, pending: PendingWrite) -> None:
        try:
            pending.set_result(self._write(conn, pending.fn, is_new_work=pending.is_new_work))
        except BaseException as error:  # noqa: BLE001 - the caller that waits for it gets it
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
                # A checkpoint moves the log's pages into the database, so the log's space is reused.
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
        """Wait for locks for 2 s, or only briefly, because reads queue behind every wait."""
        if is_brief is not self._is_timeout_brief:
            limit_ms = _BRIEF_TIMEOUT_MS if is_brief else _BUSY_TIMEOUT_MS
            conn.execute(f"PRAGMA busy_timeout = {limit_ms}")
            self._is_timeout_brief = is_brief


class _WorkerThread:
    """A thread that runs functions one at a time, in the order in which they were given."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None]
        self._calls = SimpleQueue()
        self._outcomes: deque[tuple[asyncio.Future[Any], object, BaseException | None]] = deque()
        self._is_loop_woken = False
        # A daemon: a process that fails before it calls `stop` must end, not hang.
        threading.Thread(target=self._work, name="sqlite", daemon=True).start()

    async def call(self, fn: Callable[[], _T]) -> _T:
        """Run `fn` on the thread, and return or raise what it does; it runs even if cancelled."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._calls.put((future, fn))
        return await future

    def stop(self) -> None:
        """End the thread after the functions given so far."""
        self._calls.put(None)

    def _work(self) -> None:
        # A call's variables live in `_run`, so that an idle thread keeps no result alive.
        while self._run(self._calls.get()):
            pass

    def _run(self, call: tuple[asyncio.Future[Any], Callable[[], Any]] | None) -> bool:
        if call is None:
            return False
        future, fn = call
        try:
            self._outcomes.append((future, fn(), None))
        except BaseException as error:  # noqa: BLE001 - the caller that waits for it gets it
            self._outcomes.append((future, None, error))
        # Waking the event loop is a system call: once for all outcomes that it has not taken yet.
        if not self._is_loop_woken:
            self._is_loop_woken = True
            with contextlib.suppress(RuntimeError):  # the caller's event loop is closed
                future.get_loop().call_soon_threadsafe(self._deliver)
        return True

    def _deliver(self) -> None:
        # Cleared first: the thread wakes the loop again for an outcome that this misses.
        self._is_loop_woken = False
        while self._outcomes:
            future, result, error = self._outcomes.popleft()
            if future.done():  # cancelled
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # SQLite gives the -wal and -shm files the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _prepare(conn: sqlite3.Connection) -> None:
    """Check that the file is the bot's, then configure the connection."""
    conn.row_factory = sqlite3.Row
    conn.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    # One statement, because between two another process could create the schema.
    application_id, tables = conn.execute(
        "SELECT application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id"
    ).fetchone()
    if application_id != APPLICATION_ID and (application_id != 0 or tables > 0):
        raise StorageError("the file is another program's database")
    _switch_to_wal(conn)
    # FULL: a committed write survives a power cut, at a third of a millisecond a COMMIT.
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("PRAGMA foreign_keys = ON")
    # So that INSERT OR REPLACE fires the triggers that forbid deletion.
    conn.execute("PRAGMA recursive_triggers = ON")
    conn.execute("PRAGMA trusted_schema = OFF")
    conn.execute("PRAGMA temp_store = MEMORY")
    conn.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")


def _switch_to_wal(conn: sqlite3.Connection) -> None:
    """Turn on the write-ahead log; the file keeps the setting."""
    give_up_s = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            conn.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # busy_timeout does not cover this: when two processes open an empty file at once, one
            # of them gets "locked" at once (SQLite 3.40.1, seen 2026-11-20).
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.01)
        else:
            return


def _transact(conn: sqlite3.Connection, begin: str, fn: Callable[[sqlite3.Connection], _T]) -> _T:
    _begin(conn, begin)
    try:
        result = fn(conn)
        conn.execute("COMMIT")
    except BaseException:  # cancellation, too: no transaction may stay open
        # On a full disk SQLite may have rolled back by itself; a second ROLLBACK would fail.
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return result


def _begin(conn: sqlite3.Connection, begin: str) -> None:
    if conn.in_transaction:  # an earlier ROLLBACK failed for lack of disk space
        conn.execute("ROLLBACK")
    conn.execute(begin)


def _error_code(error: sqlite3.Error) -> int | None:
    return getattr(error, "sqlite_errorcode", None)


def _read_only(fn: Callable[[sqlite3.Connection], _T]) -> Callable[[sqlite3.Connection], _T]:
    def checked(conn: sqlite3.Connection) -> _T:
        changes = conn.total_changes
        result = fn(conn)
        if conn.total_changes != changes:
            # A transaction begun without the write lock fails at times under load.
            raise RuntimeError("a function given to Database.read wrote")
        return result

    return checked
