"""Upgrades of ledgers that release 3 wrote: every row stays, and open reservations can be closed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import StorageError
from bot.guild import GuildSettings
from bot.model import EntryKind, Job, LedgerEntry, State, Usage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.migrate import migrate, read_migrations, schema_version
from bot.storage.sqlite.queries import Queries, Transaction
from bot.storage.sqlite.rows import row_of_entry, row_of_job, row_of_request
from tests.unit.storage.factories import (
    DIRECT,
    NOW,
    PLACE,
    after,
    allow,
    entries,
    render_spec,
    request,
    spends,
    step,
    usage,
)

_BEFORE = NOW - timedelta(days=1)
_CANCEL = (
    "UPDATE jobs SET state = 'cancelled', finished_at = 1, due_at = NULL, cost_usd_micros = 0"
    " WHERE finished_at IS NULL"
)
#: How each account was closed, and for how much.
_ENDS = {
    State.DONE: (EntryKind.SETTLE, 650_000),
    State.FAILED: (EntryKind.REFUND, 0),
    State.KEPT: (EntryKind.SETTLE, 800_000),
}


def insert(conn: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    known = [each[1] for each in conn.execute(f"PRAGMA table_info({table})")]
    names = [name for name in known if name in row]
    values = ", ".join(f":{name}" for name in names)
    conn.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", row)  # noqa: S608


def job(number: int, state: State) -> Job:
    _, cost = _ENDS.get(state, (None, None))
    return Job(
        id=f"JB{number}X",
        request_id=number,
        variant=0,
        user_id=1001,
        place=DIRECT if number == 1 else PLACE,
        spec=render_spec(),
        seed=1,
        state=state,
        created_at=after(number),
        state_at=after(number),
        due_at=None if state.is_final else after(number),
        finished_at=after(number) if state.is_final else None,
        remote_id=None if state in (State.QUEUED, State.SUBMITTING) else f"remote-{number}",
        message_id=900 + number if state is State.DONE else None,
        cost_usd_micros=cost,
        refunded=state is State.FAILED,
        error_code="render_failed" if state in {State.FAILED, State.KEPT} else None,
    )


def account(kept: Job) -> list[LedgerEntry]:
    reserve = LedgerEntry(
        job_id=kept.id,
        user_id=kept.user_id,
        guild_id=kept.place.guild_id,
        kind=EntryKind.RESERVE,
        clips=1,
        seconds=8,
        usd_micros=800_000,
        at=kept.created_at,
        counts_at=kept.created_at,
    )
    if kept.state not in _ENDS:
        return [reserve]
    kind, cost = _ENDS[kept.state]
    is_refund = kind is EntryKind.REFUND
    return [
        reserve,
        replace(
            reserve,
            kind=kind,
            clips=-1 if is_refund else 0,
            seconds=-8 if is_refund else 0,
            usd_micros=cost - 800_000,
            at=after(99),
        ),
    ]


async def release_3(path: Path, jobs: list[Job]) -> list[dict[str, Any]]:
    """Write jobs and their ledger rows into the third schema; return the ledger rows."""
    queries = Queries.load()
    database = await Database.open(path)
    await database.run(lambda conn: migrate(conn, read_migrations()[:3]))

    def fill(conn: sqlite3.Connection) -> list[dict[str, Any]]:
        for each in jobs:
            asked = request(each.request_id, user_id=each.user_id, place=each.place)
            insert(conn, "requests", row_of_request(asked))
            insert(conn, "jobs", row_of_job(each))
            for entry in account(each):
                insert(conn, "ledger", row_of_entry(entry))
            if each.state.is_final:
                search_index.add(Transaction(conn, queries), each.id)
        conn.execute(
            "INSERT INTO house_rules (guild_id, models, channel_ids, post, remixers, max_active)"
            " VALUES (7, '[]', '[70]', 'place', 'nobody', 4)"
        )
        return [dict(row) for row in conn.execute("SELECT * FROM ledger ORDER BY id")]

    written = await database.write(fill)
    assert await database.run(schema_version) == 3
    await database.close()
    return written


@pytest.fixture
async def old(tmp_path: Path) -> list[dict[str, Any]]:
    states = [State.DONE, State.FAILED, State.KEPT, State.QUEUED, State.SUBMITTING, State.RENDERING]
    jobs = [job(number, state) for number, state in enumerate(states, start=1)]
    return await release_3(tmp_path / "old.sqlite3", jobs)


@pytest.fixture
async def store(tmp_path: Path, old: list[dict[str, Any]]):
    opened = await SqliteJobStore.open(tmp_path / "old.sqlite3")
    yield opened
    await opened.close()


async def test_every_row_is_as_it_was(store: SqliteJobStore, old: list[dict[str, Any]]):
    assert await entries(store) == old
    assert len(old) == 9
    assert await usage(store, 1001, _BEFORE) == Usage(clips=5, seconds=40, usd_micros=3_850_000)
    assert [each.is_reserved for each in await spends(store, 1001, _BEFORE)] == [
        *(False, False, True, True, True)
    ]


async def test_what_is_asked_about_requests_and_servers_has_its_defaults(store: SqliteJobStore):
    asked = await store.request(4)
    assert asked is not None
    assert asked.role_ids == frozenset()
    upgraded = await SqliteGuildSettingsStore(store.database, store.queries).guild_settings(7)
    assert (upgraded.preferred_provider, upgraded.drained_providers) == (None, ())
    assert upgraded.max_active == 4
    assert upgraded != GuildSettings()


async def test_open_accounts_end_as_they_always_did(store: SqliteJobStore):
    queued, submitting, rendering = await store.open_jobs()

    cancelled = await step(store, queued, State.CANCELLED, after(200))
    failed = await step(store, submitting, State.FAILED, after(200), close=EntryKind.SETTLE)
    job = rendering
    for to in (State.DOWNLOADING, State.FITTING, State.POSTING):
        job = await step(store, job, to, after(200))
    done = await step(store, job, State.DONE, after(200), cost_usd_micros=5)

    assert [each.cost_usd_micros for each in (cancelled, failed, done)] == [0, 800_000, 5]


async def test_open_accounts_may_be_adjusted(store: SqliteJobStore):
    queued, submitting, _ = await store.open_jobs()
    for each in (queued, submitting):
        asked = replace(each.spec, provider="elsewhere", estimate_usd_micros=900_000)
        assert await store.fail_over(each, asked, after(200), allow) is not None

    kinds = [entry["kind"] for entry in await entries(store)]
    assert kinds[-2:] == ["amend", "amend"]
    assert (await usage(store, 1001, _BEFORE)).usd_micros == 4_050_000


async def test_a_clip_kept_before_is_fetched_without_touching_the_ledger(
    store: SqliteJobStore, old: list[dict[str, Any]]
):
    kept = await store.job("JB3X")
    assert kept is not None
    posting = await store.repost(kept, PLACE, after(200))
    assert posting is not None
    await step(store, posting, State.DONE, after(201))
    assert await entries(store) == old


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE ledger SET usd_micros = 0", "never changes"),
        ("DELETE FROM ledger", "never deleted"),
        ("REPLACE INTO ledger SELECT * FROM ledger WHERE id = 1", "replaces no other"),
        (_CANCEL, "ends as the ledger has it"),
    ],
)
async def test_old_rows_are_guarded_like_all_others(store: SqliteJobStore, sql: str, says: str):
    with pytest.raises(StorageError, match=says):
        await store.database.write(lambda conn: conn.execute(sql))


async def test_the_whole_file_is_sound_and_has_all_that_an_empty_one_gets(
    store: SqliteJobStore, tmp_path: Path
):
    def names(conn: sqlite3.Connection) -> set[tuple[str, str]]:
        rows = conn.execute("SELECT type, name FROM sqlite_schema")
        return {(row["type"], row["name"]) for row in rows}

    def faults(conn: sqlite3.Connection) -> list[str]:
        checks = [row[0] for row in conn.execute("PRAGMA integrity_check")]
        return checks + [str(tuple(row)) for row in conn.execute("PRAGMA foreign_key_check")]

    fresh = await SqliteJobStore.open(tmp_path / "fresh.sqlite3")
    assert await store.database.read(names) == await fresh.database.read(names)
    assert await store.database.run(faults) == ["ok"]
    await fresh.close()
