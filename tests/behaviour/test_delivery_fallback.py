"""Where a clip is posted when a place refuses it: in the thread, else in the thread's channel,
else in a direct message; else the bot keeps it.
"""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
import simcord

from bot.model import Job, State
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.settings_panel import choose, open_settings
from tests.patience import PATIENCE_S
from tests.wire.clips import make_clip
from tests.wire.videos_api import VideosApi

#: Errors after which Discord has certainly not created the message: HTTP status and Discord error
#: code.
CLOSED = [
    pytest.param(404, 10003, id="deleted"),
    pytest.param(403, 50001, id="missing access"),
    pytest.param(403, 50013, id="missing permission"),
    pytest.param(400, 50083, id="archived"),
    pytest.param(400, 160005, id="locked"),
    pytest.param(400, 50024, id="not a text channel"),
]


def slowly() -> VideosApi:
    return VideosApi(ready_after_s=0.3, poll_after_ms=50)


def direct(t: BotHarness) -> simcord.ChannelHandle:
    return t.alice.user.dm_channel


def told(t: BotHarness) -> list[str]:
    """Return the texts of alice's direct messages that carry no clip."""
    return [each.content for each in direct(t).history() if not each.attachments]


def refuse(
    t: BotHarness, *places: simcord.ChannelHandle, status: int = 403, code: int = 50013
) -> None:
    """Make Discord refuse every new message in these places."""
    for place in places:
        t.env.inject_error(
            "POST", f"/channels/{place.id}/messages", status=status, code=code, times=None
        )


def close_messages(t: BotHarness) -> None:
    """Make Discord refuse direct messages to alice."""
    refuse(t, direct(t), code=50007)


async def asked(t: BotHarness, place: simcord.ChannelHandle, **options: object) -> None:
    result = await t.alice.slash(place, "sora generate", prompt="a cat", **options)
    assert not result.ephemeral


async def rests_in(t: BotHarness, state: State, timeout_s: float = PATIENCE_S) -> Job:
    """Wait until ten checks in a row find the only job in `state`, and return the job."""
    seen: list[State] = []

    async def there() -> Job | None:
        job = await t.job()
        seen.append(job.state)
        return job if len(seen) > 10 and set(seen[-10:]) == {state} else None

    return await t.until(there, timeout_s)


async def paid_once(t: BotHarness, job: Job) -> None:
    """Assert that the job was paid for and counted once, with no refund."""
    assert not job.refunded
    usage = await t.usage_of(t.alice.id)
    assert (usage.clips, usage.seconds) == (1, job.spec.seconds)
    rows = await t.app.store.database.read(
        lambda conn: conn.execute("SELECT kind, guild_id FROM ledger ORDER BY rowid").fetchall()
    )
    assert [tuple(row) for row in rows] == [("reserve", t.guild.id), ("settle", t.guild.id)]
    assert t.api.creates["a cat"] == 1


@pytest.mark.parametrize(("status", "code"), CLOSED)
async def test_what_a_thread_refuses_is_posted_in_its_channel(
    tmp_path: Path, status: int, code: int
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        refuse(t, thread, status=status, code=code)
        job = await rests_in(t, State.DONE)
        (clip,) = t.clips(t.channel)
        assert (job.place.channel_id, job.place.thread_of) == (t.channel.id, None)
        assert job.message_id == clip.id
        assert t.clips(thread) == t.clips(direct(t)) == []
        assert [each.id for each in clip.mentions] == [t.alice.id]
        assert f"/{t.guild.id}/{thread.id})" in clip.content
        # The status card links to the message of the clip.
        await t.until(lambda: f"/{t.channel.id}/{clip.id}" in card_of(t, thread))
        await paid_once(t, job)


def card_of(t: BotHarness, place: simcord.ChannelHandle) -> str:
    return t.card(place).embeds[0].description or ""


@pytest.mark.parametrize(("status", "code"), CLOSED)
async def test_what_a_channel_refuses_goes_to_the_member_alone(
    tmp_path: Path, status: int, code: int
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        await asked(t, t.channel)
        refuse(t, t.channel, status=status, code=code)
        job = await rests_in(t, State.DONE)
        (clip,) = t.clips(direct(t))
        assert job.place.guild_id is None
        assert job.place.channel_id == direct(t).id
        assert clip.content.startswith(f"<@{t.alice.id}> your clip is ready")
        assert t.clips() == []
        assert told(t) == []
        await t.until(lambda: f"/@me/{direct(t).id}/{clip.id}" in card_of(t, t.channel))
        await paid_once(t, job)


async def test_thread_and_channel_closed_mean_a_direct_message(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        refuse(t, thread, t.channel)
        job = await rests_in(t, State.DONE)
        assert len(t.clips(direct(t))) == 1
        assert t.clips(thread) == t.clips() == []
        await paid_once(t, job)


async def test_a_thread_that_is_really_gone_leaves_its_clip_to_the_channel(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        gone = t.app.client.get_channel(thread.id)
        assert isinstance(gone, discord.Thread)
        await gone.delete()
        job = await rests_in(t, State.DONE)
        # The status card was deleted with the thread, so the clip's message itself mentions the
        # member.
        (clip,) = t.clips()
        assert [each.id for each in clip.mentions] == [t.alice.id]
        await paid_once(t, job)


async def test_a_channel_that_is_really_gone_leaves_its_clip_to_the_member(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        doomed = t.guild.create_text_channel("doomed")
        await t.env.settle()
        await asked(t, doomed)
        gone = t.app.client.get_channel(doomed.id)
        assert isinstance(gone, discord.TextChannel)
        await gone.delete()
        job = await rests_in(t, State.DONE)
        assert len(t.clips(direct(t))) == 1
        await paid_once(t, job)


async def test_an_archived_thread_is_opened_again_where_that_helps(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        met = t.app.client.get_channel(thread.id)
        assert isinstance(met, discord.Thread)
        await met.edit(archived=True)
        t.env.inject_error("POST", f"/channels/{thread.id}/messages", status=400, code=50083)
        job = await rests_in(t, State.DONE)
        assert len(t.clips(thread)) == 1
        assert t.clips() == []
        now = await t.app.client.fetch_channel(thread.id)
        assert isinstance(now, discord.Thread)
        assert not now.archived
        assert job.place.channel_id == thread.id


async def test_an_archived_thread_that_may_not_be_opened_leaves_its_clip_to_the_channel(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        t.env.inject_error("POST", f"/channels/{thread.id}/messages", status=400, code=50083)
        t.env.inject_error("PATCH", f"/channels/{thread.id}", status=403, code=50013)
        await rests_in(t, State.DONE)
        assert len(t.clips()) == 1
        assert t.clips(thread) == []


async def test_a_private_threads_clip_never_shows_in_the_channel(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        made = await place.create_thread(name="us", type=discord.ChannelType.private_thread)
        await made.add_user(discord.Object(t.alice.id))
        thread = t.channel.threads[-1]
        await asked(t, thread)
        refuse(t, thread, code=50001)
        await rests_in(t, State.DONE)
        assert len(t.clips(direct(t))) == 1
        assert t.clips() == []
        assert not any("a cat" in each.content for each in t.channel.history())


async def test_a_channel_where_the_server_wants_no_clips_is_passed_over(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        other = t.guild.create_text_channel("films")
        await choose(t, await open_settings(t), "channels", other)
        refuse(t, thread)
        await rests_in(t, State.DONE)
        assert len(t.clips(direct(t))) == 1
        assert [each for each in t.clips() if each.attachments] == []


async def test_a_clip_that_nobody_takes_is_kept_and_can_be_got_where_it_was_asked_for(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        refuse(t, thread, t.channel)
        close_messages(t)
        job = await rests_in(t, State.KEPT)
        assert (job.place.guild_id, job.place.channel_id) == (t.guild.id, thread.id)
        assert "I kept it for you" in (job.error_text or "")
        await paid_once(t, job)
        t.env.backend.faults.clear()
        shown = await t.alice.slash(t.channel, "sora status", job=job.id)
        assert shown.response is not None
        await t.alice.click(shown.response, label=f"Get my clip {job.id}")
        await rests_in(t, State.DONE)
        assert len(t.clips()) == 1
        assert t.clips(thread) == t.clips(direct(t)) == []
        await paid_once(t, await t.job())


async def test_a_clip_too_large_everywhere_is_kept_and_told_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        refuse(t, thread, status=413, code=40005)
        job = await rests_in(t, State.KEPT)
        # The channel has the same upload limit as its thread, and direct messages have a lower
        # one.
        assert t.clips() == t.clips(direct(t)) == []
        (words,) = await t.until(lambda: told(t))
        assert "larger than uploads may be" in words
        assert f"/sora status job:{job.id}" in words
        await t.alice.click(t.card(thread), label=f"Get my clip {job.id}")
        await rests_in(t, State.KEPT)
        await t.until(lambda: "larger than uploads may be" in card_of(t, thread))
        assert len(told(t)) == 1
        await paid_once(t, job)


async def test_a_clip_over_the_servers_limit_is_told_of_without_an_attempt(tmp_path: Path) -> None:
    big = make_clip(tmp_path / "big.mp4", pad_to_bytes=27 * 1024 * 1024)
    async with bot_harness(tmp_path / "data", api=VideosApi(content=big, poll_after_ms=20)) as t:
        await asked(t, t.channel)
        await rests_in(t, State.KEPT)
        (words,) = await t.until(lambda: told(t))
        assert "28.3 MB are more than the 26 MB" in words


@pytest.mark.parametrize("times", [1, 3])
async def test_what_may_have_been_posted_is_tried_there_again_and_nowhere_else(
    tmp_path: Path, times: int
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        path = f"/channels/{thread.id}/messages"
        t.env.inject_error("POST", path, status=503, times=times)
        await rests_in(t, State.DONE)
        assert len(t.clips(thread)) == 1
        assert t.clips() == t.clips(direct(t)) == []


async def test_a_page_of_the_proxy_is_no_refusal(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        await asked(t, t.channel)
        t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=403, code=0)
        await rests_in(t, State.DONE)
        assert len(t.clips()) == 1
        assert t.clips(direct(t)) == []


async def test_a_refusal_after_a_post_of_unknown_outcome_is_not_believed_blindly(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        await asked(t, t.channel)
        path = f"/channels/{t.channel.id}/messages"
        # First the answer to the post is lost, then the bot loses read access. The clip may be
        # posted, but the bot cannot look for it.
        t.env.inject_error("POST", path, status=502, times=5)
        t.env.inject_error("GET", path, status=403, code=50001, times=None)
        job = await rests_in(t, State.KEPT)
        assert t.clips(direct(t)) == []
        (words,) = await t.until(lambda: told(t))
        assert job.id in words


async def test_variants_stay_together_on_their_way_down(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        await asked(t, t.channel, count=3)
        refuse(t, t.channel)

        async def all_done() -> bool:
            return all(job.state is State.DONE for job in await t.jobs())

        await t.until(all_done)
        (message,) = t.clips(direct(t))
        assert len(message.attachments) == 3
        assert f"/{t.guild.id}/{t.channel.id})" in message.content


async def test_a_clip_too_large_for_its_server_goes_where_more_is_taken(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.6, poll_after_ms=50)) as t:
        await asked(t, t.channel)
        await t.app.store.database.write(
            lambda conn: conn.execute("UPDATE jobs SET upload_limit_bytes = 1000").fetchall()
        )
        job = await rests_in(t, State.DONE)
        assert len(t.clips(direct(t))) == 1
        assert t.clips() == []
        await paid_once(t, job)


async def test_a_channel_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        me = t.guild.me
        assert me is not None
        await asked(t, t.channel)
        job = await rests_in(t, State.DONE)
        # Make the job look as if the bot had died after it posted the clip and before it committed
        # that, so long ago that Discord has forgotten the nonce of the post.
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "UPDATE jobs SET state = 'posting', message_id = NULL, finished_at = NULL,"
                " due_at = 0 WHERE id = ?",
                (job.id,),
            ).fetchall()
        )
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        await place.set_permissions(place.guild.me, read_message_history=False)
        await t.restart()
        await rests_in(t, State.KEPT)
        # The clip was posted exactly once, in the channel.
        await place.set_permissions(place.guild.me, overwrite=None)
        assert len(t.clips()) == 1
        assert t.clips(direct(t)) == []
        assert len(await t.until(lambda: told(t))) == 1
