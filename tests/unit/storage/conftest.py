from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.empty_database import copy_empty_database


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    opened = await SqliteJobStore.open(copy_empty_database(tmp_path / "data" / "sorabot.sqlite3"))
    yield opened
    await opened.close()


@pytest.fixture
def guild_store(store: SqliteJobStore) -> SqliteGuildSettingsStore:
    return SqliteGuildSettingsStore(store.database, store.queries)
