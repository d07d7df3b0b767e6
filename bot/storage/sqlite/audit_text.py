"""What moderators keep, in the words of the audit; amounts to the last digit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import cast

from bot.guild import (
    BUDGET_WINDOW,
    Block,
    Budget,
    Grant,
    GuildLimit,
    GuildSettings,
    Limit,
    Scope,
    Unit,
)

_DOLLAR_MICROS = 1_000_000
_CENT_DIGITS = 2

#: What each house rule is called, and what it says where nothing was chosen.
_SETTING_LABELS = {
    "channel_ids": ("channels", "all"),
    "models": ("models", "all"),
    "default_model": ("default model", "none"),
    "default_seconds": ("default length", "none"),
    "default_size": ("default size", "none"),
    "post": ("posted", ""),
    "gallery_channel_id": ("gallery", "none"),
    "log_channel_id": ("log", "none"),
    "remixers": ("remixers", ""),
    "remix_role_id": ("remixing role", "none"),
    "max_active_per_user": ("under way for each member", "as the operator set it"),
    "max_active": ("under way in the server", "as the operator set it"),
    "preferred_provider": ("provider tried first", "as the operator set it"),
    "drained_providers": ("drained providers", "none"),
}
#: How a rule's value is written, where it is not as it stands.
_VALUE_FORMATS = {
    "channel_ids": "<#{}>",
    "default_seconds": "{} s",
    "gallery_channel_id": "<#{}>",
    "log_channel_id": "<#{}>",
    "remix_role_id": "<@&{}>",
}


def subject(scope: Scope, subject_id: int) -> str:
    """Return whom a limit is for, as chat shows it."""
    match scope:
        case Scope.USER:
            return f"<@{subject_id}>"
        case Scope.ROLE:
            return f"<@&{subject_id}>"
        case _:
            return "server"


def amount(unit: Unit, value: int) -> str:
    """Return `1 clip`, `12 s of video` or `$0.40`."""
    match unit:
        case Unit.CLIPS:
            return f"{value} clip{'' if value == 1 else 's'}"
        case Unit.SECONDS:
            return f"{value} s of video"
        case Unit.USD_MICROS:
            return dollars(value)


def dollars(usd_micros: int) -> str:
    """Return an amount of money with as many digits as it has, two at least."""
    whole, micros = divmod(usd_micros, _DOLLAR_MICROS)
    digits = f"{micros:06d}"
    return f"${whole}.{digits[:_CENT_DIGITS]}{digits[_CENT_DIGITS:].rstrip('0')}"


def limit(kept: GuildLimit) -> str:
    """Return `5 clips in 24 hours`, or `any number of clips in 24 hours` for a lifted one."""
    window = Limit(unit=kept.unit, amount=0, window=kept.window).window_name
    if kept.amount is not None:
        return f"{amount(kept.unit, kept.amount)} in {window}"
    lifted = {
        Unit.CLIPS: "any number of clips",
        Unit.SECONDS: "any length of video",
        Unit.USD_MICROS: "any cost",
    }
    return f"{lifted[kept.unit]} in {window}"


def limits(kept: Iterable[GuildLimit]) -> str:
    """Return limits in one line; empty for none."""
    return ", ".join(map(limit, kept))


def grant(given: Grant) -> str:
    """Return `3 clips: for the contest`."""
    return _with_reason(amount(given.unit, given.amount), given.reason)


def budget(kept: Budget | None) -> str:
    """Return `$20.00 in 30 days, warnings in <#5>`; empty for none."""
    if kept is None:
        return ""
    window = f"{BUDGET_WINDOW.days} days"
    told = "" if kept.alert_channel_id is None else f", warnings in <#{kept.alert_channel_id}>"
    return f"{dollars(kept.usd_micros)} in {window}{told}"


def block(kept: Block | None) -> str:
    """Return `until 2026-10-02 12:00 UTC: spam`; empty for none."""
    if kept is None:
        return ""
    return _with_reason("until lifted" if kept.until is None else _until(kept.until), kept.reason)


def guild_settings(before: GuildSettings, after: GuildSettings) -> tuple[str, str]:
    """Return the rules that differ, as they were and as they are: `gallery: none`."""
    names = [each.name for each in fields(GuildSettings)]
    differing = [name for name in names if getattr(before, name) != getattr(after, name)]
    return _setting_texts(before, differing), _setting_texts(after, differing)


def _setting_texts(settings: GuildSettings, names: Iterable[str]) -> str:
    return "; ".join(f"{_SETTING_LABELS[name][0]}: {_value(settings, name)}" for name in names)


def _value(settings: GuildSettings, name: str) -> str:
    value: object = getattr(settings, name)
    if value is None or value == ():
        return _SETTING_LABELS[name][1]
    values = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    return ", ".join(_VALUE_FORMATS.get(name, "{}").format(each) for each in values)


def _until(at: datetime) -> str:
    return f"until {at:%Y-%m-%d %H:%M} UTC"


def _with_reason(what: str, reason: str | None) -> str:
    return f"{what}: {reason}" if reason else what
