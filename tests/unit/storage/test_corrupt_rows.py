"""A job whose row can't be read stops; all other jobs go on."""

from __future__ import annotations

import logging

import pytest

from bot.model import Job, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW, accept, after, reach

#: Instants are held to be numbers only; this one is no date.
_NO_DATE = "UPDATE jobs SET created_at = 9000000000000000000 WHERE id = ?"
#: A flipped bit makes a text that is no UTF-8.
_NO_TEXT = "UPDATE jobs SET prompt = CAST(x'61ff62' AS TEXT) WHERE id = ?"
BROKEN = pytest.mark.parametrize("how", [_NO_DATE, _NO_TEXT], ids=["a date", "a text"])


async def broken(store: SqliteJobStore, how: str, job: Job) -> None:
    await store.database.write(lambda conn: conn.execute(how, (job.id,)))


@BROKEN
async def test_the_reconcile_goes_on_past_it_and_is_not_called_back_at_once(
    store: SqliteJobStore, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = await reach(store, State.POSTING, 1)
    good = await reach(store, State.POSTING, 2)
    await broken(store, how, bad)
    caplog.set_level(logging.ERROR)

    for _ in range(3):
        assert await store.due(after(10), [State.POSTING], 500) == (good,)

    assert [repr(bad.id) in each.getMessage() for each in caplog.records] == [True]
    await store.update(good, due_at=after(7200))
    next_at = await store.next_due_at([State.POSTING])
    # The one that can't be read is looked at again, but an hour later.
    assert next_at == {State.POSTING: after(10 + 3600)}


@BROKEN
async def test_it_gives_its_turn_in_the_queue_to_the_next(store: SqliteJobStore, how: str) -> None:
    bad = await accept(store, 1)
    good = await accept(store, 2, user_id=1002)
    await broken(store, how, bad)
    await store.waiting("local", NOW, max_concurrent=1)
    assert await store.waiting("local", NOW, max_concurrent=1) == (good,)


@BROKEN
async def test_renders_beside_it_are_polled_and_listed(store: SqliteJobStore, how: str) -> None:
    bad = await reach(store, State.RENDERING, 1)
    good = await reach(store, State.RENDERING, 2)
    await broken(store, how, bad)
    assert await store.open_jobs() == (good,)
    assert await store.renders_due("local", after(10), 500) == (good,)
    assert await store.providers_due(after(10)) == ("local",)
    await store.update(good, due_at=after(7200))
    assert await store.providers_due(after(20)) == ()


async def test_a_mended_row_is_a_job_again(store: SqliteJobStore) -> None:
    bad = await reach(store, State.POSTING, 1)
    await broken(store, _NO_DATE, bad)
    assert await store.due(after(10), [State.POSTING], 500) == ()
    await store.database.write(
        lambda conn: conn.execute("UPDATE jobs SET created_at = 0 WHERE id = ?", (bad.id,))
    )
    (back,) = await store.due(after(3700), [State.POSTING], 500)
    assert back.id == bad.id


async def test_a_database_that_takes_no_writes_still_tells_what_is_due(
    store: SqliteJobStore,
) -> None:
    bad = await reach(store, State.POSTING, 1)
    good = await reach(store, State.POSTING, 2)
    await broken(store, _NO_DATE, bad)
    await store.database.run(lambda conn: conn.execute("PRAGMA query_only = ON"))
    assert await store.due(after(10), [State.POSTING], 500) == (good,)
