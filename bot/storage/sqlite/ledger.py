"""The ledger: append-only rows. A job has one reservation, adjustments of it, and one end."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import final

from bot.guild import Block, Budget, Grant, GuildLimit, GuildSettings
from bot.model import EntryKind, Job, LedgerEntry, Usage
from bot.storage.base import JobUsage, LedgerReader
from bot.storage.sqlite.guild_rows import (
    block_of_row,
    budget_of_row,
    by_scope,
    grant_of_row,
    guild_settings_of_row,
    limit_of_row,
)
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import entry_of_row, from_ms, row_of_entry, to_ms


@final
class SqliteLedgerReader(LedgerReader):
    """Reads over an open transaction; of no use after it, nor on another thread."""

    def __init__(self, conn: sqlite3.Connection, queries: Queries) -> None:
        self._conn = conn
        self._queries = queries

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        row = self._row("usage", user_id=user_id, since=to_ms(since), within=within)
        if row is None:
            return Usage()
        return Usage(clips=row["clips"], seconds=row["seconds"], usd_micros=row["usd_micros"])

    def usage_by_job(
        self, user_id: int, since: datetime, *, within: int | None = None
    ) -> tuple[JobUsage, ...]:
        rows = self._rows("usage_by_job", user_id=user_id, since=to_ms(since), within=within)
        return tuple(
            JobUsage(
                counts_at=from_ms(row["counts_at"]),
                clips=row["clips"],
                seconds=row["seconds"],
                usd_micros=row["usd_micros"],
                is_reserved=bool(row["is_reserved"]),
            )
            for row in rows
        )

    def active(self, user_id: int) -> int:
        row = self._row("active", user_id=user_id)
        return 0 if row is None else int(row["active"])

    def active_in_guild(self, guild_id: int) -> int:
        row = self._row("active_in_guild", guild_id=guild_id)
        return 0 if row is None else int(row["active"])

    def limits_for(
        self, guild_id: int, user_id: int, role_ids: Collection[int]
    ) -> tuple[GuildLimit, ...]:
        rows = self._rows(
            "limits_for",
            guild_id=guild_id,
            user_id=user_id,
            role_ids=json.dumps(sorted(set(role_ids))),
        )
        return by_scope(limit_of_row(row) for row in rows)

    def grants(self, guild_id: int, user_id: int, since: datetime) -> tuple[Grant, ...]:
        rows = self._rows("grants", guild_id=guild_id, user_id=user_id, since=to_ms(since))
        return tuple(grant_of_row(row) for row in rows)

    def block_of(self, guild_id: int, user_id: int, now: datetime) -> Block | None:
        row = self._row("block_of", guild_id=guild_id, user_id=user_id, now=to_ms(now))
        return None if row is None else block_of_row(row)

    def budget(self, guild_id: int) -> Budget | None:
        row = self._row("budget", guild_id=guild_id)
        return None if row is None else budget_of_row(row)

    def spent(self, guild_id: int, since: datetime) -> int:
        row = self._row("spent", guild_id=guild_id, since=to_ms(since))
        return 0 if row is None else int(row["usd_micros"])

    def guild_settings(self, guild_id: int) -> GuildSettings:
        row = self._row("guild_settings", guild_id=guild_id)
        return GuildSettings() if row is None else guild_settings_of_row(row)

    def _row(self, name: str, **params: object) -> sqlite3.Row | None:
        return self._queries.row(self._conn, name, **params)

    def _rows(self, name: str, **params: object) -> list[sqlite3.Row]:
        return self._queries.rows(self._conn, name, **params)


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
