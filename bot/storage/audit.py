"""The trail of what moderators changed; append-only."""

from __future__ import annotations

import sqlite3

from bot.server import AuditEntry
from bot.storage.queries import Queries
from bot.storage.server_rows import audit_of_row

_LATEST = 2**63 - 1


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
    # What somebody changed about themselves is there twice.
    found = {row["id"]: row for row in rows}
    return tuple(audit_of_row(found[each]) for each in sorted(found, reverse=True)[:limit])
