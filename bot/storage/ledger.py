"""The books: append-only rows, one reservation per job and one end."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from bot.model import EntryKind, Job, LedgerEntry, Usage
from bot.storage.base import Spend
from bot.storage.queries import Queries
from bot.storage.rows import entry_of_row, from_ms, row_of_entry, to_ms


class LedgerBooks:
    """`Books` over an open transaction; of no use after it, nor on another thread."""

    def __init__(self, conn: sqlite3.Connection, queries: Queries) -> None:
        self._conn = conn
        self._queries = queries

    def usage(self, user_id: int, since: datetime) -> Usage:
        row = self._queries.row(self._conn, "usage", user_id=user_id, since=to_ms(since))
        if row is None:
            return Usage()
        return Usage(clips=row["clips"], seconds=row["seconds"], usd_micros=row["usd_micros"])

    def spends(self, user_id: int, since: datetime) -> tuple[Spend, ...]:
        rows = self._queries.rows(self._conn, "spends", user_id=user_id, since=to_ms(since))
        return tuple(
            Spend(
                counts_at=from_ms(row["counts_at"]),
                clips=row["clips"],
                seconds=row["seconds"],
                usd_micros=row["usd_micros"],
            )
            for row in rows
        )

    def active(self, user_id: int) -> int:
        row = self._queries.row(self._conn, "active", user_id=user_id)
        return 0 if row is None else int(row["active"])


def reserve(conn: sqlite3.Connection, queries: Queries, job: Job) -> None:
    """Take what `job` is expected to use from its member."""
    entry = LedgerEntry(
        job_id=job.id,
        user_id=job.user_id,
        guild_id=job.place.guild_id,
        kind=EntryKind.RESERVE,
        clips=1,
        seconds=job.order.seconds,
        usd_micros=job.order.estimate_usd_micros,
        at=job.created_at,
        counts_at=job.created_at,
    )
    queries.rows(conn, "append_entry", **row_of_entry(entry))


def is_closed(conn: sqlite3.Connection, queries: Queries, job_id: str) -> bool:
    """Return whether the job's reservation was settled or refunded."""
    return queries.row(conn, "end_of_job", job_id=job_id) is not None


def close(
    conn: sqlite3.Connection, queries: Queries, job: Job, kind: EntryKind, now: datetime
) -> Job:
    """Write the end of `job`'s account and return the job with its cost and `refunded` set.

    A SETTLE holds the difference between the cost on the job (the reservation where it has none)
    and the reservation, so that the rows sum to the cost;
    a REFUND takes the whole reservation back. Both count when the reservation did.
    """
    row = queries.row(conn, "reserve_of_job", job_id=job.id)
    if row is None:
        raise RuntimeError(f"job {job.id} has no reservation")
    reserved = entry_of_row(row)
    if kind is EntryKind.REFUND:
        cost = 0
        end = replace(
            reserved,
            kind=kind,
            clips=-reserved.clips,
            seconds=-reserved.seconds,
            usd_micros=-reserved.usd_micros,
            at=now,
        )
    else:
        cost = reserved.usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
        end = replace(
            reserved, kind=kind, clips=0, seconds=0, usd_micros=cost - reserved.usd_micros, at=now
        )
    queries.rows(conn, "append_entry", **row_of_entry(end))
    return replace(job, cost_usd_micros=cost, refunded=kind is EntryKind.REFUND)
