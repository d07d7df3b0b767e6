"""Rows of the tables that moderators fill, as the classes of `bot.guild`, and back."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.guild import (
    AuditEntry,
    AuditValue,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    Scope,
    Unit,
    guild_setting_records,
)
from bot.storage.sqlite.rows import from_ms, to_ms

_MS = timedelta(milliseconds=1)
#: A row of the table, or the same columns in the JSON of the audit log.
_Row = sqlite3.Row | Mapping[str, Any]


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


def limit_of_row(row: _Row) -> GuildLimit:
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


def grant_of_row(row: _Row) -> Grant:
    """Return the grant that a row of `grants` holds."""
    return Grant(
        guild_id=row["guild_id"],
        user_id=row["user_id"],
        unit=Unit(row["unit"]),
        amount=row["amount"],
        at=from_ms(row["at"]),
        reason=row["reason"],
    )


def row_of_budget(budget: Budget) -> dict[str, object]:
    """Return a budget's columns by name."""
    return {"usd_micros": budget.usd_micros, "warn_channel_id": budget.alert_channel_id}


def budget_of_row(row: _Row) -> Budget:
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


def block_of_row(row: _Row) -> Block:
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
    """Return a guild's settings by column."""
    values = {name: _column_value(getattr(settings, name)) for name in guild_setting_records()}
    return {"guild_id": guild_id, **values}


def guild_settings_of_row(row: sqlite3.Row) -> GuildSettings:
    """Return the settings that a row of `house_rules` holds."""
    return GuildSettings(**settings_values({name: row[name] for name in guild_setting_records()}))


def put_guild_settings_sql() -> str:
    """Return the statement that stores a row of `row_of_guild_settings`."""
    names = ("guild_id", *guild_setting_records())
    values = ", ".join(f":{name}" for name in names)
    # Only names of fields of GuildSettings go into the statement.
    return f"INSERT OR REPLACE INTO house_rules ({', '.join(names)}) VALUES ({values})"  # noqa: S608


def settings_values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of some settings by field; fields that GuildSettings lacks stay as stored."""
    defaults = GuildSettings()
    return {name: _value_of(value, getattr(defaults, name, None)) for name, value in stored.items()}


def audit_text_of(value: AuditValue) -> str:
    """Return what the audit log stores: JSON for data, words as they are."""
    match value:
        case str():
            return value
        case tuple():
            stored = {"limits": [row_of_limit(0, each) for each in value]}
        case Grant():
            stored = {"grant": row_of_grant(value)}
        case Budget():
            stored = {"budget": row_of_budget(value)}
        case Block():
            stored = {"block": row_of_block(value)}
        case _:
            stored = {"settings": {name: _column_value(each) for name, each in value.items()}}
    return json.dumps(stored)


def audit_value_of(text: str) -> AuditValue:
    """Return what `audit_text_of` stored. Entries of release 0.1.0 are words, which stay as they are."""
    if not text.startswith("{"):
        return text
    ((kind, stored),) = json.loads(text).items()
    match kind:
        case "limits":
            return tuple(limit_of_row(each) for each in stored)
        case "grant":
            return grant_of_row(stored)
        case "budget":
            return budget_of_row(stored)
        case "block":
            return block_of_row(stored)
        case _:
            return settings_values(stored)


def audit_entry_of_row(row: sqlite3.Row) -> AuditEntry:
    """Return the entry that a row of `audit` holds."""
    return AuditEntry(
        id=row["id"],
        guild_id=row["guild_id"],
        at=from_ms(row["at"]),
        by_user_id=row["by_user_id"],
        what=row["what"],
        subject=row["subject"],
        before=audit_value_of(row["before"]),
        after=audit_value_of(row["after"]),
    )


def _column_value(value: object) -> object:
    if isinstance(value, tuple):
        return json.dumps(value)
    return value.value if isinstance(value, StrEnum) else value


def _value_of(stored: Any, default: object) -> Any:
    if isinstance(default, tuple):
        return tuple(json.loads(stored))
    return type(default)(stored) if isinstance(default, StrEnum) else stored
