"""Poll results of many renders are stored in one write; jobs that have moved on stay unchanged."""

from __future__ import annotations

from dataclasses import replace

from bot.model import Job, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import after, reach, step


async def renders(store: SqliteJobStore, count: int) -> list[Job]:
    return [await reach(store, State.RENDERING, 10 + number) for number in range(count)]


def seen(job: Job, progress: int | None) -> Job:
    return replace(job, progress=progress, due_at=after(700))


async def test_progress_and_the_next_poll_are_kept_and_silences_forgotten(store: SqliteJobStore):
    first, second = await renders(store, 2)
    silent = await store.update(first, attempts=3)
    assert silent is not None

    await store.note_renders([seen(silent, 40), seen(second, None)])

    kept = await store.job(first.id)
    assert kept == replace(silent, progress=40, due_at=after(700), attempts=0)
    assert await store.job(second.id) == replace(second, due_at=after(700))


async def test_nothing_else_of_a_job_is_kept(store: SqliteJobStore):
    (job,) = await renders(store, 1)

    await store.note_renders([replace(seen(job, 5), error_text="no", cost_usd_micros=1)])

    assert await store.job(job.id) == seen(job, 5)


async def test_a_render_that_became_ready_meanwhile_stays_as_it_is(store: SqliteJobStore):
    gone, other = await renders(store, 2)
    ready = await step(store, gone, State.DOWNLOADING)

    await store.note_renders([seen(gone, 40), seen(other, 50)])

    assert await store.job(gone.id) == ready
    assert await store.job(other.id) == seen(other, 50)


async def test_a_cancel_request_is_not_put_off(store: SqliteJobStore):
    (job,) = await renders(store, 1)
    asked = await store.request_cancel(job, after(5))

    await store.note_renders([seen(job, 40)])

    assert await store.job(job.id) == asked


async def test_no_renders_are_nothing_to_write(store: SqliteJobStore):
    await store.note_renders([])
