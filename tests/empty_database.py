"""A database with the schema of this release and nothing in it, made once in a process."""

from __future__ import annotations

import asyncio
import functools
import tempfile
import threading
from pathlib import Path

from bot.storage.sqlite.jobs import SqliteJobStore


def copy_empty_database(path: Path) -> Path:
    """Write an empty database to `path`, whose folder is made, and return `path`.

    Opening a copy takes a fifth of the time that the migrations take.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty())
    return path


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        # In a thread of its own: the caller may run an event loop.
        maker = threading.Thread(target=lambda: asyncio.run(_make(path)))
        maker.start()
        maker.join()
        return path.read_bytes()


async def _make(path: Path) -> None:
    await (await SqliteJobStore.open(path)).close()
