"""The form with a server's numbers: how many clips may be under way at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

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


def apply_limits(settings: GuildSettings, components: object) -> GuildSettings:
    """Return the rules with what was typed into the form.

    components  of the interaction's data.
    Raises BadOptionError naming the field whose number is wrong.
    """
    typed = dict(_typed_values(components))
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


def _typed_values(node: object) -> Iterator[tuple[str, str]]:
    """Yield what was typed into each field, wherever it stands among the components."""
    if isinstance(node, list):
        for each in cast("list[object]", node):
            yield from _typed_values(each)
    elif isinstance(node, Mapping):
        fields = cast("Mapping[str, object]", node)
        if fields.get("custom_id") in _LIMIT_LABELS:
            yield str(fields["custom_id"]), str(fields.get("value") or "")
        for name in ("components", "component"):
            yield from _typed_values(fields.get(name))
