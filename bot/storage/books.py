"""The `LedgerReader` on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import final

from bot.guild import Block, Budget, Grant, GuildLimit, GuildSettings
from bot.model import Usage
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
from bot.storage.sqlite.rows import from_ms, to_ms


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
