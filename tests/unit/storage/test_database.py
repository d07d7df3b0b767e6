from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.storage.sqlite.database import APPLICATION_ID, Database
from tests.patience import PATIENCE_S


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "here.sqlite3")
    await opened.write(lambda conn: conn.execute("CREATE TABLE notes (n INTEGER UNIQUE) STRICT"))
    await opened.write(lambda conn: conn.execute(f"PRAGMA application_id = {APPLICATION_ID}"))
    yield opened
    await opened.close()


def note(n: int):
    return lambda conn: conn.execute("INSERT INTO notes VALUES (?)", (n,))


async def notes(database: Database) -> list[int]:
    rows = await database.read(lambda conn: conn.execute("SELECT n FROM notes").fetchall())
    return sorted(row["n"] for row in rows)


def lock(path: Path) -> sqlite3.Connection:
    """Hold the write lock, as another process does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def test_the_file_is_private_and_its_folder_is_made(tmp_path: Path):
    path = tmp_path / "a" / "b" / "new.sqlite3"
    database = await Database.open(path)
    await database.write(lambda conn: conn.execute("CREATE TABLE t (n)"))

    files = sorted(path.parent.iterdir())

    assert [each.name for each in files] == [
        "new.sqlite3",
        "new.sqlite3-shm",
        "new.sqlite3-wal",
    ]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    await database.close()


async def test_a_file_that_anybody_could_read_is_made_private(tmp_path: Path):
    path = tmp_path / "open.sqlite3"
    path.touch(0o644)

    database = await Database.open(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await database.close()


async def test_the_pragmas_are_set(database: Database):
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 2_000,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "temp_store": 2,
    }

    found = await database.run(
        lambda conn: {name: conn.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    )

    assert found == wanted


async def test_work_is_done_on_another_thread(database: Database):
    ran_on = await database.write(lambda _conn: threading.get_ident())

    assert ran_on != threading.get_ident()


async def test_a_write_that_raises_leaves_nothing_and_the_next_one_works(database: Database):
    def half(conn: sqlite3.Connection) -> None:
        note(1)(conn)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(half)
    assert not await database.run(lambda conn: conn.in_transaction)
    await database.write(note(2))

    assert await notes(database) == [2]


async def test_errors_of_sqlite_become_storage_errors_that_keep_their_cause(database: Database):
    await database.write(note(1))

    with pytest.raises(StorageError, match="UNIQUE") as caught:
        await database.write(note(1))

    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    with pytest.raises(StorageError, match="no such table"):
        await database.read(lambda conn: conn.execute("SELECT * FROM nowhere"))
    assert await notes(database) == [1]


async def test_a_read_that_writes_is_undone_and_said_aloud(database: Database):
    with pytest.raises(RuntimeError, match=r"Database\.read wrote"):
        await database.read(note(1))

    assert await notes(database) == []


async def test_a_full_disk_is_a_storage_error_and_space_helps(database: Database):
    def at_most(pages: int):
        return lambda conn: conn.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    def fill(conn: sqlite3.Connection) -> None:
        conn.execute("CREATE TABLE ballast (b BLOB)")
        for _ in range(100):
            conn.execute("INSERT INTO ballast VALUES (zeroblob(4000))")

    await database.run(at_most(10))
    with pytest.raises(StorageError, match="full"):
        await database.write(fill)
    assert await notes(database) == []
    await database.write(note(1))

    await database.run(at_most(10_000))
    await database.write(fill)

    assert await notes(database) == [1]


async def test_a_lock_is_waited_for_then_a_storage_error(database: Database, tmp_path: Path):
    await database.run(lambda conn: conn.execute("PRAGMA busy_timeout = 50").fetchone())
    other = lock(tmp_path / "here.sqlite3")

    with pytest.raises(StorageError, match="locked"):
        await database.write(note(1))
    assert await notes(database) == []  # reading goes on meanwhile

    other.execute("ROLLBACK")
    other.close()
    await database.write(note(2))
    assert await notes(database) == [2]


async def test_a_read_only_database_is_a_storage_error(database: Database):
    await database.run(lambda conn: conn.execute("PRAGMA query_only = 1"))
    with pytest.raises(StorageError, match="readonly"):
        await database.write(note(1))

    await database.run(lambda conn: conn.execute("PRAGMA query_only = 0"))
    await database.write(note(2))
    assert await notes(database) == [2]


async def test_a_cancelled_task_leaves_a_whole_transaction(database: Database):
    began, go_on = threading.Event(), threading.Event()

    def slow(conn: sqlite3.Connection) -> None:
        note(1)(conn)
        began.set()
        go_on.wait(10)
        note(2)(conn)

    running = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(began.wait, 10)
    queued = asyncio.create_task(database.write(note(3)))
    await asyncio.sleep(0)
    for task in (running, queued):
        task.cancel()
    done = await asyncio.gather(running, queued, return_exceptions=True)
    assert [type(each) for each in done] == [asyncio.CancelledError] * 2

    go_on.set()

    assert await notes(database) == [1, 2, 3]
    await database.write(note(4))
    assert not await database.run(lambda conn: conn.in_transaction)


async def test_a_cancelled_task_whose_function_fails_leaves_nothing(database: Database):
    began, go_on = threading.Event(), threading.Event()

    def slow(conn: sqlite3.Connection) -> None:
        note(1)(conn)
        began.set()
        go_on.wait(10)
        note(1)(conn)

    running = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(began.wait, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    go_on.set()

    assert await notes(database) == []
    await database.write(note(2))


async def test_the_event_loop_runs_on_while_a_write_waits(database: Database, tmp_path: Path):
    other = lock(tmp_path / "here.sqlite3")
    waiting = asyncio.create_task(database.write(note(1)))

    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not waiting.done()

    other.execute("COMMIT")
    other.close()
    await waiting


async def test_a_transaction_left_open_is_rolled_back_first(database: Database):
    def leave_open(conn: sqlite3.Connection) -> None:
        conn.execute("BEGIN")
        note(1)(conn)

    await database.run(leave_open)
    await database.write(note(2))

    assert await notes(database) == [2]


async def test_closing_waits_for_what_was_asked_and_then_refuses(tmp_path: Path):
    database = await Database.open(tmp_path / "here.sqlite3")
    await database.write(lambda conn: conn.execute("CREATE TABLE notes (n INTEGER)"))
    last = asyncio.create_task(database.write(note(1)))
    await asyncio.sleep(0)

    await database.close()
    await database.close()

    await last
    with pytest.raises(StorageError, match="closed"):
        await database.read(lambda _conn: None)
    raw = sqlite3.connect(tmp_path / "here.sqlite3")
    assert raw.execute("SELECT n FROM notes").fetchall() == [(1,)]
    raw.close()


async def test_opening_waits_while_another_process_sets_the_file_up(tmp_path: Path):
    other = lock(tmp_path / "here.sqlite3")
    handshake = asyncio.create_task(Database.open(tmp_path / "here.sqlite3"))
    await asyncio.sleep(0.1)
    assert not handshake.done()

    other.execute("COMMIT")
    other.close()

    await (await handshake).close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / "cat.txt"
    path.write_text("not a database, but long enough to look at" * 20)

    with pytest.raises(StorageError, match="not a database"):
        await Database.open(path)

    assert path.read_text().startswith("not a database")


@pytest.mark.parametrize("application_id", [0, 1234])
async def test_another_programs_database_is_refused_untouched(tmp_path: Path, application_id: int):
    path = tmp_path / "theirs.sqlite3"
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA application_id = {application_id}")
    raw.execute("CREATE TABLE theirs (n)")
    raw.close()

    with pytest.raises(StorageError, match="another program"):
        await Database.open(path)

    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    raw.close()


async def test_a_path_that_cannot_be_opened_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="cannot open"):
        await Database.open(tmp_path / "file" / "data.sqlite3")
    with pytest.raises(StorageError, match="cannot open"):
        await Database.open(tmp_path)


async def test_a_process_that_dies_without_closing_ends(tmp_path: Path):
    program = """
        import asyncio, sys, pathlib
        from bot.storage.sqlite.database import Database
        async def main():
            global database
            database = await Database.open(pathlib.Path(sys.argv[1]))
            raise LookupError("on the way up")
        asyncio.run(main())
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(program), tmp_path / "here.sqlite3"),
        cwd=Path(__file__).parents[3],
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            _out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 1
    assert b"LookupError: on the way up" in err
