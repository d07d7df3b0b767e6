"""Rows of jobs that cannot be read, after damage to the disk or a change by another program."""

import logging
import sqlite3

from bot.model import Job
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import job_of_row

_log = logging.getLogger(__name__)
#: A row that can't be read is read again after this time, because it may have been repaired.
_RETRY_AFTER_MS = 3_600_000


class CorruptRows:
    """Skips rows of jobs that can't be read, and postpones them.

    All methods run inside a transaction, on the thread of the database.
    """

    def __init__(self) -> None:
        #: The new `due_at` in milliseconds of each corrupt row, by `seq`, not stored yet.
        self._found: dict[int, int] = {}
        #: The `seq` of each row that was logged.
        self._logged: set[int] = set()

    @property
    def has_found_any(self) -> bool:
        """Whether `postpone` has rows to postpone."""
        return bool(self._found)

    def jobs(self, tx: Transaction, name: str, **params: object) -> tuple[Job, ...]:
        """Return the jobs of a query that selects all columns; leave out rows that can't be read.

        When the query has a parameter `now`, `postpone` makes those rows due an hour after `now`.
        """
        now = params.get("now")
        jobs: list[Job] = []
        rows, is_damaged = _rows(tx, name, params)
        for row in rows:
            try:
                if is_damaged:
                    _check_text(row)
                jobs.append(job_of_row(row))
            except (ValueError, OverflowError, TypeError) as error:
                self._log_once(row, error)
                if isinstance(now, int):
                    self._found[row["seq"]] = now + _RETRY_AFTER_MS
        return tuple(jobs)

    def postpone(self, tx: Transaction) -> None:
        """Make the corrupt rows found so far due later, so that they do not block other jobs."""
        while self._found:
            seq, due_at = self._found.popitem()
            tx.rows("postpone_job", seq=seq, due_at=due_at)

    def _log_once(self, row: sqlite3.Row, error: Exception) -> None:
        seq = row["seq"]
        if seq not in self._logged:
            self._logged.add(seq)
            _log.error(
                "job %r (row %d) can't be read and is left as it is: %s; "
                "python -m bot doctor looks closer",
                row["id"],
                seq,
                error,
            )


def _rows(tx: Transaction, name: str, params: dict[str, object]) -> tuple[list[sqlite3.Row], bool]:
    """Return the rows of a query, and whether any text in them is invalid UTF-8."""
    try:
        return tx.rows(name, **params), False
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    # One text with invalid UTF-8 makes sqlite3 fail for all rows of the result.
    usual = tx.conn.text_factory
    tx.conn.text_factory = _decoded
    try:
        return tx.rows(name, **params), True
    finally:
        tx.conn.text_factory = usual


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _check_text(row: sqlite3.Row) -> None:
    """Raise UnicodeEncodeError, which is a ValueError, for a row whose text was invalid UTF-8."""
    for value in tuple(row):
        if isinstance(value, str):
            value.encode()
