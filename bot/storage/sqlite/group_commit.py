"""Writes that share a COMMIT: what came while the disk was busy goes to it together."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

#: So many at most, so that whoever wants to read does not wait for long.
_MAX_GROUP: Final = 32


class PendingWrite:
    """A function that is to write, and what came of it."""

    __slots__ = ("_error", "_result", "fn", "is_done", "is_new_work")

    def __init__(self, fn: Callable[[sqlite3.Connection], Any], *, is_new_work: bool) -> None:
        """Wait; `fn` may be called more than once, each time after all that it wrote was undone."""
        self.fn = fn
        self.is_new_work = is_new_work
        self.is_done = False
        self._result: object = None
        self._error: BaseException | None = None

    def set_result(self, result: object) -> None:
        """Keep what `fn` returned: all that it wrote is on disk."""
        self._result, self.is_done = result, True

    def set_exception(self, error: BaseException) -> None:
        """Keep what `fn` or SQLite raised: nothing that it wrote is kept."""
        self._error, self.is_done = error, True

    def result(self) -> object:
        """Return what `fn` returned; raises what was raised instead."""
        if self._error is not None:
            raise self._error
        return self._result


class GroupCommit:
    """The writes that wait, in order; added on the event loop, taken on the database's thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: deque[PendingWrite] = deque()

    def add(self, fn: Callable[[sqlite3.Connection], Any], *, is_new_work: bool) -> PendingWrite:
        """Return the turn of `fn`, which is the last for now."""
        turn = PendingWrite(fn, is_new_work=is_new_work)
        self._waiting.append(turn)
        return turn

    def take_group(self) -> Sequence[PendingWrite]:
        """Return those that waited longest, which wait no more; raises IndexError without any."""
        return [self._waiting.popleft() for _ in range(min(_MAX_GROUP, len(self._waiting) or 1))]


def commit_group(conn: sqlite3.Connection, writes: Sequence[PendingWrite]) -> bool:
    """Run each of `turns` wholly or not at all and COMMIT them all; inside a transaction.

    False when each has to be run alone, because one met trouble with the file or the COMMIT was
    refused: then no turn is over, and what stays open is undone by the next BEGIN, which must follow.
    """
    try:
        ends = [_run_in_savepoint(conn, turn) for turn in writes]
        conn.execute("COMMIT")
    except sqlite3.Error:
        return False
    for end in ends:
        end()
    return True


def _run_in_savepoint(conn: sqlite3.Connection, pending: PendingWrite) -> Callable[[], None]:
    """Run one of several; returns what is to be told of it once all are on disk."""
    conn.execute("SAVEPOINT turn")
    try:
        result = pending.fn(conn)
    except sqlite3.OperationalError:  # of the file and not of these rows: a full disk, damage
        raise
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        refusal = error
        # Where SQLite has undone the whole transaction, this raises.
        conn.execute("ROLLBACK TO turn")
        conn.execute("RELEASE turn")
        return lambda: pending.set_exception(refusal)
    conn.execute("RELEASE turn")
    return lambda: pending.set_result(result)
