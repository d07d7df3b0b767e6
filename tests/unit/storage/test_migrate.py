from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from pathlib import Path

import pytest

from bot.errors import SchemaTooNewError, StorageError
from bot.guild import PostTarget, Remixers, Scope, Unit
from bot.model import EntryKind, State
from bot.storage.outbox import OutboxKind
from bot.storage.sqlite.database import APPLICATION_ID, Database
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.migrate import migrate, read_migrations, schema_version
from tests.unit.storage.factories import reach

_TABLES = {
    "requests",
    "jobs",
    "clips",
    "ledger",
    "errands",
    "mirrors",
    "shelves",
    "told",
    "limits",
    "grants",
    "budgets",
    "blocks",
    "house_rules",
    "audit",
}


def write(folder: Path, version: int, body: str, *, name: str = "what_for") -> None:
    folder.mkdir(exist_ok=True)
    script = f"-- Why.\nBEGIN IMMEDIATE;\n{body}\nPRAGMA user_version = {version};\nCOMMIT;\n"
    (folder / f"{version:04}_{name}.sql").write_text(script)


async def tables(database: Database) -> set[str]:
    rows = await database.read(
        lambda conn: conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    )
    return {row["name"] for row in rows}


async def test_an_empty_file_gets_the_whole_schema(store: SqliteJobStore):
    assert await tables(store.database) >= _TABLES
    assert await store.database.run(schema_version) == len(read_migrations())
    assert (
        await store.database.run(lambda conn: conn.execute("PRAGMA application_id").fetchone()[0])
        == APPLICATION_ID
    )


async def test_all_tables_are_strict(store: SqliteJobStore):
    rows = await store.database.read(
        lambda conn: conn.execute(
            "SELECT name, strict FROM pragma_table_list WHERE type = 'table'"
        ).fetchall()
    )
    ours = {row["name"]: row["strict"] for row in rows if not row["name"].startswith("sqlite_")}

    assert ours == dict.fromkeys(_TABLES, 1)


async def test_opening_twice_keeps_the_rows(store: SqliteJobStore, tmp_path: Path):
    job = await reach(store, State.DONE)
    await store.close()

    again = await SqliteJobStore.open(tmp_path / "data" / "sorabot.sqlite3")

    assert await again.job(job.id) == job
    await again.close()


async def test_a_database_of_a_later_release_is_refused_untouched(
    store: SqliteJobStore, tmp_path: Path
):
    await store.database.run(lambda conn: conn.execute("PRAGMA user_version = 999"))
    await store.close()
    path = tmp_path / "data" / "sorabot.sqlite3"

    with pytest.raises(SchemaTooNewError, match="schema 999, this release knows up to"):
        await SqliteJobStore.open(path)

    database = await Database.open(path)
    assert await database.run(schema_version) == 999
    await database.close()


@pytest.fixture
async def empty(tmp_path: Path):
    database = await Database.open(tmp_path / "empty.sqlite3")
    yield database
    await database.close()


async def test_steps_are_applied_in_order_and_once(empty: Database, tmp_path: Path):
    folder = tmp_path / "steps"
    write(folder, 1, "CREATE TABLE a (n);")
    assert await empty.run(lambda conn: migrate(conn, read_migrations(folder))) == 1

    write(folder, 2, "ALTER TABLE a RENAME TO b;")
    write(folder, 3, "CREATE TABLE c (n);")

    for _ in range(2):
        assert await empty.run(lambda conn: migrate(conn, read_migrations(folder))) == 3
    assert await tables(empty) == {"b", "c"}


@pytest.mark.parametrize(
    "fault", ["CREATE TABLE a (n);", "INSERT INTO nowhere VALUES (1);", "CREATE TABEL c (n);"]
)
async def test_a_step_that_fails_leaves_the_version_before_it(
    empty: Database, tmp_path: Path, fault: str
):
    folder = tmp_path / "steps"
    write(folder, 1, "CREATE TABLE a (n);")
    write(folder, 2, f"CREATE TABLE b (n);\nINSERT INTO a VALUES (1);\n{fault}", name="broken")

    with pytest.raises(StorageError, match="migration 0002_broken"):
        await empty.run(lambda conn: migrate(conn, read_migrations(folder)))

    assert not await empty.run(lambda conn: conn.in_transaction)
    assert await empty.run(schema_version) == 1
    assert await tables(empty) == {"a"}
    assert await empty.read(lambda conn: conn.execute("SELECT * FROM a").fetchall()) == []

    write(folder, 2, "CREATE TABLE b (n);", name="broken")
    assert await empty.run(lambda conn: migrate(conn, read_migrations(folder))) == 2


async def test_two_processes_may_set_up_the_same_file_at_once(tmp_path: Path):
    path = tmp_path / "shared.sqlite3"

    stores = await asyncio.gather(*(SqliteJobStore.open(path) for _ in range(4)))

    for each in stores:
        assert await each.database.run(schema_version) == len(read_migrations())
        await each.close()


async def test_a_step_made_by_another_process_meanwhile_is_not_an_error(
    empty: Database, tmp_path: Path
):
    write(tmp_path / "steps", 1, "CREATE TABLE a (n);")
    (step,) = read_migrations(tmp_path / "steps")
    other = sqlite3.connect(tmp_path / "empty.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits_for_lock = threading.Event()

    def watch(sql: str) -> None:
        if "BEGIN IMMEDIATE" in sql:
            waits_for_lock.set()

    await empty.run(lambda conn: conn.set_trace_callback(watch))
    migrating = asyncio.create_task(empty.run(lambda conn: migrate(conn, (step,))))
    assert await asyncio.to_thread(waits_for_lock.wait, 10)
    for statement in ("CREATE TABLE a (n)", "PRAGMA user_version = 1", "COMMIT"):
        other.execute(statement)
    other.close()

    assert await migrating == 1


@pytest.mark.parametrize(
    ("name", "script", "says"),
    [
        ("first.sql", "", "not called"),
        ("0002_gap.sql", "", "number 1 was expected"),
        ("0001_bare.sql", "CREATE TABLE a (n);", "needs BEGIN"),
        (
            "0001_wrong_number.sql",
            "BEGIN IMMEDIATE;\nPRAGMA user_version = 2;\nCOMMIT;",
            "user_version = 1",
        ),
        ("0001_open.sql", "BEGIN IMMEDIATE;\nPRAGMA user_version = 1;", "COMMIT"),
    ],
)
def test_a_script_that_is_not_whole_is_refused(tmp_path: Path, name: str, script: str, says: str):
    (tmp_path / name).write_text(script)

    with pytest.raises(ValueError, match=says):
        read_migrations(tmp_path)


def test_a_number_used_twice_is_refused(tmp_path: Path):
    write(tmp_path, 1, "", name="one")
    write(tmp_path, 1, "", name="other")

    with pytest.raises(ValueError, match="number 2 was expected"):
        read_migrations(tmp_path)


async def test_the_words_in_the_schema_are_those_of_the_model(store: SqliteJobStore):
    def words(constraint: str, sql: str) -> set[str]:
        body = sql.split(constraint)[1].split("CONSTRAINT", maxsplit=1)[0]
        return set(re.findall(r"'(\w+)'", body))

    rows = await store.database.read(
        lambda conn: conn.execute("SELECT name, sql FROM sqlite_schema").fetchall()
    )
    sql = {row["name"]: row["sql"] for row in rows}
    final = {state.value for state in State if state.is_final}
    slots = {state.value for state in State if state.holds_slot}

    assert words("a_state_is_one_of_the_known", sql["jobs"]) == {state.value for state in State}
    assert words("only_a_final_job_is_finished", sql["jobs"]) == final
    assert words("an_open_job_is_due", sql["jobs"]) == final
    assert words("WHERE", sql["jobs_in_slots"]) == slots
    assert words("a_kind_is_one_of", sql["ledger"]) == {kind.value for kind in EntryKind}
    assert words("a_chore_is_one_of", sql["errands"]) == {chore.value for chore in OutboxKind}
    assert words("a_scope_is_one_of", sql["limits"]) == {scope.value for scope in Scope} - {"bot"}
    for table in ("limits", "grants"):
        assert words("a_unit_is_one_of", sql[table]) == {unit.value for unit in Unit}
    assert words("clips_are_posted_in", sql["house_rules"]) == {post.value for post in PostTarget}
    assert words("remixers_are_among", sql["house_rules"]) == {each.value for each in Remixers}
