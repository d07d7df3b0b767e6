"""What the audit log holds, in words."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from bot.guild import AuditValue, Block, Budget, Grant, guild_setting_records
from bot.quota.sentences import amount, budget_text, limits_text


def audit_text(value: AuditValue) -> str:
    """Return one side of an entry of the audit log in words; empty for nothing."""
    match value:
        case str():
            return value
        case tuple():
            return limits_text(value)
        case Grant():
            return _with_reason(amount(value.unit, value.amount), value.reason)
        case Budget():
            return budget_text(value)
        case Block():
            end = "until lifted" if value.until is None else _until(value.until)
            return _with_reason(end, value.reason)
        case _:
            return _settings_text(value)


def _settings_text(values: Mapping[str, object]) -> str:
    """Return `gallery: none; default length: 4 s`."""
    records, parts = guild_setting_records(), list[str]()
    for name, value in values.items():
        # A release after this one may have stored a setting that this one does not know.
        record = records.get(name)
        label, none, style = (
            (name, "none", "{}")
            if record is None
            else (record.audit_label, record.audit_none, record.audit_format)
        )
        each = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
        words = none if value in (None, ()) else ", ".join(map(style.format, each))
        parts.append(f"{label}: {words}")
    return "; ".join(parts)


def _until(at: datetime) -> str:
    return f"until {at:%Y-%m-%d %H:%M} UTC"


def _with_reason(words: str, reason: str | None) -> str:
    return f"{words}: {reason}" if reason else words
