"""Each guild setting is one record; these tests name the parts that are still missing."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from typing import Any

import pytest

from bot.chat.moderation.audit_text import audit_text
from bot.chat.moderation.settings_panel import panel_controls, value_hash
from bot.chat.moderation.settings_text import settings_text
from bot.clock import SystemClock
from bot.guild import GuildSettings, Remixers, guild_setting_records
from bot.guild_setting import Choice, GuildSetting
from bot.jobs.catalogue import Catalogue
from bot.providers.health import CircuitBreakers
from bot.storage.sqlite.guild_rows import guild_settings_of_row, row_of_guild_settings
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.guild_settings_factories import CHANGED_SETTINGS

PAGE = "docs/how-to/add-a-guild-setting.md"
NAMES = [each.name for each in fields(GuildSettings)]
#: Set by `/sora-mod provider`, not in the panel.
ELSEWHERE = {"preferred_provider", "drained_providers"}
PANEL = [name for name in NAMES if name not in ELSEWHERE]


def other_value(name: str) -> object:
    """Return a value of a setting that is not its default."""
    return getattr(CHANGED_SETTINGS, name)


def changed(name: str) -> GuildSettings:
    """Return settings in which only this one is not as by default."""
    changes: dict[str, Any] = {name: other_value(name)}
    if name == "remix_role_id":
        changes["remixers"] = Remixers.ROLE
    return replace(GuildSettings(), **changes)


@pytest.mark.parametrize("name", NAMES)
def test_each_field_holds_its_record(name: str) -> None:
    (field,) = [each for each in fields(GuildSettings) if each.name == name]
    assert isinstance(field.metadata.get("setting"), GuildSetting), (
        f"GuildSettings.{name} in bot/guild.py has no record: write "
        f"`{name}: … = _setting(default, audit_label=…)`, see {PAGE}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_tests_change_each_setting(name: str) -> None:
    assert other_value(name) != getattr(GuildSettings(), name), (
        f"CHANGED_SETTINGS in tests/unit/storage/guild_settings_factories.py leaves {name} at its "
        "default: give it another value there"
    )


@pytest.mark.parametrize("name", PANEL)
def test_each_setting_is_in_the_panel(name: str) -> None:
    record = guild_setting_records()[name]
    assert record.control is not None, (
        f"GuildSettings.{name} is not in the panel: give its GuildSetting a `control` and a "
        f"`choice` in bot/guild.py, see {PAGE}"
    )
    assert record.choice is not None, (
        f"GuildSettings.{name} can't be chosen: give its GuildSetting a `choice` in bot/guild.py"
    )
    assert panel_controls()[record.control.key] == record.control, (
        f"two controls have the key {record.control.key!r}: choose another for {name}"
    )
    default: Any = getattr(GuildSettings(), name)
    if record.choice is Choice.WORDS:
        assert list(record.words) == [each.value for each in default.__class__], (
            f"`words` of {name} in bot/guild.py must have a label for each of {type(default)}"
        )
    if record.choice in (Choice.NUMBER, Choice.TEXT):
        assert record.maximum > 0, f"{name} in bot/guild.py is typed into a form: give a `maximum`"
        assert 0 < len(record.form_label) <= 45, f"{name} in bot/guild.py needs a `form_label`"
        assert len(record.control.title) <= 45, f"the title of {name} is too long for a form"


@pytest.mark.parametrize("name", PANEL)
def test_a_changed_setting_changes_the_text_and_the_hash_of_the_panel(name: str) -> None:
    catalogue = Catalogue({}, CircuitBreakers((), SystemClock()), SystemClock())
    control = guild_setting_records()[name].control
    assert control is not None
    assert settings_text(changed(name), catalogue) != settings_text(GuildSettings(), catalogue), (
        f"the text of the panel says nothing of {name}: see bot/chat/moderation/settings_text.py"
    )
    assert value_hash(changed(name), control) != value_hash(GuildSettings(), control)


@pytest.mark.parametrize("name", NAMES)
def test_the_audit_log_words_each_setting(name: str) -> None:
    label = guild_setting_records()[name].audit_label
    before, after = (
        audit_text({name: getattr(each, name)}) for each in (GuildSettings(), changed(name))
    )
    assert before != after, f"the audit log words both values of {name} as {after!r}"
    assert before.startswith(f"{label}: ")
    assert label, f"give the GuildSetting of {name} in bot/guild.py an `audit_label`"


async def test_each_setting_has_a_column(store: SqliteJobStore) -> None:
    rows: list[sqlite3.Row] = await store.database.read(
        lambda conn: conn.execute("SELECT name FROM pragma_table_info('house_rules')").fetchall()
    )
    missing = set(row_of_guild_settings(7, GuildSettings())) - {row["name"] for row in rows}
    assert not missing, (
        f"house_rules has no column {', '.join(sorted(missing))}: write a migration, see "
        "docs/how-to/add-a-migration.md"
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_read_as_it_was_stored(name: str) -> None:
    conn = sqlite3.connect(":memory:")
    conn.row_factory = sqlite3.Row
    row = row_of_guild_settings(7, changed(name))
    columns = ", ".join(f":{column} AS {column}" for column in row)
    stored = conn.execute(f"SELECT {columns}", row).fetchone()
    conn.close()
    assert guild_settings_of_row(stored) == changed(name), (
        f"{name} is not read as it was stored: bot/storage/sqlite/guild_rows.py stores tuples as "
        "JSON, enums by value and all else as it is"
    )
