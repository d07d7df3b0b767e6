"""The two search indexes agree with the rows after any changes to jobs."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace

import pytest

from bot.model import Job, Place, State
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import DIRECT, PLACE, after, reach, step

_PLACES = (
    PLACE,
    DIRECT,
    replace(PLACE, guild_id=8, channel_id=80),
    replace(PLACE, channel_id=99, thread_of=70),
)
_PROMPTS = ("a cat", "ein Hündchen", "猫", "x' \" * OR")
_ENDS = (State.DONE, State.KEPT, State.FAILED, State.CANCELLED)


def disagreements(conn: sqlite3.Connection) -> list[str]:
    """Return the entries in which an index and the rows differ."""
    found: list[str] = []
    for index, key in (("search_newest", "newest_key"), ("search_loved", "loved_key")):
        rows = conn.execute(
            # The names are the schema's own.
            f"SELECT {key}, facets FROM search_entries WHERE {key} IS NOT NULL"  # noqa: S608
        ).fetchall()
        held = _matching(conn, index, "u *")
        if held != {row[0] for row in rows}:
            found.append(f"{index}: {held} are held")
        for each in {facet for row in rows for facet in row[1].split()} | {"shown"}:
            wanted = {row[0] for row in rows if each in row[1].split()}
            if _matching(conn, index, f'"{each}"') != wanted:
                found.append(f"{index}: {each} finds others than {wanted}")
    return found


def _matching(conn: sqlite3.Connection, index: str, facet: str) -> set[int]:
    sql = f"SELECT rowid FROM {index} WHERE {index} MATCH ?"  # noqa: S608
    return {row[0] for row in conn.execute(sql, (f"facets : {facet}",))}


async def happen(store: SqliteJobStore, dice: random.Random, job: Job, number: int) -> None:
    """Make one random change to a final job."""
    clip_search = SqliteClipSearch(store.database, store.queries)
    match dice.randrange(5):
        case 0 if job.state is State.KEPT and job.deleted_at is None:
            posting = await store.repost(job, _place(dice), after(number))
            assert posting is not None
            if dice.randrange(2):
                await step(store, posting, State.DONE, after(number), message_id=20_000 + number)
            else:
                await step(store, posting, State.KEPT, after(number))
        case 1:
            await SqliteOutbox(store.database, store.queries).erase(job.id, after(number))
        case 2 if job.message_id is not None:
            await clip_search.add_reactions(job.message_id, dice.choice([1, 1, -1, 2_000]))
        case 3 if job.message_id is not None:
            await clip_search.clear_reactions(job.message_id)
        case _:
            await clip_search.set_remixable(job.id, remixable=bool(dice.randrange(2)))


def _place(dice: random.Random) -> Place:
    return dice.choice(_PLACES)


@pytest.mark.parametrize("seed", [3, 4])
async def test_a_random_life_of_many_jobs_keeps_the_indexes_true(store: SqliteJobStore, seed: int):
    dice = random.Random(seed)
    ids: list[str] = []
    for number in range(1, 61):
        ends = dice.choice(_ENDS)
        facts = {"user_id": dice.choice([1, 2]), "prompt": dice.choice(_PROMPTS)}
        ids.append((await reach(store, ends, number, place=_place(dice), **facts)).id)
        for _ in range(3):
            job = await store.job(dice.choice(ids))
            assert job is not None
            await happen(store, dice, job, number)
        assert await store.database.read(disagreements) == []
