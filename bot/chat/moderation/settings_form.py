"""The forms of the settings panel: numbers and texts that moderators type."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bot.chat.text import escaped
from bot.errors import BadOptionError
from bot.guild import GuildSettings, guild_setting_records
from bot.guild_setting import Choice, GuildSetting, PanelControl

#: The custom id of a form, with the hash of the values that it showed. Forms of release 0.1.0 have
#: no key: they are about "limits".
FORM_ID = re.compile(r"sora:limiting:(?:(?P<key>[a-z]+):)?(?P<mark>[0-9a-f]{1,8})")
_DEFAULT_KEY = "limits"


def form_key(form: re.Match[str]) -> str:
    """Return the key of the control that a form belongs to."""
    return form["key"] or _DEFAULT_KEY


def form_fields(key: str) -> dict[str, GuildSetting]:
    """Return the settings that the form of a control shows, by field."""
    return {
        name: record
        for name, record in guild_setting_records().items()
        if record.control is not None and record.control.key == key
    }


def build_form(control: PanelControl, settings: GuildSettings, shown_hash: str) -> discord.ui.Modal:
    """Return the form of a control, with the present values in it."""
    key = "" if control.key == _DEFAULT_KEY else f"{control.key}:"
    modal = discord.ui.Modal(
        title=control.title, custom_id=f"sora:limiting:{key}{shown_hash}", timeout=900
    )
    for name, record in form_fields(control.key).items():
        value: object = getattr(settings, name)
        is_number = record.choice is Choice.NUMBER
        field: discord.ui.TextInput[Any] = discord.ui.TextInput(
            custom_id=name,
            default=None if value is None else str(value),
            required=False,
            max_length=10 if is_number else record.maximum,
        )
        hint = record.form_hint
        if is_number:
            hint = f"1 to {record.maximum}; {hint[:1].lower()}{hint[1:]}"
        modal.add_item(discord.ui.Label(text=record.form_label, description=hint, component=field))
    return modal


def apply_form(settings: GuildSettings, key: str, typed: Mapping[str, str]) -> GuildSettings:
    """Return the settings with what was typed into the form of a control.

    typed  the texts by the custom ids of their fields.
    Raises BadOptionError naming the field whose number is wrong.
    """
    records = form_fields(key)
    values: dict[str, Any] = {
        name: _parse(record, typed.get(name, "").strip()) for name, record in records.items()
    }
    return replace(settings, **values)


def _parse(record: GuildSetting, typed: str) -> int | str | None:
    if not typed:
        return None
    if record.choice is Choice.TEXT:
        return " ".join(typed.split())[: record.maximum]
    number = int(typed) if re.fullmatch(r"[0-9]{1,9}", typed) else 0
    if not 1 <= number <= record.maximum:
        problem = f"“{escaped(typed, 10)}” is not a whole number from 1 to {record.maximum}."
        raise BadOptionError(record.form_label, problem, record.form_hint)
    return number
