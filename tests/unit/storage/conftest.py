from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.empty_database import lay_database


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(lay_database(tmp_path / "data" / "sorabot.sqlite3"))
    yield opened
    await opened.close()


@pytest.fixture
def keeping(store: SqliteStore) -> SqliteKeeping:
    return SqliteKeeping(store.database, store.queries)
