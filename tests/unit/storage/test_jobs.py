from __future__ import annotations

from datetime import timedelta

from bot.model import Size, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import (
    DIRECT,
    LANDSCAPE,
    NOW,
    accept,
    after,
    allow,
    new_job,
    reach,
    request,
    step,
)


async def test_a_job_is_found_by_its_id_in_any_case(store: SqliteJobStore):
    job = await accept(store)

    assert await store.job(job.id.lower()) == job
    assert await store.job("????") is None
    assert await store.clip(job.id) is None
    assert await store.request(99) is None


async def test_everything_about_a_job_survives_a_restart(store: SqliteJobStore, tmp_path):
    jobs = [await reach(store, state, n) for n, state in enumerate(State, start=1)]
    await store.close()

    again = await SqliteJobStore.open(tmp_path / "data" / "sorabot.sqlite3")

    assert [await again.job(job.id) for job in jobs] == jobs
    await again.close()


async def test_due_jobs_come_longest_due_first_then_oldest(store: SqliteJobStore):
    late = await accept(store, 1, at=after(30))
    younger = await accept(store, 2, at=after(20))
    older = await accept(store, 3, at=after(10))
    for job in (younger, older):
        await store.update(job, due_at=after(25))
    await accept(store, 4, at=after(31))
    await reach(store, State.DONE, 5)

    due = await store.due(after(30), tuple(State), limit=10)

    assert [job.id for job in due] == [older.id, younger.id, late.id]
    assert [job.id for job in await store.due(after(30), tuple(State), limit=1)] == [older.id]
    assert await store.due(after(9), tuple(State), limit=10) == ()


async def test_variants_of_a_request_keep_their_order_everywhere(store: SqliteJobStore):
    jobs = await store.accept(request(), [new_job(seed) for seed in range(4)], allow)

    assert await store.due(NOW, tuple(State), limit=9) == jobs
    assert await store.waiting("local", NOW, max_concurrent=9) == jobs
    assert await store.open_jobs() == jobs
    assert await store.recent_jobs(1001, 7, limit=9) == jobs[::-1]


async def test_the_next_due_instant_is_the_earliest_of_each_state_asked_for(
    store: SqliteJobStore,
):
    await accept(store, 1, at=after(50))
    await accept(store, 2, at=after(40))
    rendering = await reach(store, State.RENDERING, 3)
    await store.update(rendering, due_at=after(70))
    await reach(store, State.DONE, 4)

    assert await store.next_due_at([State.QUEUED, State.RENDERING]) == {
        State.QUEUED: after(40),
        State.RENDERING: after(70),
    }
    assert await store.next_due_at([State.RENDERING]) == {State.RENDERING: after(70)}
    assert await store.next_due_at([State.DONE, State.FITTING]) == {}
    assert await store.next_due_at([]) == {}


async def test_jobs_wait_in_the_order_in_which_they_were_asked_for(store: SqliteJobStore):
    second = await accept(store, 1, at=after(2))
    first = await accept(store, 2, at=after(1))
    third = await accept(store, 3, at=after(2))
    other = await accept(store, 4, at=after(0), provider="elsewhere")
    taken = await reach(store, State.RENDERING, 5)

    waiting = await store.waiting("local", after(60), max_concurrent=11)

    assert waiting == (first, second, third)
    assert await store.waiting("local", after(60), max_concurrent=3) == (first, second)
    assert [await store.position(job) for job in (first, second, third)] == [0, 1, 2]
    assert await store.position(other) == 0
    assert await store.position(taken) == 0


async def test_a_job_that_backs_off_does_not_hold_up_those_behind_it(store: SqliteJobStore):
    first = await accept(store, 1, at=after(1))
    second = await accept(store, 2, at=after(2))
    await store.update(first, due_at=after(60))

    assert await store.waiting("local", after(30), max_concurrent=1) == (second,)
    assert [job.id for job in await store.waiting("local", after(60), max_concurrent=1)] == [
        first.id
    ]


async def test_a_job_that_returns_to_the_queue_has_its_old_place(store: SqliteJobStore):
    first = await accept(store, 1, at=after(1))
    second = await accept(store, 2, at=after(2))
    submitting = await step(store, first, State.SUBMITTING, after(3))
    assert await store.position(second) == 0

    queued = await step(store, submitting, State.QUEUED, after(4))

    assert await store.waiting("local", after(9), max_concurrent=9) == (queued, second)
    assert await store.position(second) == 1


async def test_open_jobs_are_those_that_are_not_final(store: SqliteJobStore):
    jobs = [await reach(store, state, n) for n, state in enumerate(State, start=1)]
    theirs = await accept(store, 50, user_id=2002, at=after(-5))

    expected = tuple(job for job in jobs if not job.state.is_final)

    assert await store.open_jobs(1001) == expected
    assert await store.open_jobs() == (theirs, *expected)
    assert await store.open_jobs(3003) == ()


async def test_history_is_one_members_jobs_in_one_server_newest_first(store: SqliteJobStore):
    old = await accept(store, 1, at=after(1))
    done = await reach(store, State.DONE, 2, at=after(3))
    direct = await accept(store, 3, at=after(2), place=DIRECT)
    await accept(store, 4, user_id=2002)

    assert await store.recent_jobs(1001, 7, limit=10) == (done, old)
    assert await store.recent_jobs(1001, 7, limit=1) == (done,)
    assert await store.recent_jobs(1001, None, limit=10) == (direct,)
    assert await store.recent_jobs(1001, 8, limit=10) == ()


async def test_durations_are_of_equal_renders_from_paid_call_to_ready(store: SqliteJobStore):
    for number, took_s in enumerate((61.5, 70, 82.25), start=1):
        job = await reach(store, State.RENDERING, number)
        submitted = await store.update(job, submitted_at=after(number))
        assert submitted is not None
        await step(store, submitted, State.DOWNLOADING, after(number + took_s))
    turned_back = await reach(store, State.RENDERING, 9)
    await step(store, turned_back, State.DOWNLOADING, after(-3_600))
    await reach(store, State.RENDERING, 10)
    await reach(store, State.DONE, 11, seconds=4)
    await reach(store, State.DONE, 12, size=Size(width_px=720, height_px=1280))
    await reach(store, State.DONE, 13, model="other")
    await reach(store, State.DONE, 14, provider="elsewhere")

    assert await store.durations_s("local", "toy", 8, LANDSCAPE, limit=9) == (82.25, 70, 61.5)
    assert await store.durations_s("local", "toy", 8, LANDSCAPE, limit=2) == (82.25, 70)
    assert await store.durations_s("local", "toy", 12, LANDSCAPE, limit=2) == ()


async def test_the_owner_of_a_remote_id_is_found(store: SqliteJobStore):
    job = await reach(store, State.RENDERING)

    assert await store.owner_of_remote("local", f"remote-{job.id}") == job.id
    assert await store.owner_of_remote("elsewhere", f"remote-{job.id}") is None
    assert await store.owner_of_remote("local", "remote") is None


async def test_requests_that_ended_lately_are_found(store: SqliteJobStore):
    await reach(store, State.DONE, 1)
    await reach(store, State.RENDERING, 2)
    ended = (await store.jobs_of(1))[0].finished_at
    assert ended is not None

    assert await store.finished_since(ended) == (1,)
    assert await store.finished_since(ended + timedelta(seconds=1)) == ()


async def test_due_renders_are_found_by_provider(store: SqliteJobStore):
    here = await reach(store, State.RENDERING, 1)
    there = await accept(store, 2, provider="elsewhere")
    there = await step(store, there, State.SUBMITTING, after(1))
    there = await step(store, there, State.RENDERING, after(2))
    await store.update(here, due_at=after(10))
    await store.update(there, due_at=after(20))

    assert await store.providers_due(after(9)) == ()
    assert set(await store.providers_due(after(20))) == {"local", "elsewhere"}
    assert [job.id for job in await store.renders_due("local", after(20), 9)] == [here.id]
    assert await store.renders_due("elsewhere", after(19), 9) == ()
