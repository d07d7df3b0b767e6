"""After a post of unknown outcome, the bot waits until the message must have appeared before it
tries again.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.jobs.ports import TaskKind
from bot.model import Job, State
from tests.behaviour.clips import wait_until_finished
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness
from tests.wire.videos_api import VideosApi

_QUIET_S = 60.0


def quiet(folder: Path) -> AbstractAsyncContextManager[BotHarness]:
    """Run a bot that waits a minute after a post of unknown outcome; renders end when a test says
    so.
    """
    api = VideosApi(ready_after_s=600, poll_after_ms=20)
    return bot_harness(folder, api=api, timings=replace(FAST_TIMINGS, post_quiet_s=_QUIET_S))


async def rendering(t: BotHarness, count: int = 1) -> list[Job]:
    options = {"count": count} if count > 1 else {}
    await t.alice.slash(t.channel, "sora generate", prompt="a cat", **options)

    async def all_there() -> list[Job] | None:
        jobs = sorted(await t.jobs(), key=lambda job: job.variant)
        return jobs if [job.state for job in jobs] == [State.RENDERING] * count else None

    return await t.until(all_there)


def stumble(t: BotHarness, status: int) -> None:
    """Make the next new message in the channel fail with the HTTP status `status`."""
    t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=status)


async def put_off(t: BotHarness, job: Job) -> Job:
    """End a render, and return its job after the first attempt to post the clip has failed."""
    t.api.renders[str(job.remote_id)].ready_s = 0

    async def failed_once() -> Job | None:
        now = await t.app.store.job(job.id)
        assert now is not None
        return now if now.state is State.POSTING and now.attempts else None

    return await t.until(failed_once)


def rests_s(t: BotHarness, job: Job) -> float:
    """Return the seconds until the job is due."""
    assert job.due_at is not None
    return (job.due_at - t.clock.now()).total_seconds()


async def test_a_post_of_unknown_outcome_rests_however_often_it_is_woken(tmp_path: Path) -> None:
    async with quiet(tmp_path) as t:
        (job,) = await rendering(t)
        stumble(t, 503)
        resting = await put_off(t, job)
        assert rests_s(t, resting) > _QUIET_S - 10
        t.app.scheduler.wake(TaskKind.DELIVER, job.id)
        t.app.scheduler.wake(TaskKind.DELIVER, job.id)
        marker = await rendered_meanwhile(t)
        assert marker.state is State.DONE
        assert await t.app.store.job(job.id) == resting
        t.clock.forward(_QUIET_S)
        await wait_until_finished(t, 2)
        assert len(t.clips()) == 2


async def rendered_meanwhile(t: BotHarness) -> Job:
    """Have bob make another clip; return its job when it is done.

    By then, any job that the bot woke earlier has had the time to run.
    """
    await t.bob.slash(t.channel, "sora generate", prompt="a dog")

    async def there() -> Job | None:
        job = (await t.jobs())[-1]
        if job.remote_id is not None:
            t.api.renders[job.remote_id].ready_s = 0
        return job if job.state is State.DONE else None

    return await t.until(there)


async def test_a_post_that_was_certainly_not_made_is_tried_again_soon(tmp_path: Path) -> None:
    async with quiet(tmp_path) as t:
        (job,) = await rendering(t)
        stumble(t, 401)
        assert rests_s(t, await put_off(t, job)) < _QUIET_S / 2
        await t.wait_for_state(State.DONE)


async def test_no_variant_joins_a_message_while_the_post_of_another_is_uncertain(
    tmp_path: Path,
) -> None:
    async with quiet(tmp_path) as t:
        first, second = await rendering(t, 2)
        stumble(t, 503)
        resting = await put_off(t, first)
        t.api.renders[str(second.remote_id)].ready_s = 0

        async def waits() -> Job | None:
            job = await t.app.store.job(second.id)
            assert job is not None
            assert job.state is not State.DONE
            return job if job.due_at == resting.due_at else None

        waiting = await t.until(waits)
        assert (waiting.state, waiting.attempts) == (State.POSTING, 0)
        assert t.clips() == []
        t.clock.forward(_QUIET_S)
        await wait_until_finished(t, 2)
        (message,) = t.clips()
        assert len(message.attachments) == 2


async def test_variants_that_only_wait_for_their_turn_hold_up_nobody(tmp_path: Path) -> None:
    async with quiet(tmp_path) as t:
        for job in await rendering(t, 4):
            t.api.renders[str(job.remote_id)].ready_s = 0
        await wait_until_finished(t, 4)
        (message,) = t.clips()
        assert len(message.attachments) == 4


async def left_in_a_post(
    t: BotHarness, job: Job, *, failed_before: int = 0, due_in: timedelta = timedelta()
) -> None:
    """Simulate a crash of the bot while it posts a clip, then start its job engine again."""
    stumble(t, 503)
    in_doubt = await put_off(t, job)
    await t.app.scheduler.stop()
    due_at = t.clock.now() + due_in
    await t.app.store.update(in_doubt, attempts=failed_before, due_at=due_at)
    await t.app.scheduler.start()


async def rest_of(t: BotHarness, job: Job) -> float:
    """Return the seconds until a job in state POSTING is due."""
    now = await t.app.store.job(job.id)
    assert now is not None
    assert now.state is State.POSTING
    return rests_s(t, now)


async def test_a_variant_whose_post_a_dead_process_sent_rests_and_so_do_the_others(
    tmp_path: Path,
) -> None:
    async with quiet(tmp_path) as t:
        first, second = await rendering(t, 2)
        await left_in_a_post(t, first)
        assert await rest_of(t, first) > _QUIET_S - 10
        t.api.renders[str(second.remote_id)].ready_s = 0
        marker = await rendered_meanwhile(t)
        assert [clip.id for clip in t.clips()] == [marker.message_id]
        t.clock.forward(_QUIET_S)
        await wait_until_finished(t, 3)
        assert [len(clip.attachments) for clip in t.clips()] == [1, 2]


async def test_a_clip_of_its_own_is_posted_at_once_after_a_restart(tmp_path: Path) -> None:
    async with quiet(tmp_path) as t:
        (job,) = await rendering(t)
        await left_in_a_post(t, job)
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


async def test_a_variant_that_was_posted_once_more_as_the_process_died_rests_too(
    tmp_path: Path,
) -> None:
    async with quiet(tmp_path) as t:
        first, _ = await rendering(t, 2)
        await left_in_a_post(t, first, failed_before=2)
        assert await rest_of(t, first) > _QUIET_S - 10
        marker = await rendered_meanwhile(t)
        assert [clip.id for clip in t.clips()] == [marker.message_id]
        left = await t.app.store.job(first.id)
        assert left is not None
        assert left.attempts == 2


@pytest.mark.parametrize("failed_before", [0, 1])
async def test_a_variant_rests_no_longer_where_the_dead_process_had_a_clock_that_was_ahead(
    tmp_path: Path, failed_before: int
) -> None:
    async with quiet(tmp_path) as t:
        first, _ = await rendering(t, 2)
        await left_in_a_post(t, first, failed_before=failed_before, due_in=timedelta(days=1))
        assert _QUIET_S - 10 < await rest_of(t, first) <= _QUIET_S


async def test_a_rest_that_a_restart_finds_is_not_begun_anew(tmp_path: Path) -> None:
    async with quiet(tmp_path) as t:
        first, _ = await rendering(t, 2)
        await left_in_a_post(t, first, failed_before=1, due_in=timedelta(seconds=20))
        assert await rest_of(t, first) <= 20
