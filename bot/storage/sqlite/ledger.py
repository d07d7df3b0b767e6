"""The ledger on SQLite: a job has one RESERVE row, any ADJUST rows, and one SETTLE or REFUND."""

import json
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
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import entry_of_row, from_ms, row_of_entry, to_ms


@final
class SqliteLedgerReader(LedgerReader):
    """The ledger read through one open transaction, on the thread of that transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        (row,) = self._tx.rows("usage", user_id=user_id, since=to_ms(since), within=within)
        return Usage(clips=row["clips"], seconds=row["seconds"], usd_micros=row["usd_micros"])

    def usage_by_job(
        self, user_id: int, since: datetime, *, within: int | None = None
    ) -> tuple[JobUsage, ...]:
        rows = self._tx.rows("usage_by_job", user_id=user_id, since=to_ms(since), within=within)
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
        return self._tx.number("active", user_id=user_id)

    def active_in_guild(self, guild_id: int) -> int:
        return self._tx.number("active_in_guild", guild_id=guild_id)

    def limits_for(
        self, guild_id: int, user_id: int, role_ids: Collection[int]
    ) -> tuple[GuildLimit, ...]:
        rows = self._tx.rows(
            "limits_for",
            guild_id=guild_id,
            user_id=user_id,
            role_ids=json.dumps(sorted(set(role_ids))),
        )
        return by_scope(map(limit_of_row, rows))

    def grants(self, guild_id: int, user_id: int, since: datetime) -> tuple[Grant, ...]:
        rows = self._tx.rows("grants", guild_id=guild_id, user_id=user_id, since=to_ms(since))
        return tuple(map(grant_of_row, rows))

    def block_of(self, guild_id: int, user_id: int, now: datetime) -> Block | None:
        return self._tx.one(
            block_of_row, "block_of", guild_id=guild_id, user_id=user_id, now=to_ms(now)
        )

    def refused_by_moderation(
        self, user_id: int, guild_id: int | None, since: datetime
    ) -> tuple[int, datetime | None]:
        row = self._tx.row(
            "refused_by_moderation", user_id=user_id, guild_id=guild_id, since=to_ms(since)
        )
        if row is None or row["last_at"] is None:
            return 0, None
        return row["refusals"], from_ms(row["last_at"])

    def budget(self, guild_id: int) -> Budget | None:
        return self._tx.one(budget_of_row, "budget", guild_id=guild_id)

    def spent(self, guild_id: int | None, since: datetime) -> int:
        if guild_id is None:
            return self._tx.number("spent_everywhere", since=to_ms(since))
        return self._tx.number("spent", guild_id=guild_id, since=to_ms(since))

    def guild_settings(self, guild_id: int) -> GuildSettings:
        return (
            self._tx.one(guild_settings_of_row, "guild_settings", guild_id=guild_id)
            or GuildSettings()
        )


def reserve(tx: Transaction, job: Job) -> None:
    """Write the RESERVE row of a new job: one clip, its seconds and its estimated price."""
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
    tx.rows("append_entry", **row_of_entry(entry))


def is_closed(tx: Transaction, job_id: str) -> bool:
    """Return whether the job's reservation was settled or refunded."""
    return bool(tx.rows("closing_entry_of_job", job_id=job_id))


def adjust(tx: Transaction, job: Job, now: datetime) -> None:
    """Write an ADJUST row that makes a job's reservation equal its estimate, unless it does."""
    reserved = _reservation(tx, job)
    difference = job.spec.estimate_usd_micros - reserved.usd_micros
    if difference:
        entry = replace(
            reserved, kind=EntryKind.ADJUST, clips=0, seconds=0, usd_micros=difference, at=now
        )
        tx.rows("append_entry", **row_of_entry(entry))


def close(tx: Transaction, job: Job, kind: EntryKind, now: datetime) -> Job:
    """Settle or refund the reservation of `job`; return the job with cost and `refunded` set.

    A SETTLE row holds the cost of the job minus the reservation, so that the job's ledger rows sum
    to the cost; a job without a cost costs its reservation. A REFUND row is the negated
    reservation. Both rows have the `counts_at` of the reservation, which includes its adjustments.
    """
    reserved = _reservation(tx, job)
    is_refund = kind is EntryKind.REFUND
    cost = reserved.usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    cost = 0 if is_refund else cost
    end = replace(
        reserved,
        kind=kind,
        clips=-reserved.clips if is_refund else 0,
        seconds=-reserved.seconds if is_refund else 0,
        usd_micros=cost - reserved.usd_micros,
        at=now,
    )
    tx.rows("append_entry", **row_of_entry(end))
    return replace(job, cost_usd_micros=cost, refunded=is_refund)


def _reservation(tx: Transaction, job: Job) -> LedgerEntry:
    reservation = tx.one(entry_of_row, "reservation_of_job", job_id=job.id)
    if reservation is None:
        raise RuntimeError(f"job {job.id} has no reservation")
    return reservation
