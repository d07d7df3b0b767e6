"""After a crash, the next process gives each unfinished job its full time again."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.model import Job, State
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness
from tests.wire.videos_api import VideosApi

_CREATE_S, _QUIET_S = 40.0, 30.0


def patient(folder: Path, **variables: str) -> AbstractAsyncContextManager[BotHarness]:
    """Run a bot that waits 70 s for a late effect of a paid call of unknown outcome."""
    api = VideosApi(ready_after_s=600, poll_after_ms=20)
    timings = replace(FAST_TIMINGS, create_s=_CREATE_S, quiet_s=_QUIET_S)
    return bot_harness(folder, variables, api=api, timings=timings)


async def left_in_a_paid_call(t: BotHarness) -> Job:
    """Return a job whose bot died during its paid call, 200 s ago according to the job's row."""
    await t.app.scheduler.stop()
    await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    job, now = await t.job(), t.clock.now()
    claimed = await t.app.store.claim_slot(
        job,
        now,
        max_concurrent=1,
        submitted_at=now - timedelta(seconds=200),
        deadline_at=now + timedelta(seconds=1800),
        due_at=now - timedelta(seconds=100),
    )
    assert claimed is not None
    return claimed


async def test_an_order_that_may_be_on_its_way_has_its_whole_time_to_land(tmp_path: Path) -> None:
    async with patient(tmp_path) as t:
        await left_in_a_paid_call(t)
        await t.app.scheduler.start()
        job = await t.job()
        assert job.state is State.SUBMITTING
        assert job.due_at is not None
        rests_s = (job.due_at - t.clock.now()).total_seconds()
        assert _CREATE_S + _QUIET_S - 10 < rests_s <= _CREATE_S + _QUIET_S
        assert t.api.requests["list"] == t.api.requests["create"] == 0
        t.clock.forward(_CREATE_S + _QUIET_S)
        await t.wait_for_state(State.RENDERING)
    assert t.api.creates["a cat"] == 1


async def test_an_order_that_can_be_repeated_without_harm_is_repeated_at_once(
    tmp_path: Path,
) -> None:
    async with patient(tmp_path, VIDEO_PROVIDERS="local") as t:
        await left_in_a_paid_call(t)
        await t.app.scheduler.start()
        await t.wait_for_state(State.RENDERING)


async def test_a_render_whose_deadline_passed_while_nobody_looked_goes_on(tmp_path: Path) -> None:
    async with patient(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        render = t.api.renders[str((await t.wait_for_state(State.RENDERING)).remote_id)]
        await t.app.scheduler.stop()
        t.clock.forward(7200)
        asked = t.api.requests["retrieve"]
        await t.app.scheduler.start()
        await t.until(lambda: t.api.requests["retrieve"] > asked + 2)
        assert (await t.job()).state is State.RENDERING
        render.ready_s = 0
        await t.wait_for_state(State.DONE)
