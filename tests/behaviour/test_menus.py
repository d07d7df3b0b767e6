"""The context menu commands on a message: "Remix this clip" and "Clip details"."""

from pathlib import Path

import discord
import pytest

from bot.model import State
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.remixes import (
    PROMPT,
    buttons,
    is_remix,
    make_clip,
    only_answer,
    wait_for_newest,
)
from tests.behaviour.test_pictures import is_fitted, picture

CHANGE = "at night, with rain"
NO_CLIP = "That message holds no clip of mine."


async def delete_asked(t: BotHarness, message: discord.Message) -> discord.Message:
    """Have alice press Delete; return the message that asks her to confirm."""
    asked = await t.alice.click(message, label="Delete")
    assert asked.response is not None
    return asked.response.message


async def test_the_menu_on_a_clip_opens_its_form(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t, seconds=8)
        pressed = await t.bob.context_menu(t.channel, "Remix this clip", message)
        assert pressed.modal is not None
        assert PROMPT in str(pressed.modal)
        await t.restart()
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        job = await wait_for_newest(t, 2)
        assert is_remix(job, parent, t.bob)
        assert job.spec.seconds == 8


@pytest.mark.parametrize("menu", ["Remix this clip", "Clip details"])
async def test_the_menus_on_anything_else_say_so(tmp_path: Path, menu: str) -> None:
    async with bot_harness(tmp_path) as t:
        await make_clip(t)
        robot = t.guild.add_member(t.env.create_user("robot", bot=True))
        others = [
            t.card(),
            await t.bob.send(t.channel, "look at that"),
            await robot.send(t.channel, "I make clips, too"),
        ]
        for other in others:
            assert only_answer(await t.bob.context_menu(t.channel, menu, other)) == NO_CLIP


async def test_the_menus_on_several_variants_ask_which(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=3)
        await wait_for_newest(t, 3)
        jobs = await t.jobs()
        (message,) = t.clips()
        asked = await t.bob.context_menu(t.channel, "Remix this clip", message)
        assert only_answer(asked) == "Which of the clips do you mean?"
        assert asked.response is not None
        labels = buttons(asked.response.message)
        assert sorted(labels) == sorted(f"Remix {job.id}" for job in jobs)
        pressed = await t.bob.click(asked.response, label=f"Remix {jobs[1].id}")
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        assert is_remix(await wait_for_newest(t, 4), jobs[1], t.bob)
        asked = await t.bob.context_menu(t.channel, "Clip details", message)
        assert asked.response is not None
        shown = await t.bob.click(asked.response, label=f"Details {jobs[1].id}")
        assert shown.response is not None
        assert shown.response.ephemeral
        assert CHANGE in words(shown.response.embeds[0])


async def test_a_variant_that_was_deleted_is_not_asked_about(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        await wait_for_newest(t, 2)
        first, second = await t.jobs()
        (message,) = t.clips()
        shown = await t.alice.click(message, label=f"Details {first.id}")
        assert shown.response is not None
        really = await t.alice.click(shown.response, label="Delete")
        assert really.response is not None
        (label,) = buttons(really.response.message)
        await t.alice.click(really.response, label=label)
        await t.until(lambda: len(t.clips()[0].attachments) == 1)
        pressed = await t.bob.context_menu(t.channel, "Remix this clip", t.clips()[0])
        assert pressed.modal is not None
        assert second.id in str(pressed.modal)
        assert first.id not in str(pressed.modal)


async def test_details_tell_what_a_clip_is_and_only_what_the_reader_may_see(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        secret = t.secret_channel()
        parent, message = await make_clip(t, seconds=8, size="720x1280")
        await t.reply(t.bob, message, CHANGE)
        child = await wait_for_newest(t, 2)
        await t.alice.slash(secret, "sora remix", clip=parent.id, prompt="behind the curtain")
        hidden = await wait_for_newest(t, 3)
        shown = await t.bob.context_menu(t.channel, "Clip details", message)
        assert shown.response is not None
        assert shown.response.ephemeral
        told = words(shown.response.embeds[0])
        for fact in (PROMPT, "Sora 2 · openai", "8 s · 720x1280", "$0.80", t.alice.mention, CHANGE):
            assert fact in told
        assert child.id in told
        assert "1 more" in told
        assert hidden.id not in told
        assert "curtain" not in told
        seen = await t.alice.context_menu(t.channel, "Clip details", message)
        assert seen.response is not None
        assert hidden.id in words(seen.response.embeds[0])


async def test_the_details_buttons_are_those_that_the_reader_can_use(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        expected = {
            t.alice: ["Watch", "Remix", "Again", "Extend", "Forbid remixes", "Delete"],
            t.bob: ["Watch", "Remix", "Again", "Extend"],
            t.moderator: ["Watch", "Remix", "Again", "Extend", "Delete"],
        }
        for who, labels in expected.items():
            shown = await who.context_menu(t.channel, "Clip details", message)
            assert shown.response is not None
            assert buttons(shown.response.message) == labels


async def test_again_is_the_same_order_with_another_seed_paid_by_who_presses(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        before, message = await make_clip(t, seconds=8, size="720x1280")
        pressed = await t.bob.click(message, label="Again")
        assert pressed.response is not None
        assert not pressed.response.ephemeral
        again = await wait_for_newest(t, 2)
        assert again.spec == before.spec
        assert again.seed != before.seed
        assert (again.user_id, again.parent_id) == (t.bob.id, None)
        assert t.api.creates[PROMPT] == 2
        await t.alice.click(message, label="Again")
        assert (await wait_for_newest(t, 3)).seed not in (before.seed, again.seed)


async def test_again_starts_from_the_same_picture(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        before, message = await make_clip(t, image=("hat.png", picture()))
        really = await delete_asked(t, message)
        await t.bob.click(message, label="Again")
        again = await wait_for_newest(t, 2)
        assert again.spec == before.spec
        # Deleting a job keeps its reference image while another job uses the same image.
        await t.alice.click(really, label=buttons(really)[0])
        await t.until(lambda: len(t.clips()) == 1)
        await t.bob.click(t.clips()[0], label="Again")
        await t.until(lambda: len(t.api.images) == 3)
        assert all(is_fitted(each) for each in t.api.images)


async def test_again_of_a_remix_starts_from_the_same_parent(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        await t.reply(t.bob, message, CHANGE)
        first = await wait_for_newest(t, 2)
        await t.alice.click(t.clips()[1], label="Again")
        again = await wait_for_newest(t, 3)
        assert is_remix(again, parent, t.alice)
        assert again.spec == first.spec
        assert again.source_remote_id == parent.remote_id
        assert again.seed != first.seed
        assert t.api.creates[CHANGE] == 2


async def test_again_of_a_remix_whose_parent_is_deleted_is_made_from_its_words(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        await t.alice.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE)
        first = await wait_for_newest(t, 2)
        really = await delete_asked(t, message)
        await t.alice.click(really, label=buttons(really)[0])
        await t.until(lambda: len(t.clips()) == 1)
        await t.bob.click(t.clips()[-1], label="Again")
        again = await wait_for_newest(t, 3)
        assert (again.parent_id, again.user_id) == (parent.id, t.bob.id)
        assert again.spec.prompt == first.spec.prompt == f"{PROMPT}. Change: {CHANGE}"
        assert t.api.forms[-1]["prompt"] == again.spec.prompt
        assert t.api.images == []
        assert PROMPT not in t.clips()[-1].content
        # No frame of the parent was left, so the remix is made from the prompt, and its message
        # says so.
        assert (
            t.clips()[-1].content.splitlines()[1] == f"-# Remix of `{parent.id}`, from its words."
        )


@pytest.mark.parametrize("why", ["forbidden", "hidden"])
async def test_again_of_a_remix_whose_parent_is_not_the_pressers_to_use_is_refused(
    tmp_path: Path, why: str
) -> None:
    async with bot_harness(tmp_path) as t:
        place = t.secret_channel() if why == "hidden" else t.channel
        parent, message = await make_clip(t, channel=place)
        await t.alice.slash(t.channel, "sora remix", clip=parent.id, prompt=CHANGE)
        await wait_for_newest(t, 2)
        details = await t.alice.context_menu(place, "Clip details", message)
        assert details.response is not None
        if why == "forbidden":
            await t.alice.click(details.response, label="Forbid remixes")
        refused = await t.bob.click(t.clips()[-1], label="Again")
        assert refused.response is not None
        assert refused.ephemeral
        assert "can't be repeated" in refused.response.content
        assert len(await t.jobs()) == 2


async def test_again_where_the_model_is_not_offered_any_more_takes_the_next(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        await t.restart(OPENAI_MODELS="sora-2-pro")
        await t.bob.click(message, label="Again")
        again = await wait_for_newest(t, 2)
        assert (again.state, again.spec.model) == (State.DONE, "sora-2-pro")
        assert again.spec.prompt == PROMPT
