"""Who may remix a clip: every command and button checks the permissions again at each use."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import discord
import pytest
import simcord

from bot.model import Job
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.remixes import (
    clips_used,
    deny,
    is_remix,
    make_clip,
    message_of,
    only_answer,
    wait_for_newest,
    wait_for_reply,
)
from tests.wire.videos_faults import VideosFault

CHANGE = "at night, with rain"
Way = Callable[[BotHarness, simcord.MemberActor, Job, discord.Message], Awaitable[str]]


async def by_reply(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    reply = await t.reply(who, message, CHANGE)
    return (await wait_for_reply(t, reply)).content


async def by_button(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    return only_answer(await who.click(message, label="Remix"))


async def by_again(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    return only_answer(await who.click(message, label="Again"))


async def by_extend(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    return only_answer(await who.click(message, label="Extend"))


async def by_command(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    asked = await who.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
    return only_answer(asked)


async def by_extend_command(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    return only_answer(await who.slash(t.channel, "sora extend", clip=job.id, prompt=CHANGE))


async def by_menu(
    t: BotHarness, who: simcord.MemberActor, job: Job, message: discord.Message
) -> str:
    place = simcord.ChannelHandle(t.env, t.guild, t.env.backend.get_channel(message.channel.id))
    return only_answer(await who.context_menu(place, "Remix this clip", message))


WAYS = [by_reply, by_button, by_again, by_extend, by_command, by_extend_command, by_menu]
IDS = [way.__name__ for way in WAYS]


async def nothing_happened(t: BotHarness, jobs: int) -> None:
    """Assert that there are still exactly `jobs` jobs.

    Another clip is made first, so that a wrong job would have had the time to appear.
    """
    other = t.guild.create_text_channel("other")
    await make_clip(t, t.moderator, other, prompt="something else")
    assert len(await t.jobs()) == jobs + 1
    assert t.api.creates.total() == jobs + 1


async def unknown(t: BotHarness, who: simcord.MemberActor, clip_id: str) -> None:
    """Assert that no command tells `who` that the clip exists."""
    for command in ("sora remix", "sora extend"):
        asked = await who.slash(t.channel, command, clip=clip_id, prompt=CHANGE)
        assert only_answer(asked).startswith(f"I don't know a clip `{clip_id}` here")
        offered = await who.autocomplete(t.channel, command, "clip", clip_id)
        assert offered == []
    everything = await who.autocomplete(t.channel, "sora remix", "clip", "")
    assert clip_id not in str(everything)


@pytest.mark.parametrize("way", WAYS, ids=IDS)
async def test_a_clip_whose_owner_keeps_it_is_for_its_owner_only(tmp_path: Path, way: Way) -> None:
    async with bot_harness(tmp_path) as t:
        job, message = await make_clip(t)
        details = await t.alice.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        forbidden = await t.alice.click(details.response, label="Forbid remixes")
        assert "nobody but you" in only_answer(forbidden)
        for other in (t.bob, t.moderator):
            assert "keeps it as it is" in await way(t, other, job, message)
            assert await clips_used(t, other) == 0
        await nothing_happened(t, 1)


async def test_its_owner_may_remix_what_is_kept_from_others_and_allow_it_again(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job, message = await make_clip(t)
        opened = await t.bob.click(message, label="Remix")
        details = await t.alice.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        await t.alice.click(details.response, label="Forbid remixes")
        # A remix form that was opened before the owner forbade remixes is refused as well.
        assert "keeps it" in only_answer(await t.bob.submit_modal(opened, {"words": CHANGE}))
        await t.reply(t.alice, message, CHANGE)
        assert is_remix(await wait_for_newest(t, 2), job, t.alice)
        details = await t.alice.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        await t.alice.click(details.response, label="Allow remixes")
        await t.reply(t.bob, message, CHANGE)
        assert is_remix(await wait_for_newest(t, 3), job, t.bob)


async def test_nobody_else_can_forbid_or_allow(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        for other in (t.bob, t.moderator):
            details = await other.context_menu(t.channel, "Clip details", message)
            assert details.response is not None
            assert "Forbid" not in str(details.response.components)
        details = await t.alice.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        assert "Forbid" in str(details.response.components)


async def test_a_clip_of_a_hidden_channel_does_not_exist_for_others(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job, _ = await make_clip(t, channel=t.secret_channel())
        await unknown(t, t.bob, job.id)
        await unknown(t, t.moderator, job.id)
        offered = await t.alice.autocomplete(t.channel, "sora remix", "clip", job.id)
        assert [each["value"] for each in offered] == [job.id]
        await t.alice.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
        assert is_remix(await wait_for_newest(t, 2), job, t.alice)
        # The remix is visible to all, but its details hide where its parent was posted.
        child = (await t.jobs())[1]
        shown = await t.bob.context_menu(t.channel, "Clip details", message_of(t, child))
        assert shown.response is not None
        assert "a clip elsewhere" in words(shown.response.embeds[0])


async def test_a_clip_of_a_private_thread_does_not_exist_outside(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        thread = await place.create_thread(name="us", type=discord.ChannelType.private_thread)
        t.env.backend.add_thread_member(thread.id, t.alice.id)
        job, _ = await make_clip(t, channel=t.channel.threads[-1])
        await unknown(t, t.bob, job.id)


async def test_access_is_asked_for_at_each_click(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        crew = t.guild.create_role("Crew")
        t.env.backend.add_member_role(t.guild.id, t.bob.id, crew.id)
        me = t.guild.me
        assert me is not None
        shown, hidden = (discord.PermissionOverwrite(view_channel=yes) for yes in (True, False))
        place = t.guild.create_text_channel(
            "set",
            overwrites={t.guild.default_role: hidden, crew: shown, t.alice: shown, me: shown},
        )
        job, message = await make_clip(t, channel=place)
        opened = await t.bob.click(message, label="Remix")
        assert opened.modal is not None
        await t.bob.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
        assert is_remix(await wait_for_newest(t, 2), job, t.bob)
        t.env.backend.remove_member_role(t.guild.id, t.bob.id, crew.id)
        await t.env.settle()
        await unknown(t, t.bob, job.id)
        t.env.backend.add_member_role(t.guild.id, t.bob.id, crew.id)
        await t.env.settle()
        # Within ten seconds the same order would count as a double press.
        t.clock.forward(11)
        await t.bob.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
        assert is_remix(await wait_for_newest(t, 3), job, t.bob)


@pytest.mark.parametrize("lost", ["view_channel", "read_message_history"])
async def test_an_overwrite_takes_a_clip_away_at_once(tmp_path: Path, lost: str) -> None:
    async with bot_harness(tmp_path) as t:
        stage = t.guild.create_text_channel("stage")
        job, _ = await make_clip(t, channel=stage)
        offered = await t.bob.autocomplete(t.channel, "sora remix", "clip", job.id)
        assert len(offered) == 1
        deny(t, stage, t.bob.id, **{lost: True})
        await t.env.settle()
        await unknown(t, t.bob, job.id)
        t.env.backend.delete_overwrite(stage.id, t.bob.id)
        await t.env.settle()
        await t.bob.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
        assert is_remix(await wait_for_newest(t, 2), job, t.bob)


async def test_without_the_history_a_form_that_was_open_is_refused(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        job, message = await make_clip(t)
        opened = await t.bob.click(message, label="Remix")
        deny(t, t.channel, t.bob.id, read_message_history=True)
        await t.env.settle()
        refused = only_answer(await t.bob.submit_modal(opened, {"words": CHANGE}))
        assert refused.startswith(f"I don't know a clip `{job.id}` here")
        assert await clips_used(t, t.bob) == 0


@pytest.mark.parametrize("lost", ["view_channel", "read_message_history"])
async def test_even_its_owner_makes_nothing_of_a_clip_in_a_channel_they_lost(
    tmp_path: Path, lost: str
) -> None:
    async with bot_harness(tmp_path) as t:
        stage = t.guild.create_text_channel("stage")
        job, _ = await make_clip(t, channel=stage)
        deny(t, stage, t.alice.id, **{lost: True})
        await t.env.settle()
        for command in ("sora remix", "sora extend"):
            asked = await t.alice.slash(t.channel, command, clip=job.id, prompt=CHANGE)
            assert only_answer(asked).startswith(f"I don't know a clip `{job.id}` here")
        await nothing_happened(t, 1)


async def test_ids_of_another_server_and_of_direct_messages_do_not_exist_here(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        reels, alice_there = await t.add_to_another_guild(t.alice)
        there, _ = await make_clip(t, alice_there, reels)
        private, _ = await make_clip(t, channel=t.alice.user.dm_channel)
        here, _ = await make_clip(t)
        for foreign in (there, private):
            await unknown(t, t.alice, foreign.id)
            await unknown(t, t.moderator, foreign.id)
        for foreign in (there, here):
            asked = await t.alice.user.slash("sora remix", clip=foreign.id, prompt=CHANGE)
            assert "don't know a clip" in asked.response.content
        offered = await t.alice.user.autocomplete("sora remix", "clip", "")
        assert [each["value"] for each in offered] == [private.id]
        asked = await alice_there.slash(reels, "sora remix", clip=here.id, prompt=CHANGE)
        assert "don't know a clip" in only_answer(asked)
        offered = await alice_there.autocomplete(reels, "sora remix", "clip", "")
        assert [each["value"] for each in offered] == [there.id]


async def test_a_clip_of_ones_direct_messages_is_for_oneself(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        private, message = await make_clip(t, channel=t.alice.user.dm_channel)
        asked = await t.bob.user.slash("sora remix", clip=private.id, prompt=CHANGE)
        assert "don't know a clip" in asked.response.content
        assert await t.bob.user.autocomplete("sora remix", "clip", "") == []
        pressed = await t.alice.user.click(message, label="Remix")
        await t.alice.user.submit_modal(pressed, {"words": CHANGE})
        assert is_remix(await wait_for_newest(t, 2), private, t.alice)


async def no_file(t: BotHarness, job: Job) -> bool:
    return await t.app.store.clip(job.id) is None


async def deleted(t: BotHarness, message: discord.Message) -> None:
    """Have alice delete her clip, and wait until its message is gone."""
    asked = await t.alice.click(message, label="Delete")
    (really,) = [asked.response]
    assert really is not None
    label = next(each["label"] for row in really.components for each in row["components"])
    await t.alice.click(really, label=label)
    await t.until(lambda: message.id not in [m.id for m in t.channel.history()])
    await t.until(lambda: t.api.requests["delete"])


@pytest.mark.parametrize("lingers", [False, True])
async def test_a_deleted_clip_does_not_exist_for_anybody(tmp_path: Path, *, lingers: bool) -> None:
    async with bot_harness(tmp_path) as t:
        if lingers:
            # The provider refuses to delete its copy at first, so the deletion is not complete
            # yet.
            t.api.fault("delete", VideosFault.html(502), times=99)
        job, message = await make_clip(t)
        details = await t.bob.context_menu(t.channel, "Clip details", message)
        kept = await t.alice.context_menu(t.channel, "Clip details", message)
        assert details.response is not None
        assert kept.response is not None
        forms = [await t.bob.click(details.response, label=each) for each in ("Remix", "Extend")]
        await deleted(t, message)
        if lingers:
            assert await t.app.store.clip(job.id) is not None
        else:
            await t.until(lambda: no_file(t, job))
        gone = f"I don't know a clip `{job.id}` here"
        for form in forms:
            assert only_answer(await t.bob.submit_modal(form, {"words": CHANGE})).startswith(gone)
        for label in ("Remix", "Again", "Extend"):
            assert only_answer(await t.bob.click(details.response, label=label)).startswith(gone)
        for label in ("Remix", "Again", "Extend", "Forbid remixes", "Delete"):
            assert only_answer(await t.alice.click(kept.response, label=label)).startswith(gone)
        for who in (t.alice, t.bob, t.moderator):
            await unknown(t, who, job.id)
        await nothing_happened(t, 1)


async def test_a_reply_that_reaches_the_bot_after_the_deletion_is_left_alone(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        hint = await wait_for_reply(t, await t.reply(t.bob, message, CHANGE, ping=False))
        reply = await t.reply(t.bob, message, "<@1>")
        await deleted(t, message)
        payload = next(
            payload
            for _, event, payload in reversed(t.env.backend.transcript)
            if event == "MESSAGE_CREATE" and payload["id"] == str(reply.id)
        )
        late = {**payload, "content": CHANGE, "referenced_message": None}
        t.env.backend.emit("MESSAGE_CREATE", late)
        await t.env.settle()
        assert "don't know a clip" in only_answer(await t.bob.click(hint, label="Remix"))
        await nothing_happened(t, 1)


async def test_a_clip_whose_message_was_deleted_by_hand_can_still_be_remixed_by_id(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        job, message = await make_clip(t)
        await t.delete_message(message)
        offered = await t.bob.autocomplete(t.channel, "sora remix", "clip", "calico")
        assert [each["value"] for each in offered] == [job.id]
        await t.bob.slash(t.channel, "sora remix", clip=job.id, prompt=CHANGE)
        child = await wait_for_newest(t, 2)
        assert is_remix(child, job, t.bob)
        assert child.source_remote_id == job.remote_id
