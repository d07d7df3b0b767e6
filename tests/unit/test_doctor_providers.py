"""Tests that the doctor reports which providers the operator has drained."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.guild import EVERYWHERE, GuildSettings
from bot.settings import Settings
from bot.shell import doctor
from bot.shell.doctor_disk import examine_database
from bot.shell.providers import ProviderAction, choose_provider
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore

NAMES = ("openai", "local")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


async def told(tmp_path: Path, *drained: str) -> list[tuple[str, str, str]]:
    """Return level, message and advice of each finding about drained providers."""
    path = tmp_path / "sorabot.db"
    store = await SqliteJobStore.open(path)
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    rules = GuildSettings(drained_providers=drained)
    actor = Actor(user_id=None, at=SystemClock().now())
    assert await guild_store.replace_guild_settings(
        EVERYWHERE, rules, actor, expected=GuildSettings()
    )
    await store.close()
    found = await examine_database(path, NAMES)
    return [
        (each.level, each.message, each.advice) for each in found if each.subject == "video APIs"
    ]


async def test_when_all_are_drained_nobody_can_order_and_that_is_a_problem(tmp_path: Path):
    [(level, said, advice)] = await told(tmp_path, "openai", "xai", "local")
    assert level == "problem"
    assert said == "all are drained, so every command for a clip is refused"
    assert advice == "python -m bot providers resume NAME"


async def test_when_some_are_drained_it_is_a_warning_that_names_them(tmp_path: Path):
    [(level, said, advice)] = await told(tmp_path, "xai", "local")
    assert level == "warning"
    assert said == "no new job goes to local, as the operator chose"
    assert advice.startswith("python -m bot providers resume local")


async def test_one_that_is_not_configured_is_nobodys_loss(tmp_path: Path):
    assert await told(tmp_path, "xai") == []


async def test_a_choice_that_cannot_be_read_is_told_as_damage(tmp_path: Path):
    await told(tmp_path, "local")
    with closing(sqlite3.connect(tmp_path / "sorabot.db", isolation_level=None)) as conn:
        conn.execute("PRAGMA ignore_check_constraints = ON")
        conn.execute("UPDATE house_rules SET drained_providers = '['")
    found = await examine_database(tmp_path / "sorabot.db", NAMES)
    assert any(each.level == "problem" and "choice can't be read" in each.message for each in found)


async def test_the_doctor_asks_about_the_configured_ones(tmp_path: Path):
    environ = {
        "DATA_DIR": str(tmp_path),
        "VIDEO_PROVIDERS": "local",
        "DISCORD_API_URL": "http://127.0.0.1:9",
    }
    await (await SqliteJobStore.open(tmp_path / "sorabot.db")).close()
    await choose_provider(Settings.from_env(environ), ProviderAction.DRAIN, "local")
    is_well, lines = await doctor.examine(environ, SystemClock())
    assert not is_well
    assert any(line.startswith("problem  video APIs: all are drained") for line in lines)
