"""Simultaneous writes share a COMMIT, and each is still done wholly or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.sqlite.database import Database

COUNT = 20


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "a.db")
    await opened.write(lambda conn: conn.execute("CREATE TABLE t (n INTEGER UNIQUE) STRICT"))
    yield opened
    await opened.close()


def put(number: int):
    return lambda conn: conn.execute("INSERT INTO t VALUES (?) RETURNING n", [number]).fetchone()[0]


async def numbers(database: Database) -> list[int]:
    rows = await database.read(lambda conn: conn.execute("SELECT n FROM t ORDER BY n").fetchall())
    return [row[0] for row in rows]


async def test_each_of_many_writes_gets_its_own_answer(database: Database):
    answers = await asyncio.gather(*(database.write(put(number)) for number in range(COUNT)))
    assert answers == list(range(COUNT))
    assert await numbers(database) == answers


async def test_many_writes_are_few_commits(database: Database):
    commits: list[str] = []

    def watch(conn: sqlite3.Connection) -> None:
        conn.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        time.sleep(0.05)  # the others come meanwhile

    await asyncio.gather(
        database.run(watch), *(database.write(put(number)) for number in range(COUNT))
    )
    assert len(commits) == 1


async def test_one_that_is_refused_takes_no_other_with_it(database: Database):
    def refused(conn: sqlite3.Connection) -> None:
        put(100)(conn)
        raise LookupError("over quota")

    busy = database.run(lambda _conn: time.sleep(0.05))
    first, no, twin, last, _ = await asyncio.gather(
        database.write(put(1)),
        database.write(refused),
        database.write(put(1)),
        database.write(put(2)),
        busy,
        return_exceptions=True,
    )
    assert (first, last) == (1, 2)
    assert isinstance(no, LookupError)
    assert isinstance(twin, StorageError)
    assert await numbers(database) == [1, 2]


async def test_trouble_of_the_whole_database_makes_each_try_alone(database: Database):
    tries: list[int] = []

    def troubled(conn: sqlite3.Connection) -> int:
        tries.append(1)
        put(7)(conn)
        if len(tries) == 1:
            raise sqlite3.OperationalError("database or disk is full")
        return 7

    _, first, other, last = await asyncio.gather(
        database.run(lambda _conn: time.sleep(0.05)),
        database.write(put(1)),
        database.write(troubled),
        database.write(put(2)),
    )
    assert (first, other, last) == (1, 7, 2)
    assert await numbers(database) == [1, 2, 7]


async def test_writes_of_cancelled_tasks_are_whole_and_hold_up_nobody(database: Database):
    busy = asyncio.create_task(database.run(lambda _conn: time.sleep(0.05)))
    await asyncio.sleep(0)
    tasks = [asyncio.create_task(database.write(put(number))) for number in range(COUNT)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    await busy
    assert [each for each in answers if isinstance(each, int)] == list(range(1, COUNT, 2))
    assert await numbers(database) == list(range(COUNT))


async def test_more_than_share_one_commit_come_in_their_order(database: Database):
    came: list[int] = []

    def note(number: int):
        def write(conn: sqlite3.Connection) -> int:
            came.append(number)
            return put(number)(conn)

        return write

    many = range(100)
    answers = await asyncio.gather(*(database.write(note(number)) for number in many))
    assert answers == came == list(many)


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("INSERT INTO owned VALUES (9)", id="a commit that the file refuses"),
        pytest.param("INSERT OR ROLLBACK INTO t VALUES (1)", id="one that undoes everything"),
    ],
)
async def test_what_spoils_the_common_commit_makes_each_try_alone(database: Database, sql: str):
    await database.run(
        lambda conn: conn.executescript(
            "CREATE TABLE owner (n INTEGER PRIMARY KEY) STRICT;"
            "CREATE TABLE owned (n INTEGER REFERENCES owner DEFERRABLE INITIALLY DEFERRED) STRICT"
        )
    )
    _, first, spoilt, last = await asyncio.gather(
        database.run(lambda _conn: time.sleep(0.05)),
        database.write(put(1)),
        database.write(lambda conn: conn.execute(sql)),
        database.write(put(2)),
        return_exceptions=True,
    )
    assert (first, last) == (1, 2)
    assert isinstance(spoilt, StorageError)
    assert await numbers(database) == [1, 2]


async def test_what_a_closed_database_was_asked_is_never_written(tmp_path: Path):
    opened = await Database.open(tmp_path / "a.db")
    await opened.write(lambda conn: conn.execute("CREATE TABLE t (n INTEGER UNIQUE) STRICT"))
    busy = asyncio.create_task(opened.run(lambda _conn: time.sleep(0.05)))
    before = asyncio.create_task(opened.write(put(1)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(opened.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="closed"):
        await opened.write(put(2))
    await asyncio.gather(busy, before, closing)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as conn:
        assert conn.execute("SELECT n FROM t").fetchall() == [(1,)]
