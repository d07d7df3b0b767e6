"""Upgrades of databases that the first release filled."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.model import Job, Operation, Place, State, Viewer
from bot.storage.clip_search import ClipFilter, ClipSort
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.migrate import migrate, read_migrations
from bot.storage.sqlite.rows import row_of_job, row_of_request
from tests.unit.storage.factories import DIRECT, PLACE, after, reach, render_spec, request


async def old_database(path: Path, jobs: list[Job]) -> None:
    """Write jobs into the first schema."""
    database = await Database.open(path)
    await database.run(lambda conn: migrate(conn, read_migrations()[:1]))

    def insert(conn, table: str, row: dict[str, object]) -> None:
        known = [each[1] for each in conn.execute(f"PRAGMA table_info({table})")]
        names = [name for name in known if name in row]
        values = ", ".join(f":{name}" for name in names)
        conn.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", row)  # noqa: S608

    def fill(conn) -> None:
        for job in jobs:
            asked = request(job.request_id, user_id=job.user_id, place=job.place)
            insert(conn, "requests", row_of_request(asked))
            insert(conn, "jobs", row_of_job(job))

    await database.write(fill)
    await database.close()


def job(number: int, state: State, place: Place = PLACE, prompt: str = "a café cat") -> Job:
    final = state.is_final
    return Job(
        id=f"JB{number}X",
        request_id=number,
        variant=0,
        user_id=1001,
        place=place,
        spec=render_spec(prompt=prompt),
        seed=1,
        state=state,
        created_at=after(number),
        state_at=after(number),
        due_at=None if final else after(number),
        finished_at=after(number) if final else None,
        remote_id=f"remote-{number}",
        message_id=900 + number if state is State.DONE else None,
        cost_usd_micros=5 if final else None,
        error_code="render_failed" if state in {State.FAILED, State.KEPT} else None,
    )


async def test_old_jobs_are_as_they_were_and_can_be_found(tmp_path: Path):
    elsewhere = Place(guild_id=8, channel_id=80, upload_limit_bytes=1)
    jobs = [
        job(1, State.DONE),
        job(2, State.FAILED),
        job(3, State.DONE, DIRECT),
        job(4, State.RENDERING),
        job(5, State.DONE, elsewhere),
        job(6, State.DONE, prompt="a dog"),
    ]
    await old_database(tmp_path / "old.sqlite3", jobs)

    store = await SqliteJobStore.open(tmp_path / "old.sqlite3")
    clip_search = SqliteClipSearch(store.database, store.queries)
    viewer = Viewer(user_id=1001, guild_id=7, readable_channel_ids=frozenset({70, 80}))

    async def found(words: str) -> list[Job]:
        return list(
            (
                await clip_search.clips(viewer, ClipFilter(words=words), ClipSort.NEWEST, None, 9)
            ).jobs
        )

    assert [await store.job(each.id) for each in jobs] == jobs
    assert await found("") == [jobs[5], jobs[0]]
    assert await found("cafe") == [jobs[0]]
    assert await found("jb6x") == [jobs[5]]
    assert list((await clip_search.history(viewer, "cafe", None, 9)).jobs) == [
        jobs[3],
        jobs[1],
        jobs[0],
    ]
    alone = Viewer(user_id=1001, guild_id=None)
    assert (await clip_search.clips(alone, ClipFilter(), ClipSort.NEWEST, None, 9)).jobs == (
        jobs[2],
    )

    await clip_search.add_reactions(901, 3)
    newer = await reach(store, State.DONE, 50, prompt="another café")
    assert [each.id for each in await found("cafe")] == [newer.id, "JB1X"]
    loved = await clip_search.clips(viewer, ClipFilter(), ClipSort.LOVED, None, 9)
    assert loved.jobs == (dataclasses.replace(jobs[0], reactions=3),)
    await store.close()


async def test_an_empty_database_of_the_first_schema_is_brought_up_to_date(tmp_path: Path):
    await old_database(tmp_path / "old.sqlite3", [])

    store = await SqliteJobStore.open(tmp_path / "old.sqlite3")

    assert (await reach(store, State.DONE)).spec.operation is Operation.GENERATE
    await store.close()


_RULES = (
    "INSERT INTO house_rules (guild_id, models, channel_ids, post, remixers, max_active)"
    " VALUES (7, '[]', {}, {}, {}, {})"
)


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE jobs SET operation = 'paint'",
        "UPDATE jobs SET operation = 'remix'",
        "UPDATE jobs SET parent_id = id",
        "UPDATE jobs SET change = 'in the rain'",
        "UPDATE jobs SET source_remote_id = 'remote'",
        "UPDATE jobs SET remixable = 2",
        "UPDATE jobs SET reactions = -1",
        "UPDATE jobs SET deleted_at = 1",
        "UPDATE jobs SET operation = 'remix', parent_id = 'ZZZZ'",
        "INSERT INTO shelves (id, guild_id) VALUES (2097151, 9)",
        "INSERT INTO errands (chore, job_id, created_at, due_at) VALUES ('mirror', 'JB1X', 1, 1)",
        "INSERT INTO errands (chore, job_id, created_at, due_at) VALUES ('paint', 'JB1X', 1, 1)",
        "INSERT INTO errands (chore, channel_id, created_at, due_at) VALUES ('tell', 5, 1, 1)",
        "INSERT INTO errands (chore, words, created_at, due_at) VALUES ('tell', 'x', 1, 1)",
        "INSERT INTO errands (chore, channel_id, created_at, due_at) VALUES ('mirror', 5, 1, 1)",
        "INSERT INTO errands (chore, created_at, due_at) VALUES ('erase', 1, 1)",
        "INSERT INTO errands VALUES (NULL, 'tell', 'JB1X', 5, 'x', 1, 1, 0)",
        "INSERT INTO errands VALUES (NULL, 'erase', 'JB1X', NULL, 'x', 1, 1, 0)",
        "INSERT INTO limits VALUES (7, 'bot', 7, 'clips', 1, 1)",
        "INSERT INTO limits VALUES (7, 'server', 8, 'clips', 1, 1)",
        "INSERT INTO limits VALUES (7, 'user', 8, 'tokens', 1, 1)",
        "INSERT INTO limits VALUES (7, 'user', 8, 'clips', 0, 1)",
        "INSERT INTO limits VALUES (7, 'user', 8, 'clips', 1, -1)",
        "INSERT INTO limits VALUES (7, 'user', 8, 'clips', 1, 0.5)",
        "INSERT INTO grants VALUES (NULL, 7, 8, 'clips', 0, 1, NULL)",
        "INSERT INTO grants VALUES (NULL, 7, 8, 'tokens', 1, 1, NULL)",
        "INSERT INTO budgets VALUES (7, -1, NULL)",
        "INSERT INTO blocks VALUES (7, 8, 5, 9, 5, NULL)",
        _RULES.format("''", "'place'", "'nobody'", 1),
        _RULES.format("'[]'", "'air'", "'nobody'", 1),
        _RULES.format("'[]'", "'place'", "'cats'", 1),
        _RULES.format("'[]'", "'place'", "'nobody'", -1),
        _RULES.replace("max_active", "drained_providers").format(
            "'[]'", "'place'", "'nobody'", "'local'"
        ),
        "UPDATE jobs SET any_model = 2",
        "UPDATE jobs SET moved_from = provider",
        "UPDATE requests SET role_ids = '7'",
        "INSERT INTO audit VALUES (NULL, 7, 1, NULL, '', 'server', NULL, '', '')",
    ],
)
async def test_what_makes_no_sense_is_refused_by_the_tables(tmp_path: Path, fault: str):
    await old_database(tmp_path / "old.sqlite3", [job(1, State.DONE)])
    store = await SqliteJobStore.open(tmp_path / "old.sqlite3")

    with pytest.raises(StorageError, match="IntegrityError"):
        await store.database.write(lambda conn: conn.execute(fault))

    await store.close()
