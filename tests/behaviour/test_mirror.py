"""Each public clip is also posted in the guild's gallery channel, exactly once."""

from pathlib import Path

import discord
import pytest
import simcord

from bot.model import Job, State
from tests.behaviour.clips import (
    button_labels,
    generate_clip,
    message_of,
    private_answer,
    wait_until_finished,
)
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.remixes import deny
from tests.wire.videos_api import VideosApi

PROMPT = "a calico cat plays piano"


async def chosen(t: BotHarness, name: str = "gallery") -> simcord.ChannelHandle:
    """Have the moderator create a channel and set it as the gallery channel."""
    gallery = t.guild.create_text_channel(name)
    await t.choose_gallery(gallery)
    return gallery


async def outbox_rows(t: BotHarness) -> int:
    rows = await t.app.store.database.read(
        lambda conn: conn.execute("SELECT count(*) FROM errands").fetchone()
    )
    return rows[0]


async def wait_for_outbox(t: BotHarness) -> None:
    async def none_left() -> bool:
        return await outbox_rows(t) == 0

    await t.until(none_left)


async def test_a_posted_clip_is_shown_in_the_gallery_too_and_pings_nobody(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        job = await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        (mirror,) = t.clips(gallery)
        assert [each.filename for each in mirror.attachments] == [f"sora-{job.id}.mp4"]
        assert await mirror.attachments[0].read() == t.api.content
        assert PROMPT in mirror.content
        assert f"<@{t.alice.id}>" in mirror.content
        assert str(job.message_id) in mirror.content
        assert button_labels(mirror) == ["Go to the clip"]
        stored = t.env.backend.get_message(gallery.id, mirror.id)
        assert stored.ping_user_ids == []
        assert not mirror.mention_everyone


async def test_each_of_several_variants_is_shown(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=3)
        jobs = await wait_until_finished(t, 3)
        await wait_for_outbox(t)
        shown = [each.filename for message in t.clips(gallery) for each in message.attachments]
        assert sorted(shown) == sorted(f"sora-{job.id}.mp4" for job in jobs)


async def test_turned_off_or_moved_the_old_channel_gets_nothing_more(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        first = await chosen(t)
        second = await chosen(t, "hall-of-fame")
        await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert (len(t.clips(first)), len(t.clips(second))) == (0, 1)
        await t.choose_gallery(None)
        await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert (len(t.clips(first)), len(t.clips(second))) == (0, 1)


async def test_a_clip_asked_for_in_the_gallery_is_there_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        job = await generate_clip(t, t.alice, PROMPT, gallery)
        await wait_for_outbox(t)
        assert [each.id for each in t.clips(gallery)] == [job.message_id]


async def test_what_not_everybody_may_see_stays_where_it_is(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        await generate_clip(t, t.alice, "a secret cat", t.secret_channel())
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        await place.create_thread(name="den", type=discord.ChannelType.private_thread)
        den = t.channel.threads[-1]
        t.env.backend.add_thread_member(den.id, t.alice.id)
        await generate_clip(t, t.alice, "a cat in the den", den)
        await t.alice.user.slash("sora generate", prompt="a private cat")
        await wait_until_finished(t, 3)
        await wait_for_outbox(t)
        assert t.clips(gallery) == []


async def test_a_public_threads_clip_is_shown(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        await generate_clip(t, t.alice, PROMPT, await t.thread())
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1


async def test_another_servers_clips_are_not_shown_here(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        reels, carol = await t.add_to_another_guild()
        await generate_clip(t, carol, PROMPT, reels)
        await wait_for_outbox(t)
        assert t.clips(gallery) == []


async def test_a_discord_that_stumbles_gets_the_mirror_once_later(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        path = f"/channels/{gallery.id}/messages"
        t.env.inject_error("POST", path, status=503, times=8)
        job = await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1
        assert message_of(t, job) is not None


async def test_a_restart_before_the_mirror_was_noted_makes_no_second_one(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        job = await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        # Make the outbox look as if the bot had died after the gallery post and before its commit.
        await t.app.store.database.write(
            lambda conn: conn.execute(
                "INSERT INTO errands (chore, job_id, channel_id, created_at, due_at)"
                " VALUES ('mirror', ?, ?, 0, 0)",
                (job.id, gallery.id),
            ).fetchall()
        )
        await t.restart()
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1


async def test_a_mirror_that_waited_for_discord_survives_a_restart(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        t.env.inject_error("POST", f"/channels/{gallery.id}/messages", status=503, times=None)
        await generate_clip(t, t.alice, PROMPT)
        await t.restart()
        assert t.clips(gallery) == []
        t.env.backend.faults.clear()
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1


@pytest.mark.parametrize(("status", "code"), [(404, 10003), (403, 50013), (413, 40005)])
async def test_a_gallery_that_takes_no_clip_is_given_up_quietly(
    tmp_path: Path, status: int, code: int
) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        t.env.inject_error("POST", f"/channels/{gallery.id}/messages", status=status, code=code)
        job = await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert t.clips(gallery) == []
        now = await t.app.store.job(job.id)
        assert now is not None
        assert now.state is State.DONE
        await t.until(lambda: "Done" in t.card_text())
        await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1


async def test_a_deleted_gallery_channel_hurts_no_clip(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        place = t.app.client.get_channel(gallery.id)
        assert isinstance(place, discord.TextChannel)
        await place.delete()
        await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        assert len(t.clips()) == 1


async def test_a_clip_deleted_before_its_mirror_is_never_shown(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        t.env.inject_error("POST", f"/channels/{gallery.id}/messages", status=503, times=None)
        job = await generate_clip(t, t.alice, PROMPT)
        message = message_of(t, job)
        assert message is not None
        asked = await t.alice.click(message, label="Delete")
        assert asked.response is not None
        await t.alice.click(asked.response, label=f"Delete {job.id} for good")
        t.env.backend.faults.clear()
        await wait_for_outbox(t)
        assert t.clips(gallery) == []
        assert message_of(t, job) is None


async def test_a_kept_clip_is_shown_once_it_has_been_fetched(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, api=VideosApi(ready_after_s=0.3, poll_after_ms=50)) as t:
        gallery = await chosen(t)
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT)
        t.env.inject_error("POST", f"/channels/{t.channel.id}/messages", status=403, code=50013)
        direct = f"/channels/{t.alice.user.dm_channel.id}/messages"
        t.env.inject_error("POST", direct, status=403, code=50007)
        job: Job = await t.wait_for_state(State.KEPT)
        await wait_for_outbox(t)
        assert t.clips(gallery) == []
        await t.until(lambda: button_labels(t.card()) == [f"Get my clip {job.id}"])
        await t.alice.click(t.card(), label=f"Get my clip {job.id}")
        await t.wait_for_state(State.DONE)
        await wait_for_outbox(t)
        assert len(t.clips(gallery)) == 1


async def test_the_menus_take_the_mirror_for_its_clip(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        job = await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        (mirror,) = t.clips(gallery)
        pressed = await t.bob.context_menu(gallery, "Remix this clip", mirror)
        assert pressed.modal is not None
        assert job.id in str(pressed.modal)
        told = private_answer(await t.bob.context_menu(gallery, "Clip details", mirror))
        assert f"Clip {job.id}" in told
        await t.bob.submit_modal(pressed, {"words": "by night"})
        *_, remix = await wait_until_finished(t, 2)
        assert (remix.parent_id, remix.user_id) == (job.id, t.bob.id)


async def test_a_mirror_says_nothing_to_who_lost_the_channel_of_its_clip(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = await chosen(t)
        await generate_clip(t, t.alice, PROMPT)
        await wait_for_outbox(t)
        (mirror,) = t.clips(gallery)
        deny(t, t.channel, t.bob.id, view_channel=True)
        for menu in ("Remix this clip", "Clip details"):
            assert "holds no clip" in private_answer(
                await t.bob.context_menu(gallery, menu, mirror)
            )


async def test_a_file_that_somebody_else_calls_like_a_clip_is_none(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job = await generate_clip(t, t.alice, PROMPT)
        forged = await t.bob.send(t.channel, "mine", attachments=[(f"sora-{job.id}.mp4", b"x")])
        asked = await t.bob.context_menu(t.channel, "Remix this clip", forged)
        assert "holds no clip" in private_answer(asked)
