"""A remix in a public channel shows nothing of the prompt of a parent from a hidden channel."""

from __future__ import annotations

from pathlib import Path

import pytest
import simcord

from bot.chat.text import STATE_TITLES
from bot.guild import PostTarget
from bot.model import Job, State
from tests.behaviour.clips import generate_clip, message_of, private_answer, wait_until_finished
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.settings_panel import choose, open_settings
from tests.behaviour.test_delete import confirmed, in_database, wait_for_outbox

#: The prompt of alice's clip in a channel that bob cannot see, and one word of that prompt.
SECRET, WORD = "a zeppelin over the hidden valley", "zeppelin"
CHANGE = "by night"


async def remixed(t: BotHarness, parent: Job, change: str = CHANGE) -> Job:
    """Have alice remix a clip in the channel that all members can see."""
    before = len(await t.jobs())
    asked = await t.alice.slash(t.channel, "sora remix", clip=parent.id, prompt=change)
    assert not asked.ephemeral, private_answer(asked)
    return (await wait_until_finished(t, before + 1))[-1]


async def of_a_secret(t: BotHarness) -> Job:
    """Have alice make a clip in a channel that bob can't see, and remix it where bob can see it."""
    return await remixed(t, await generate_clip(t, t.alice, SECRET, t.secret_channel()))


async def details(t: BotHarness, job: Job, who: simcord.MemberActor) -> str:
    message = message_of(t, job)
    assert message is not None
    return private_answer(await who.context_menu(t.channel, "Clip details", message))


async def form(t: BotHarness, job: Job, who: simcord.MemberActor, label: str) -> str:
    """Press Remix or Extend below a clip and return the form that opens."""
    message = message_of(t, job)
    assert message is not None
    pressed = await who.click(message, label=label)
    assert pressed.modal is not None
    return str(pressed.modal)


async def test_the_message_its_alternative_text_and_the_card_tell_the_change_alone(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        child = await of_a_secret(t)
        (message,) = t.clips()
        assert CHANGE in message.content
        assert WORD not in message.content
        assert message.attachments[0].description == CHANGE
        await t.until(lambda: STATE_TITLES[State.DONE] in t.card_text())
        assert child.id in t.card_text()
        assert WORD not in t.card_text()


async def test_the_mirror_in_the_gallery_tells_the_change_alone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        gallery = t.guild.create_text_channel("gallery")
        await t.choose_gallery(gallery)
        await of_a_secret(t)
        await wait_for_outbox(t)
        (mirror,) = t.clips(gallery)
        assert CHANGE in mirror.content
        assert WORD not in mirror.content
        assert mirror.attachments[0].description == CHANGE


@pytest.mark.parametrize("label", ["Remix", "Extend"])
async def test_a_form_tells_the_parents_words_to_those_who_may_see_it_only(
    tmp_path: Path, label: str
) -> None:
    async with bot_harness(tmp_path) as t:
        child = await of_a_secret(t)
        assert WORD in await form(t, child, t.alice, label)
        shown = await form(t, child, t.bob, label)
        assert CHANGE in shown
        assert WORD not in shown


async def test_details_hide_the_words_of_a_grandparent_too(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        grandchild = await remixed(t, await of_a_secret(t), "with rain")
        assert WORD in await details(t, grandchild, t.alice)
        told = await details(t, grandchild, t.bob)
        assert "with rain" in told
        assert WORD not in told


async def test_the_form_for_a_grandchild_hides_them_too(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        grandchild = await remixed(t, await of_a_secret(t), "with rain")
        assert WORD not in await form(t, grandchild, t.bob, "Remix")


async def test_no_search_finds_a_remix_by_its_hidden_parents_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        child = await of_a_secret(t)
        for typed, finds in ((WORD, False), ("night", True)):
            offered = await t.bob.autocomplete(t.channel, "sora remix", "clip", typed)
            assert [each["value"] for each in offered] == [child.id] * finds
            for command in ("gallery", "history"):
                options = {"search": typed} | ({"user": t.alice} if command == "history" else {})
                told = private_answer(await t.bob.slash(t.channel, f"sora {command}", **options))
                assert (child.id in told) is finds


async def test_the_gallery_describes_a_remix_by_its_change(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await of_a_secret(t)
        shown = await t.bob.slash(t.channel, "sora gallery")
        assert WORD not in private_answer(shown)
        answers = [each for each in (shown.response, *shown.followups) if each is not None]
        described = [sheet.description for each in answers for sheet in each.attachments]
        assert described == [f"1: {CHANGE}"]


async def test_no_thread_is_named_by_words_that_were_asked_for(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        panel = await open_settings(t)
        await choose(t, panel, "post", PostTarget.THREAD.value)
        child = await of_a_secret(t)
        named = [each.name for each in t.channel.threads]
        assert named == [f"Clip {child.id}"]


@pytest.mark.parametrize("parent_is", ["hidden", "deleted"])
async def test_what_another_member_makes_again_tells_none_of_the_parents_words(
    tmp_path: Path, parent_is: str
) -> None:
    async with bot_harness(tmp_path) as t:
        if parent_is == "hidden":
            child = await of_a_secret(t)
        else:
            parent = await generate_clip(t, t.alice, SECRET)
            child = await remixed(t, parent)
            await confirmed(t, t.alice, parent)
            await wait_for_outbox(t)
        before = {each.id for each in t.channel.history()}
        message = message_of(t, child)
        assert message is not None
        await t.bob.click(message, label="Again")
        # The bot may accept or refuse the press; the test waits until every resulting job is done.
        for job in await wait_until_finished(t, len(await t.jobs())):
            told = await details(t, job, t.bob) if message_of(t, job) else ""
            assert WORD not in told
        for each in t.channel.history():
            if each.id not in before:
                assert WORD not in "\n".join([each.content, *map(words, each.embeds)])
                assert WORD not in str([sheet.description for sheet in each.attachments])


async def test_words_of_a_deleted_clip_are_kept_for_its_remixes_and_shown_to_nobody(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent = await generate_clip(t, t.alice, SECRET)
        child = await remixed(t, parent)
        assert WORD in await details(t, child, t.bob)
        await confirmed(t, t.alice, parent)
        await wait_for_outbox(t)
        assert await in_database(t, WORD) == ["jobs"]
        for who in (t.alice, t.bob):
            assert WORD not in await details(t, child, who)
            assert WORD not in await form(t, child, who, "Remix")
            found = private_answer(await who.slash(t.channel, "sora gallery", search=WORD))
            assert child.id not in found
