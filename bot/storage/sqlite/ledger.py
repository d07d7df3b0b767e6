"""The ledger: append-only rows, one reservation per job, what it was amended by, and one end."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from bot.model import EntryKind, Job, LedgerEntry
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import entry_of_row, row_of_entry


def reserve(conn: sqlite3.Connection, queries: Queries, job: Job) -> None:
    """Take what `job` is expected to use from its member."""
    entry = LedgerEntry(
        job_id=job.id,
        user_id=job.user_id,
        guild_id=job.place.guild_id,
        kind=EntryKind.RESERVE,
        clips=1,
        seconds=job.spec.seconds,
        usd_micros=job.spec.estimate_usd_micros,
        at=job.created_at,
        counts_at=job.created_at,
    )
    queries.rows(conn, "append_entry", **row_of_entry(entry))


def is_closed(conn: sqlite3.Connection, queries: Queries, job_id: str) -> bool:
    """Return whether the job's reservation was settled or refunded."""
    return queries.row(conn, "closing_entry_of_job", job_id=job_id) is not None


def adjust(conn: sqlite3.Connection, queries: Queries, job: Job, now: datetime) -> None:
    """Make the reservation of `job` its estimate; writes no row where it is that already."""
    reserved = _reservation(conn, queries, job)
    difference = job.spec.estimate_usd_micros - reserved.usd_micros
    if difference:
        entry = replace(
            reserved, kind=EntryKind.ADJUST, clips=0, seconds=0, usd_micros=difference, at=now
        )
        queries.rows(conn, "append_entry", **row_of_entry(entry))


def close(
    conn: sqlite3.Connection, queries: Queries, job: Job, kind: EntryKind, now: datetime
) -> Job:
    """Write the end of `job`'s account and return the job with its cost and `refunded` set.

    A SETTLE holds the difference between the cost on the job (the reservation where it has none)
    and the reservation, so that the rows sum to the cost;
    a REFUND takes the whole reservation back. Both count when the reservation did. The reservation
    is what was reserved at first and all that it was amended by.
    """
    reserved = _reservation(conn, queries, job)
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


def _reservation(conn: sqlite3.Connection, queries: Queries, job: Job) -> LedgerEntry:
    row = queries.row(conn, "reservation_of_job", job_id=job.id)
    if row is None:
        raise RuntimeError(f"job {job.id} has no reservation")
    return entry_of_row(row)
