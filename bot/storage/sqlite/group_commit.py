"""Group commit: writes that arrive while the disk is busy share the next COMMIT."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

#: Writes in a group at most, so that a read behind it does not wait for long.
_MAX_GROUP: Final = 32


class PendingWrite:
    """A function that has to write, and its result or exception."""

    __slots__ = ("_error", "_result", "fn", "is_done", "is_new_work")

    def __init__(self, fn: Callable[[sqlite3.Connection], Any], *, is_new_work: bool) -> None:
        """Hold `fn`, which may run more than once, each time after its writes were rolled back."""
        self.fn = fn
        self.is_new_work = is_new_work
        self.is_done = False
        self._result: object = None
        self._error: BaseException | None = None

    def set_result(self, result: object) -> None:
        """Mark the write as done, with what its `fn` returned; call it after the COMMIT."""
        self._result, self.is_done = result, True

    def set_exception(self, error: BaseException) -> None:
        """Mark the write as failed, with what was raised; call it after the rollback."""
        self._error, self.is_done = error, True

    def result(self) -> object:
        """Return what `fn` returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class GroupCommit:
    """The queue of writes; the event loop adds to it, the database's thread takes from it."""

    def __init__(self) -> None:
        self._waiting: deque[PendingWrite] = deque()

    def add(self, fn: Callable[[sqlite3.Connection], Any], *, is_new_work: bool) -> PendingWrite:
        """Append `fn` to the queue."""
        pending = PendingWrite(fn, is_new_work=is_new_work)
        self._waiting.append(pending)
        return pending

    def take_group(self) -> Sequence[PendingWrite]:
        """Remove and return the oldest writes, up to 32. Raises IndexError when there are none."""
        return [self._waiting.popleft() for _ in range(min(_MAX_GROUP, len(self._waiting) or 1))]


def commit_group(conn: sqlite3.Connection, writes: Sequence[PendingWrite]) -> bool:
    """Run each write in a savepoint, then COMMIT them all; call it inside a transaction.

    Returns False when one write met trouble with the file, or the COMMIT failed. Then no write is
    done, and the caller must run each alone; its next BEGIN rolls back what is still open.
    """
    try:
        ends = [_run_in_savepoint(conn, pending) for pending in writes]
        conn.execute("COMMIT")
    except sqlite3.Error:
        return False
    for end in ends:
        end()
    return True


def _run_in_savepoint(conn: sqlite3.Connection, pending: PendingWrite) -> Callable[[], None]:
    """Run one write; return a function that sets its outcome, to be called after the COMMIT."""
    conn.execute("SAVEPOINT pending")
    try:
        result = pending.fn(conn)
    except (
        sqlite3.OperationalError
    ):  # trouble with the file (full disk, damage), not with these rows
        raise
    except BaseException as error:  # noqa: BLE001 - the caller that waits for it gets it
        refusal = error
        # Raises when SQLite has rolled back the whole transaction.
        conn.execute("ROLLBACK TO pending")
        conn.execute("RELEASE pending")
        return lambda: pending.set_exception(refusal)
    conn.execute("RELEASE pending")
    return lambda: pending.set_result(result)
