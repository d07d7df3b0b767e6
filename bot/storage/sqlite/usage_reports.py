"""What a server used and which jobs it has: plain functions, each run in a read transaction."""

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from heapq import nlargest

from bot.model import Job, State
from bot.storage.guild_settings import DayUsage, MemberUsage
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import from_ms, job_of_row, to_ms

_DAY_MS = 86_400_000
_LAST = 2**63 - 1


def usage_by_day(
    conn: sqlite3.Connection, queries: Queries, guild_id: int, since: datetime
) -> tuple[DayUsage, ...]:
    """Return what was reserved after an instant by UTC day, earliest first."""
    asked = {"guild_id": guild_id, "since": to_ms(since)}
    failed: Counter[int] = Counter()
    for row in queries.rows(conn, "failures", **asked):
        failed[row["day"]] += row["failed"]
    usage = (
        DayUsage(
            day=_date(row["day"]),
            clips=row["clips"],
            seconds=row["seconds"],
            usd_micros=row["usd_micros"],
            failed=failed[row["day"]],
        )
        for row in queries.rows(conn, "usage_by_day", **asked)
    )
    return tuple(sorted(filter(_is_nonzero, usage), key=lambda each: each.day))


def usage_by_member(
    conn: sqlite3.Connection, queries: Queries, guild_id: int, since: datetime, limit: int
) -> tuple[MemberUsage, ...]:
    """Return the members who used most after an instant: USD, then clips, then the oldest id."""
    asked = {"guild_id": guild_id, "since": to_ms(since)}
    failed: Counter[int] = Counter()
    for row in queries.rows(conn, "failures", **asked):
        failed[row["user_id"]] += row["failed"]
    usage = (
        MemberUsage(
            user_id=row["user_id"],
            clips=row["clips"],
            seconds=row["seconds"],
            usd_micros=row["usd_micros"],
            failed=failed[row["user_id"]],
        )
        for row in queries.rows(conn, "usage_by_member", **asked)
    )
    return tuple(
        nlargest(
            limit,
            filter(_is_nonzero, usage),
            key=lambda each: (each.usd_micros, each.clips, -each.user_id),
        )
    )


def guild_jobs(
    conn: sqlite3.Connection,
    queries: Queries,
    guild_id: int,
    states: Sequence[State],
    user_id: int | None,
    *,
    before_seq: int | None,
    limit: int,
) -> tuple[tuple[int, Job], ...]:
    """Return a server's jobs in `states` with their order of acceptance, latest first."""
    page = {
        "guild_id": guild_id,
        "user_id": user_id,
        "before_seq": _LAST if before_seq is None else before_seq,
        "limit": limit,
    }
    wanted = set(states)
    # Of a member's final jobs there may be few among many of the server's.
    of_member = set[State]() if user_id is None else {each for each in wanted if each.is_final}
    rows = [
        row
        for state in wanted - of_member
        for row in queries.rows(conn, "guild_jobs", state=state.value, **page)
    ]
    if of_member:
        names = json.dumps(sorted(of_member))
        rows += queries.rows(conn, "guild_jobs_of_member", states=names, **page)
    latest = nlargest(limit, rows, key=lambda row: row["seq"])
    return tuple((row["seq"], job_of_row(row)) for row in latest)


def _is_nonzero(usage: DayUsage | MemberUsage) -> bool:
    return any((usage.clips, usage.seconds, usage.usd_micros, usage.failed))


def _date(day: int) -> date:
    return from_ms(day * _DAY_MS).date()
