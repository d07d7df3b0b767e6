"""What the tests of the outbox share."""

from __future__ import annotations

from typing import Any

from bot.guild import GuildSettings
from bot.storage.guild_settings import Actor
from bot.storage.outbox import OutboxMessage
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import NOW, after

GALLERY = 75


async def choose_gallery(store: SqliteJobStore, channel_id: int | None) -> None:
    """Set the gallery channel of guild 7, or remove it."""
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    chosen = GuildSettings(gallery_channel_id=channel_id)
    seen = await guild_store.guild_settings(7)
    assert await guild_store.replace_guild_settings(
        7, chosen, Actor(user_id=5, at=NOW), expected=seen
    )


async def only_message(outbox: SqliteOutbox) -> OutboxMessage:
    """Return the outbox's message; fail when it has none or several."""
    (message,) = await outbox.due(after(10**6), 9)
    return message


async def select(store: SqliteJobStore, sql: str) -> list[dict[str, Any]]:
    rows = await store.database.read(lambda conn: conn.execute(sql).fetchall())
    return [dict(row) for row in rows]
