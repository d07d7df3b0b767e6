"""The `Books` on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import final

from bot.model import Usage
from bot.server import Block, Budget, Grant, HouseRules, SetLimit
from bot.storage.base import Books, Spend
from bot.storage.queries import Queries
from bot.storage.rows import from_ms, to_ms
from bot.storage.server_rows import (
    block_of_row,
    budget_of_row,
    by_width,
    grant_of_row,
    limit_of_row,
    rules_of_row,
)


@final
class LedgerBooks(Books):
    """Reads over an open transaction; of no use after it, nor on another thread."""

    def __init__(self, conn: sqlite3.Connection, queries: Queries) -> None:
        self._conn = conn
        self._queries = queries

    def usage(self, user_id: int, since: datetime, *, within: int | None = None) -> Usage:
        row = self._row("usage", user_id=user_id, since=to_ms(since), within=within)
        if row is None:
            return Usage()
        return Usage(clips=row["clips"], seconds=row["seconds"], usd_micros=row["usd_micros"])

    def spends(
        self, user_id: int, since: datetime, *, within: int | None = None
    ) -> tuple[Spend, ...]:
        rows = self._rows("spends", user_id=user_id, since=to_ms(since), within=within)
        return tuple(
            Spend(
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

    def active_in(self, guild_id: int) -> int:
        row = self._row("active_in", guild_id=guild_id)
        return 0 if row is None else int(row["active"])

    def limits_for(
        self, guild_id: int, user_id: int, role_ids: Collection[int]
    ) -> tuple[SetLimit, ...]:
        rows = self._rows(
            "limits_for",
            guild_id=guild_id,
            user_id=user_id,
            role_ids=json.dumps(sorted(set(role_ids))),
        )
        return by_width(limit_of_row(row) for row in rows)

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

    def rules(self, guild_id: int) -> HouseRules:
        row = self._row("rules", guild_id=guild_id)
        return HouseRules() if row is None else rules_of_row(row)

    def _row(self, name: str, **params: object) -> sqlite3.Row | None:
        return self._queries.row(self._conn, name, **params)

    def _rows(self, name: str, **params: object) -> list[sqlite3.Row]:
        return self._queries.rows(self._conn, name, **params)
