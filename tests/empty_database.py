"""An empty database with the current schema, made once in each test process."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import threading
from pathlib import Path

from bot.storage.sqlite.jobs import SqliteJobStore


def copy_empty_database(path: Path) -> Path:
    """Write an empty database to `path`, create its folder if needed, and return `path`.

    Copying takes a fifth of the time that running the migrations takes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty())
    return path


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        # Run in another thread, because the caller's thread may already run an event loop.
        maker = threading.Thread(target=lambda: asyncio.run(_make(path)))
        maker.start()
        maker.join()
        return path.read_bytes()


async def _make(path: Path) -> None:
    await (await SqliteJobStore.open(path)).close()
