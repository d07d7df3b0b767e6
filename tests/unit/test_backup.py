"""Tests of `python -m bot backup` while other connections write to the database."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.sqlite.backup import back_up
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.migrate import read_migrations
from tests.unit.storage.factories import accept
from tests.unit.storage.small_disk import small_disk


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Return the path of a database with three jobs."""
    path = tmp_path / "data" / "sorabot.db"
    store = await SqliteJobStore.open(path)
    for number in range(1, 4):
        await accept(store, number)
    await store.close()
    return path


@contextmanager
def writer(database: Path) -> Iterator[list[float]]:
    """Write two rows per transaction on a thread; yield a list with the seconds of each transaction."""
    took_s: list[float] = []
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as conn:
            at = 0
            while not stop.is_set():
                began_s = time.monotonic()
                conn.execute("BEGIN IMMEDIATE")
                conn.execute("INSERT INTO told VALUES (?, ?)", (f"left {at}", at))
                conn.execute("INSERT INTO told VALUES (?, ?)", (f"right {at}", at))
                conn.execute("COMMIT")
                took_s.append(time.monotonic() - began_s)
                at += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield took_s
    finally:
        stop.set()
        thread.join()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


async def test_the_copy_opens_as_the_bots_own_database(database: Path, tmp_path: Path) -> None:
    done = await back_up(database, tmp_path / "copy.db")

    assert (done.jobs, done.schema_version) == (3, len(read_migrations()))
    assert done.size_bytes == (tmp_path / "copy.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    store = await SqliteJobStore.open(tmp_path / "copy.db")
    assert len(await store.open_jobs()) == 3
    await store.close()


async def test_what_was_written_a_moment_ago_is_in_it(database: Path, tmp_path: Path) -> None:
    store = await SqliteJobStore.open(database)
    await accept(store, 9)
    done = await back_up(database, tmp_path / "copy.db")
    assert done.jobs == 4
    await accept(store, 10)
    await store.close()


async def test_the_copy_shows_one_instant_and_writers_do_not_wait(
    database: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("BEGIN")
        conn.executemany(
            "INSERT INTO told VALUES (?, 0)", ((f"{at:07} " + "x" * 900,) for at in range(20_000))
        )
        conn.execute("COMMIT")
    with writer(database) as took_s:
        while len(took_s) < 20:
            await asyncio.sleep(0.01)
        before = len(took_s)
        began_s = time.monotonic()
        await back_up(database, tmp_path / "copy.db")
        lasted_s = time.monotonic() - began_s
        written = took_s[before:]
    # The backup did not start over after a write, and no write waited for the backup.
    assert len(written) > 20
    assert lasted_s < 20
    assert sorted(written)[len(written) // 2] < 0.1
    assert max(written) < 2
    halves = rows(
        tmp_path / "copy.db",
        "SELECT sum(key LIKE 'left %'), sum(key LIKE 'right %') FROM told",
    )
    assert halves[0][0] == halves[0][1]
    assert isinstance(halves[0][0], int)
    assert halves[0][0] >= 20
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["copy.db", "data"]


async def test_a_file_that_is_there_is_replaced_only_by_force(
    database: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(StorageError, match="--force"):
        await back_up(database, target)
    assert target.read_text() == "precious"
    assert (await back_up(database, target, force=True)).jobs == 3
    assert rows(target, "SELECT count(*) FROM jobs") == [(3,)]


async def test_the_database_is_never_its_own_backup(database: Path, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(database)
    for target in (database, tmp_path / "link.db"):
        with pytest.raises(StorageError, match="the database itself"):
            await back_up(database, target, force=True)
    assert rows(database, "SELECT count(*) FROM jobs") == [(3,)]


async def test_without_a_database_or_a_folder_the_backup_fails_with_the_reason(
    database: Path, tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="No such file"):
        await back_up(tmp_path / "nothing.db", tmp_path / "copy.db")
    with pytest.raises(StorageError, match="No such file"):
        await back_up(database, tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StorageError):
        await back_up(database, tmp_path / "data", force=True)
    assert not (tmp_path / "nothing.db").exists()


async def test_another_programs_database_is_not_copied(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as conn:
        conn.execute("CREATE TABLE jobs (id)")
    with pytest.raises(StorageError, match="no database of this bot"):
        await back_up(tmp_path / "other.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


async def test_a_damaged_database_gives_no_copy_that_looks_good(
    database: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = OFF")
        conn.execute("INSERT INTO mirrors VALUES ('NONE', 1, 1)")
    (tmp_path / "copy.db").write_text("the last good one")
    with pytest.raises(StorageError, match="damaged"):
        await back_up(database, tmp_path / "copy.db", force=True)
    assert (tmp_path / "copy.db").read_text() == "the last good one"
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["copy.db", "data"]


async def test_a_backup_does_not_fill_the_disk(database: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        with pytest.raises(StorageError, match="free there"):
            await back_up(database, disk / "copy.db", spare_bytes=2 << 20)
        assert list(disk.iterdir()) == []
