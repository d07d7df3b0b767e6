from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.empty_database import copy_empty_database
from tests.unit.storage.outbox_helpers import GALLERY, choose_gallery


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    opened = await SqliteJobStore.open(copy_empty_database(tmp_path / "data" / "sorabot.sqlite3"))
    yield opened
    await opened.close()


@pytest.fixture
def guild_store(store: SqliteJobStore) -> SqliteGuildSettingsStore:
    return SqliteGuildSettingsStore(store.database, store.queries)


@pytest.fixture
def outbox(store: SqliteJobStore) -> SqliteOutbox:
    return SqliteOutbox(store.database, store.queries)


@pytest.fixture
async def gallery(store: SqliteJobStore) -> int:
    """The id of the gallery channel that guild 7 has chosen."""
    await choose_gallery(store, GALLERY)
    return GALLERY
