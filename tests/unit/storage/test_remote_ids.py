from __future__ import annotations

import pytest

from bot.errors import DuplicateRenderError, StorageError
from bot.model import State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import reach, step


async def test_two_jobs_never_hold_the_same_render(store: SqliteJobStore):
    first = await reach(store, State.SUBMITTING, 1)
    second = await reach(store, State.SUBMITTING, 2)
    elsewhere = await reach(store, State.SUBMITTING, 3, provider="elsewhere")
    await step(store, first, State.RENDERING, remote_id="video_1")

    with pytest.raises(DuplicateRenderError, match=f"render video_1 of job {first.id}"):
        await step(store, second, State.RENDERING, remote_id="video_1")

    assert await store.job(second.id) == second
    await step(store, elsewhere, State.RENDERING, remote_id="video_1")
    assert await store.owner_of_remote("local", "video_1") == first.id


async def test_a_job_does_not_render_without_a_remote_id(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)

    with pytest.raises(StorageError, match="has_a_remote_id"):
        await step(store, job, State.RENDERING, remote_id=None)
