"""A database that is locked, or takes no writes: calls fail with clear errors, and work again without a restart."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.model import State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import accept, after, step


def lock(tmp_path: Path) -> sqlite3.Connection:
    """Hold the write lock, as another process does."""
    other = sqlite3.connect(tmp_path / "data" / "sorabot.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_only_the_first_waits_for_a_lock_that_is_held_for_long(
    store: SqliteJobStore, tmp_path: Path
) -> None:
    job = await accept(store)
    other = lock(tmp_path)
    with pytest.raises(StorageError, match="locked"):
        await accept(store, 2)

    began_s = time.monotonic()
    tries = await asyncio.gather(
        *(accept(store, number) for number in range(3, 8)),
        store.job(job.id),
        return_exceptions=True,
    )

    # A member waits three seconds; five who waited two each would let the look come too late.
    assert time.monotonic() - began_s < 1.5
    assert [type(each) for each in tries[:5]] == [StorageError] * 5
    assert tries[5] == job
    other.execute("ROLLBACK")
    other.close()
    await accept(store, 9)


async def test_after_the_lock_is_gone_a_short_one_is_waited_for_again(
    store: SqliteJobStore, tmp_path: Path
) -> None:
    other = lock(tmp_path)
    with pytest.raises(StorageError):
        await accept(store, 1)
    other.execute("ROLLBACK")
    await accept(store, 2)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(accept(store, 3))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    await waiting


async def test_a_database_that_takes_no_writes_moves_nothing_and_recovers(
    store: SqliteJobStore,
) -> None:
    job = await accept(store)
    await store.database.run(lambda conn: conn.execute("PRAGMA query_only = ON"))
    with pytest.raises(StorageError, match="readonly"):
        await step(store, job, State.CANCELLED)
    with pytest.raises(StorageError, match="readonly"):
        await accept(store, 2)
    assert await store.job(job.id) == job
    await store.database.run(lambda conn: conn.execute("PRAGMA query_only = OFF"))
    moved = await step(store, job, State.CANCELLED, after(1))
    assert moved.refunded
