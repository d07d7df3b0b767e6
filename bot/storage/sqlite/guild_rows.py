"""Rows of the tables that moderators fill as the nouns of `bot.guild`, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import timedelta

from bot.guild import (
    AuditEntry,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    PostTarget,
    Remixers,
    Scope,
    Unit,
)
from bot.storage.sqlite.rows import from_ms, to_ms

_MS = timedelta(milliseconds=1)


def row_of_limit(guild_id: int, limit: GuildLimit) -> dict[str, object]:
    """Return a limit's columns by name."""
    return {
        "guild_id": guild_id,
        "scope": limit.scope.value,
        "subject_id": limit.subject_id,
        "unit": limit.unit.value,
        "window_ms": limit.window // _MS,
        "amount": limit.amount,
    }


def limit_of_row(row: sqlite3.Row) -> GuildLimit:
    """Return the limit that a row of `limits` holds."""
    return GuildLimit(
        scope=Scope(row["scope"]),
        subject_id=row["subject_id"],
        unit=Unit(row["unit"]),
        window=row["window_ms"] * _MS,
        amount=row["amount"],
    )


def by_scope(limits: Iterable[GuildLimit]) -> tuple[GuildLimit, ...]:
    """Return limits by scope (the narrowest first), subject, unit and window."""
    scopes, units = list(Scope), list(Unit)

    def place(limit: GuildLimit) -> tuple[int, int, int, timedelta]:
        return (
            scopes.index(limit.scope),
            limit.subject_id,
            units.index(limit.unit),
            limit.window,
        )

    return tuple(sorted(limits, key=place))


def row_of_grant(grant: Grant) -> dict[str, object]:
    """Return a grant's columns by name."""
    return {
        "guild_id": grant.guild_id,
        "user_id": grant.user_id,
        "unit": grant.unit.value,
        "amount": grant.amount,
        "at": to_ms(grant.at),
        "reason": grant.reason,
    }


def grant_of_row(row: sqlite3.Row) -> Grant:
    """Return the grant that a row of `grants` holds."""
    return Grant(
        guild_id=row["guild_id"],
        user_id=row["user_id"],
        unit=Unit(row["unit"]),
        amount=row["amount"],
        at=from_ms(row["at"]),
        reason=row["reason"],
    )


def budget_of_row(row: sqlite3.Row) -> Budget:
    """Return the budget that a row of `budgets` holds."""
    return Budget(usd_micros=row["usd_micros"], alert_channel_id=row["warn_channel_id"])


def row_of_block(block: Block) -> dict[str, object]:
    """Return a block's columns by name."""
    return {
        "guild_id": block.guild_id,
        "user_id": block.user_id,
        "at": to_ms(block.at),
        "by_user_id": block.by_user_id,
        "until": None if block.until is None else to_ms(block.until),
        "reason": block.reason,
    }


def block_of_row(row: sqlite3.Row) -> Block:
    """Return the block that a row of `blocks` holds."""
    return Block(
        guild_id=row["guild_id"],
        user_id=row["user_id"],
        at=from_ms(row["at"]),
        by_user_id=row["by_user_id"],
        until=None if row["until"] is None else from_ms(row["until"]),
        reason=row["reason"],
    )


def row_of_guild_settings(guild_id: int, settings: GuildSettings) -> dict[str, object]:
    """Return a server's rules by column."""
    return {
        "guild_id": guild_id,
        "channel_ids": json.dumps(settings.channel_ids),
        "models": json.dumps(settings.models),
        "default_model": settings.default_model,
        "default_seconds": settings.default_seconds,
        "default_size": settings.default_size,
        "post": settings.post.value,
        "gallery_channel_id": settings.gallery_channel_id,
        "log_channel_id": settings.log_channel_id,
        "remixers": settings.remixers.value,
        "remix_role_id": settings.remix_role_id,
        "max_active_per_user": settings.max_active_per_user,
        "max_active": settings.max_active,
        "preferred_provider": settings.preferred_provider,
        "drained_providers": json.dumps(settings.drained_providers),
    }


def guild_settings_of_row(row: sqlite3.Row) -> GuildSettings:
    """Return the rules that a row of `settings_by_guild` holds."""
    return GuildSettings(
        channel_ids=tuple(json.loads(row["channel_ids"])),
        models=tuple(json.loads(row["models"])),
        default_model=row["default_model"],
        default_seconds=row["default_seconds"],
        default_size=row["default_size"],
        post=PostTarget(row["post"]),
        gallery_channel_id=row["gallery_channel_id"],
        log_channel_id=row["log_channel_id"],
        remixers=Remixers(row["remixers"]),
        remix_role_id=row["remix_role_id"],
        max_active_per_user=row["max_active_per_user"],
        max_active=row["max_active"],
        preferred_provider=row["preferred_provider"],
        drained_providers=tuple(json.loads(row["drained_providers"])),
    )


def audit_entry_of_row(row: sqlite3.Row) -> AuditEntry:
    """Return the entry that a row of `audit` holds."""
    return AuditEntry(
        id=row["id"],
        guild_id=row["guild_id"],
        at=from_ms(row["at"]),
        by_user_id=row["by_user_id"],
        what=row["what"],
        subject=row["subject"],
        before=row["before"],
        after=row["after"],
    )
