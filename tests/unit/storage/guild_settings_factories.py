"""Makes guild settings, limits and blocks for the tests of storage."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.chat.moderation.audit_text import audit_text
from bot.guild import (
    WINDOWS,
    AuditEntry,
    Block,
    GuildLimit,
    GuildSettings,
    PostTarget,
    Remixers,
    Scope,
    Unit,
)
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from tests.unit.storage.factories import NOW, after

DAY = WINDOWS["day"]
WEEK = WINDOWS["week"]
MODERATOR = Actor(user_id=5, at=NOW)
OPERATOR = Actor(user_id=None, at=after(60))

#: Every setting differs from its default.
CHANGED_SETTINGS = GuildSettings(
    channel_ids=(70, 71),
    models=("local/toy", "openai/sora-2"),
    default_model="local/toy",
    default_seconds=8,
    default_size="1280x720",
    post=PostTarget.THREAD,
    gallery_channel_id=75,
    log_channel_id=76,
    remixers=Remixers.ROLE,
    remix_role_id=300,
    max_active_per_user=0,
    max_active=9,
    preferred_provider="openai",
    drained_providers=("local", "fal"),
)


def limit(
    scope: Scope,
    subject_id: int,
    amount: int | None,
    *,
    unit: Unit = Unit.CLIPS,
    window: timedelta = DAY,
) -> GuildLimit:
    return GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)


def block(**changes: Any) -> Block:
    plain = {"guild_id": 7, "user_id": 1001, "at": NOW, "by_user_id": 5}
    return Block(**{**plain, **changes})


async def audit_log(
    guild_store: SqliteGuildSettingsStore, guild_id: int = 7
) -> tuple[AuditEntry, ...]:
    return await guild_store.audit_log(guild_id, None, before_id=None, limit=99)


async def audit_lines(guild_store: SqliteGuildSettingsStore) -> list[tuple[str, str, str, str]]:
    """Return the audit log in words, earliest entry first."""
    entries = reversed(await audit_log(guild_store))
    return [
        (each.what, each.subject, audit_text(each.before), audit_text(each.after))
        for each in entries
    ]
