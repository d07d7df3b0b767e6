from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import StorageError
from bot.model import MOVES, EntryKind, Job, Place, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import DIRECT, NOW, accept, after, clip, entries, reach, step


@pytest.mark.parametrize("to", State)
@pytest.mark.parametrize("state", State)
async def test_a_job_moves_exactly_as_the_table_says(
    store: SqliteJobStore, state: State, to: State
):
    job = await reach(store, state)
    before = await entries(store)

    if to in MOVES[state]:
        assert (await step(store, job, to)).state is to
    else:
        with pytest.raises(ValueError, match="no job moves"):
            await step(store, job, to)
        assert await store.job(job.id) == job
        assert await entries(store) == before


async def test_a_move_that_is_not_in_the_table_does_not_touch_the_database(store: SqliteJobStore):
    job = await accept(store)
    await store.database.close()

    with pytest.raises(ValueError, match="no job moves from queued to done"):
        await store.move(job, State.DONE, NOW)


async def test_of_two_racers_one_wins_and_the_other_gets_none(store: SqliteJobStore):
    job = await accept(store)

    answers = await asyncio.gather(
        store.move(job, State.SUBMITTING, after(1)),
        store.move(job, State.CANCELLED, after(1), close=EntryKind.REFUND),
    )

    assert sum(each is None for each in answers) == 1
    winner = next(each for each in answers if each is not None)
    assert await store.job(job.id) == winner


async def test_a_lost_race_writes_neither_ledger_nor_clip(store: SqliteJobStore):
    seen = await reach(store, State.FITTING)
    await step(store, seen, State.POSTING)

    late = await store.move(
        seen,
        State.KEPT,
        NOW,
        close=EntryKind.SETTLE,
        error_code="place_closed",
        clip=clip(seen),
    )

    assert late is None
    assert await store.clip(seen.id) is None
    assert len(await entries(store)) == 1


async def test_a_move_sets_columns_and_resets_attempts_and_progress(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)
    job = await step(store, job, State.RENDERING, progress=3, attempts=2)
    assert (job.progress, job.attempts) == (3, 2)

    job = await step(store, job, State.DOWNLOADING, after(9), due_at=after(10))

    assert (job.progress, job.attempts) == (None, 0)
    assert (job.state_at, job.due_at, job.rendered_at) == (after(9), after(10), after(9))
    assert job.finished_at is None
    assert await store.job(job.id) == job


@pytest.mark.parametrize("to", [state for state in State if state.is_final])
async def test_a_final_state_is_finished_and_never_due(store: SqliteJobStore, to: State):
    job = await reach(store, State.POSTING)

    ended = await step(store, job, to, after(20), due_at=after(30))

    assert (ended.due_at, ended.finished_at) == (None, after(20))


async def test_a_move_never_undoes_what_others_wrote_meanwhile(store: SqliteJobStore):
    seen = await accept(store)
    await store.request_cancel(seen, after(1))

    moved = await store.claim_slot(seen, after(2), max_concurrent=1)

    assert moved is not None
    assert moved.cancel_requested_at == after(1)


async def test_a_clip_comes_with_the_move_and_replaces_the_first(store: SqliteJobStore):
    job = await reach(store, State.DOWNLOADING)
    job = await step(store, job, State.FITTING, clip=clip(job, sha256="cd" * 32))
    assert await store.clip(job.id.lower()) == clip(job, sha256="cd" * 32)

    await step(store, job, State.POSTING, clip=clip(job))

    assert await store.clip(job.id) == clip(job)


async def test_a_clip_of_another_job_is_an_error(store: SqliteJobStore):
    job = await reach(store, State.DOWNLOADING)

    with pytest.raises(ValueError, match="clip of job"):
        await store.move(job, State.FITTING, NOW, clip=clip(replace(job, id="ZZZZ")))


@pytest.mark.parametrize(
    ("to", "lacks"),
    [
        (State.DONE, {"message_id": None}),
        (State.KEPT, {"error_code": None}),
        (State.FAILED, {"error_code": None}),
    ],
)
async def test_an_end_without_its_evidence_is_refused_whole(
    store: SqliteJobStore, to: State, lacks: dict[str, Any]
):
    job = await reach(store, State.POSTING)

    with pytest.raises(StorageError):
        await step(store, job, to, **lacks)

    assert await store.job(job.id) == job
    assert [entry["kind"] for entry in await entries(store)] == ["reserve"]


@pytest.mark.parametrize("state", [state for state in State if not state.is_final])
async def test_an_open_job_cannot_be_made_due_never(store: SqliteJobStore, state: State):
    job = await reach(store, state)

    with pytest.raises(StorageError, match="an_open_job_is_due"):
        await store.update(job, due_at=None)


async def test_an_update_leaves_the_state_and_what_it_does_not_name(store: SqliteJobStore):
    job = await reach(store, State.RENDERING)

    updated = await store.update(job, progress=40, attempts=1, due_at=after(5))

    assert updated == replace(job, progress=40, attempts=1, due_at=after(5))
    assert await store.job(job.id) == updated


async def test_an_update_of_a_job_that_moved_on_gets_none(store: SqliteJobStore):
    seen = await reach(store, State.RENDERING)
    moved = await step(store, seen, State.DOWNLOADING)

    assert await store.update(seen, progress=99) is None
    assert await store.job(seen.id) == moved


async def test_columns_that_are_fixed_at_birth_cannot_be_set(store: SqliteJobStore):
    job = await accept(store)
    forbidden: dict[str, Any] = {"state": State.DONE}
    misplaced: dict[str, Any] = {"user_id": 5}

    with pytest.raises(TypeError, match="state"):
        await store.update(job, **forbidden)
    with pytest.raises(TypeError, match="user_id"):
        await store.move(job, State.SUBMITTING, NOW, **misplaced)


async def test_no_more_slots_are_claimed_than_the_provider_has(store: SqliteJobStore):
    jobs = [await accept(store, n) for n in range(1, 7)]
    other = await accept(store, 9, provider="elsewhere")

    answers = await asyncio.gather(
        *(store.claim_slot(job, after(1), max_concurrent=2, attempts=0) for job in jobs)
    )

    claimed = [each for each in answers if each is not None]
    assert [job.state for job in claimed] == [State.SUBMITTING] * 2
    assert await store.claim_slot(other, after(1), max_concurrent=1) is not None


@pytest.mark.parametrize("state", State)
async def test_a_slot_is_taken_exactly_while_the_state_holds_one(
    store: SqliteJobStore, state: State
):
    await reach(store, state, 1)
    waiting = await accept(store, 2)

    claimed = await store.claim_slot(waiting, after(1), max_concurrent=1)

    assert (claimed is None) == state.holds_slot


async def test_a_slot_goes_only_to_a_queued_job(store: SqliteJobStore):
    seen = await accept(store)
    await step(store, seen, State.SUBMITTING)

    assert await store.claim_slot(seen, NOW, max_concurrent=9) is None
    with pytest.raises(ValueError, match="no job moves"):
        await store.claim_slot(replace(seen, state=State.RENDERING), NOW, max_concurrent=9)


@pytest.mark.parametrize("state", State)
async def test_a_cancel_request_is_noted_while_the_job_is_open(store: SqliteJobStore, state: State):
    job = await reach(store, state)
    if not state.is_final:
        job = await _updated(store, job)

    noted = await store.request_cancel(replace(job, state=State.QUEUED), after(60))

    if state.is_final:
        assert noted is None
        return
    # A cancel request does not bring forward the search for a create of unknown outcome.
    due_at = job.due_at if state is State.SUBMITTING else after(60)
    assert noted == replace(job, cancel_requested_at=after(60), due_at=due_at)
    again = await store.request_cancel(job, after(90))
    assert again == noted


async def _updated(store: SqliteJobStore, job: Job) -> Job:
    updated = await store.update(job, due_at=after(600))
    assert updated is not None
    return updated


async def test_a_card_is_stored(store: SqliteJobStore):
    await accept(store)

    await store.set_card(1, 4242)
    await store.set_card(2, 4242)

    found = await store.request(1)
    assert found is not None
    assert found.card_message_id == 4242


@pytest.mark.parametrize("to", [State.POSTING, State.KEPT])
async def test_a_move_can_change_where_the_clip_is_posted(store: SqliteJobStore, to: State):
    job = await reach(store, State.FITTING)
    thread = Place(guild_id=7, channel_id=79, upload_limit_bytes=5, thread_of=70)

    moved = await step(store, job, to, after(9), place=thread)

    assert moved.place == thread
    assert await store.job(job.id) == moved
    asked = await store.request(job.request_id)
    assert asked is not None
    assert asked.place == job.place


async def test_a_move_that_lost_its_race_changes_no_place(store: SqliteJobStore):
    job = await reach(store, State.FITTING)
    posting = await step(store, job, State.POSTING)

    assert await store.move(job, State.FAILED, NOW, close=EntryKind.REFUND, place=DIRECT) is None
    assert await store.job(job.id) == posting


async def test_a_render_that_is_told_to_be_ready_is_due_at_once(store: SqliteJobStore):
    job = await reach(store, State.RENDERING)
    await store.update(job, due_at=after(600))

    assert await store.poll_now("local", f"remote-{job.id}", after(60))

    assert await store.job(job.id) == replace(job, due_at=after(60))


async def test_a_render_is_polled_now_by_the_last_part_of_its_id_alone(store: SqliteJobStore):
    queued = await accept(store, 1)
    submitting = await store.claim_slot(queued, NOW, max_concurrent=9, due_at=after(60))
    assert submitting is not None
    job = await store.move(
        submitting, State.RENDERING, NOW, remote_id="owner/app/5_ab%c", due_at=after(60)
    )
    assert job is not None

    for other in ("ab%c", "pp/5_ab%c", "5xab%c", "5_abbc", ""):
        assert not await store.poll_now("local", other, after(1))
    assert await store.poll_now("local", "5_ab%c", after(2))
    assert await store.job(job.id) == replace(job, due_at=after(2))


async def test_no_render_is_put_off_by_being_polled_now(store: SqliteJobStore):
    job = await reach(store, State.RENDERING)
    await store.update(job, due_at=after(30))

    assert await store.poll_now("local", f"remote-{job.id}", after(60))

    assert await store.job(job.id) == replace(job, due_at=after(30))


async def test_what_does_not_render_there_is_not_polled_now(store: SqliteJobStore):
    rendering = await reach(store, State.RENDERING, 1)
    ready = await reach(store, State.DOWNLOADING, 2)
    done = await reach(store, State.DONE, 3)

    for provider, job in (("elsewhere", rendering), ("local", ready), ("local", done)):
        assert not await store.poll_now(provider, f"remote-{job.id}", after(-60))
    assert not await store.poll_now("local", "unheard-of", after(-60))

    assert [await store.job(job.id) for job in (rendering, ready, done)] == [rendering, ready, done]
