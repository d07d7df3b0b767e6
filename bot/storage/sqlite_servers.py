"""The `Servers` on SQLite."""

from __future__ import annotations

from datetime import datetime
from typing import final

from bot.storage.queries import Queries
from bot.storage.rows import to_ms
from bot.storage.servers import Servers
from bot.storage.sqlite import Database


@final
class SqliteServers(Servers):
    """Every choice is a row and the latest holds: who chose what, and when, is never lost."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def gallery(self, guild_id: int) -> int | None:
        row = await self._database.read(
            lambda conn: self._queries.row(conn, "gallery", guild_id=guild_id)
        )
        return None if row is None else row["channel_id"]

    async def set_gallery(
        self, guild_id: int, channel_id: int | None, *, by_user_id: int, now: datetime
    ) -> None:
        await self._database.write(
            lambda conn: self._queries.rows(
                conn,
                "choose_gallery",
                guild_id=guild_id,
                channel_id=channel_id,
                by_user_id=by_user_id,
                at=to_ms(now),
            )
        )
