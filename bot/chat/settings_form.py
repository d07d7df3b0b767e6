"""The form with a server's numbers: how many clips may be under way at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bot.chat.text import escaped
from bot.errors import BadOptionError
from bot.guild import GuildSettings

#: The form's id; the mark is of the numbers that it showed.
LIMITS_FORM = re.compile(r"sora:limiting:(?P<mark>[0-9a-f]{1,8})")
_MAX_ACTIVE = 1000
#: Fields of GuildSettings and what they are called.
_LIMIT_LABELS = {"max_active_per_user": "Each member", "max_active": "The whole server"}


def limits_modal(settings: GuildSettings, shown_hash: str) -> discord.ui.Modal:
    """Return the form; `seen` is the mark of the numbers in it."""
    modal = discord.ui.Modal(
        title="Clips under way at a time", custom_id=f"sora:limiting:{shown_hash}", timeout=900
    )
    for name, label in _LIMIT_LABELS.items():
        number: int | None = getattr(settings, name)
        field: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id=name,
            default=None if number is None else str(number),
            required=False,
            max_length=10,
        )
        hint = f"1 to {_MAX_ACTIVE}; leave it empty for what the operator set."
        modal.add_item(discord.ui.Label(text=label, description=hint, component=field))
    return modal


def apply_limits(settings: GuildSettings, typed: Mapping[str, str]) -> GuildSettings:
    """Return the settings with what was typed into the form, by field.

    Raises BadOptionError naming the field whose number is wrong.
    """
    numbers = {
        name: _parse_limit(label, typed.get(name, "")) for name, label in _LIMIT_LABELS.items()
    }
    return replace(settings, **numbers)


def _parse_limit(label: str, words: str) -> int | None:
    words = words.strip()
    if not words:
        return None
    number = int(words) if re.fullmatch(r"[0-9]{1,9}", words) else 0
    if not 1 <= number <= _MAX_ACTIVE:
        problem = f"“{escaped(words, 10)}” is not a whole number from 1 to {_MAX_ACTIVE}."
        raise BadOptionError(label, problem, "Leave it empty for what the operator set.")
    return number
