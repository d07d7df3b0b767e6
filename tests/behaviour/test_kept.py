"""The owner of a kept clip can have it posted, but only in the guild where it was made and where
the guild's settings allow it.
"""

from __future__ import annotations

from pathlib import Path

import simcord

from bot.model import Job, State
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.wire.videos_api import VideosApi


def slowly() -> VideosApi:
    return VideosApi(ready_after_s=0.3, poll_after_ms=50)


async def kept(t: BotHarness) -> Job:
    """Have alice request a clip, make its channel and her direct messages refuse it, and return
    the kept job.
    """
    await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=403, code=50013)
    direct = f"/channels/{t.alice.user.dm_channel.id}/messages"
    t.env.inject_error("POST", direct, status=403, code=50007)
    return await t.wait_for_state(State.KEPT)


async def fetched(
    t: BotHarness, actor: simcord.MemberActor, channel: simcord.ChannelHandle, job: Job
) -> simcord.InteractionResult:
    """Look at a job's status in a channel, and press the button that posts its clip there."""
    status = await actor.slash(channel, "sora status", job=job.id)
    assert status.response is not None
    return await actor.click(status.response, label=f"Get my clip {job.id}")


async def test_it_stays_in_the_server_where_it_was_asked_for(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        reels, alice_there = await t.add_to_another_guild(t.alice)
        job = await kept(t)
        refused = await fetched(t, alice_there, reels, job)
        assert "in the server where it was asked for" in said_last(refused)
        assert (await t.job()).state is State.KEPT
        assert t.clips(reels) == []
        await fetched(t, t.alice, t.channel, job)
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


async def test_it_is_not_posted_where_the_server_wants_no_clips(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        serious = t.guild.create_text_channel("serious")
        job = await kept(t)
        await choose(t, await open_settings(t), "channels", t.channel)
        refused = await fetched(t, t.alice, serious, job)
        assert f"<#{t.channel.id}>" in said_last(refused)
        assert (await t.job()).state is State.KEPT
        assert t.clips(serious) == []
        await fetched(t, t.alice, t.channel, job)
        await t.wait_for_state(State.DONE)


def said_last(result: simcord.InteractionResult) -> str:
    """Return the last line of the answer to an interaction."""
    return private_answer(result).splitlines()[-1]
