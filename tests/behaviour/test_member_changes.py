"""A member is blocked, leaves the guild or loses a role while a clip is in progress."""

from __future__ import annotations

from pathlib import Path

from bot.model import State, Usage
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import bot_harness
from tests.behaviour.test_mod_quota import asks, give, mod, take
from tests.wire.videos_api import VideosApi

ONE_CLIP = Usage(clips=1, seconds=4, usd_micros=400_000)


def slow() -> VideosApi:
    return VideosApi(ready_after_s=600, poll_after_ms=20)


async def test_a_block_stops_what_is_asked_for_next_and_nothing_that_is_under_way(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        assert await asks(t, t.alice) is None
        await t.wait_for_state(State.RENDERING)
        await mod(t, "block", user=t.alice, reason="spam")
        assert "paused making clips for you" in (await asks(t, t.alice) or "")
        t.api.finish_renders()
        job = await t.wait_for_state(State.DONE)
        assert (job.refunded, await t.usage_of(t.alice.id)) == (False, ONE_CLIP)
        assert len(t.clips()) == 1


async def test_who_is_blocked_may_still_stop_a_clip_and_gets_it_back(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slow(), OPENAI_MAX_CONCURRENT="1") as t:
        assert await asks(t, t.bob) is None
        assert await asks(t, t.alice) is None
        waiting = next(job for job in await t.jobs() if job.user_id == t.alice.id)
        await mod(t, "block", user=t.alice)
        told = private_answer(await t.alice.slash(t.channel, "sora cancel", job=waiting.id))
        assert "Nothing is counted" in told
        assert await t.usage_of(t.alice.id) == Usage()


async def test_what_a_member_who_left_had_asked_for_is_posted_and_counted_once(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slow()) as t:
        assert await asks(t, t.alice) is None
        await t.wait_for_state(State.RENDERING)
        t.env.backend.remove_member(t.guild.id, t.alice.id)
        await t.env.settle()
        t.api.finish_renders()
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1
        assert await t.usage_of(t.alice.id) == ONE_CLIP
        # Moderators can still view, limit, block and count a member who has left the guild.
        assert "1 clip used" in await mod(t, "quota show", target=t.alice.user)
        assert "2 clips in 24 hours" in await mod(t, "quota set", target=t.alice.user, clips=2)
        assert "can't make clips here" in await mod(t, "block", user=t.alice.user)
        assert f"<@{t.alice.id}> 1 clip" in await mod(t, "usage")


async def test_a_role_that_goes_while_a_clip_is_made_changes_the_next_one_only(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slow(), QUOTA_CLIPS_PER_DAY="1") as t:
        patrons = t.guild.create_role("Patrons")
        await mod(t, "quota set", target=patrons, clips=5)
        await give(t, t.alice, patrons)
        assert await asks(t, t.alice, count=3) is None
        await take(t, t.alice, patrons)
        assert "and you have 0 clips left" in (await asks(t, t.alice) or "")
        shown = private_answer(await t.alice.slash(t.channel, "sora quota"))
        assert "100 %\n**0 clips** left · 3 clips used (3 clips reserved)" in shown
        t.api.finish_renders()

        async def all_done() -> bool:
            jobs = await t.jobs()
            assert not [job.error_text for job in jobs if job.state in (State.FAILED, State.KEPT)]
            return len(jobs) == 3 and all(job.state is State.DONE for job in jobs)

        await t.until(all_done)
        assert (await t.usage_of(t.alice.id)).clips == 3
