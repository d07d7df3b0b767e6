"""Rows of jobs that hold what no job can have: a damaged disk, or a hand in the file."""

import logging
import sqlite3

from bot.model import Job
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import job_of_row

_log = logging.getLogger(__name__)
#: What can't be read is looked at again after this long: somebody may have mended it.
_RETRY_AFTER_MS = 3_600_000


class CorruptRows:
    """Reads jobs past rows that can't be read, and puts those off.

    Lives on the database's thread: each method is called inside a transaction.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        #: By seq: when to look at it again, in milliseconds; waits to be written down.
        self._found: dict[int, int] = {}
        #: Of which the log has a line.
        self._logged: set[int] = set()

    @property
    def has_found_any(self) -> bool:
        """Whether there is something to put off."""
        return bool(self._found)

    def jobs(self, conn: sqlite3.Connection, name: str, **params: object) -> tuple[Job, ...]:
        """Return the jobs of a query for all their columns, without those that can't be read.

        Where the query has a `now`, those will be put off to an hour after it.
        """
        now = params.get("now")
        jobs: list[Job] = []
        rows, is_damaged = self._rows(conn, name, params)
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

    def postpone(self, conn: sqlite3.Connection) -> None:
        """Let the rows that were found fall due later, so that others get their turn."""
        while self._found:
            seq, due_at = self._found.popitem()
            self._queries.rows(conn, "postpone_job", seq=seq, due_at=due_at)

    def _rows(
        self, conn: sqlite3.Connection, name: str, params: dict[str, object]
    ) -> tuple[list[sqlite3.Row], bool]:
        """Return a query's rows, and whether a text of theirs is no UTF-8."""
        try:
            return self._queries.rows(conn, name, **params), False
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        # One text that is no UTF-8 any more hides all rows of the answer.
        usual = conn.text_factory
        conn.text_factory = _decoded
        try:
            return self._queries.rows(conn, name, **params), True
        finally:
            conn.text_factory = usual

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


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _check_text(row: sqlite3.Row) -> None:
    """Raise UnicodeEncodeError, a ValueError, for a row with a text that was no UTF-8."""
    for value in tuple(row):
        if isinstance(value, str):
            value.encode()
