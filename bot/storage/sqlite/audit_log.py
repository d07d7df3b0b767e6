"""What moderators changed; append-only."""

import sqlite3
from datetime import datetime

from bot.guild import AuditEntry
from bot.model import Job
from bot.storage.sqlite.guild_rows import audit_entry_of_row
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import to_ms

_LATEST = 2**63 - 1


def append_cancellation(
    conn: sqlite3.Connection, queries: Queries, job: Job, by_user_id: int, now: datetime
) -> None:
    """Note that a moderator cancels a member's job in their guild."""
    queries.rows(
        conn,
        "append_audit",
        guild_id=job.place.guild_id,
        at=to_ms(now),
        by_user_id=by_user_id,
        what="clip stopped",
        subject=f"<@{job.user_id}>",
        about_user_id=job.user_id,
        before=f"{job.id}, {job.state}",
        after="to be cancelled",
    )


def entries(
    conn: sqlite3.Connection,
    queries: Queries,
    guild_id: int,
    user_id: int | None,
    *,
    before_id: int | None,
    limit: int,
) -> tuple[AuditEntry, ...]:
    """Return changes before an entry, latest first: all, or those by or about a member."""
    page = {
        "guild_id": guild_id,
        "before_id": _LATEST if before_id is None else before_id,
        "limit": limit,
    }
    if user_id is None:
        rows = queries.rows(conn, "audit", **page)
    else:
        rows = queries.rows(conn, "audit_by", user_id=user_id, **page)
        rows += queries.rows(conn, "audit_about", user_id=user_id, **page)
    # A change that a member made about themselves is in both lists.
    found = {row["id"]: row for row in rows}
    return tuple(audit_entry_of_row(found[each]) for each in sorted(found, reverse=True)[:limit])
