"""Replies to clips: which replies start a remix, and how the bot answers the others."""

from pathlib import Path

import discord
import pytest
import simcord

from bot.model import Job
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.behaviour.remixes import (
    PROMPT,
    buttons,
    clips_used,
    deny,
    is_remix,
    make_clip,
    only_answer,
    pinged_ids,
    replies_to,
    wait_for_newest,
    wait_for_reply,
)
from tests.behaviour.test_pictures import is_fitted, picture

CHANGE = "at night, with rain"


async def remixed(
    t: BotHarness, reply: discord.Message, parent: Job, owner: simcord.MemberActor
) -> Job:
    """Wait until the remix that `reply` requested is done, and return its job.

    Asserts that it belongs to `owner` and was posted in its parent's channel.
    """
    job = await wait_for_newest(t, 2)
    assert is_remix(job, parent, owner)
    assert (job.spec.change, job.request_id) == (CHANGE, reply.id)
    assert job.place.channel_id == parent.place.channel_id
    card = await wait_for_reply(t, reply)
    await t.until(lambda: "Done" in words((replies_to(t, reply)[0]).embeds[0]))
    assert CHANGE in words(card.embeds[0])
    return job


async def test_a_reply_in_the_channel_is_a_remix_that_its_author_pays(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t, seconds=8, size="720x1280")
        job = await remixed(t, await t.reply(t.bob, message, CHANGE), parent, t.bob)
        assert job.source_remote_id == parent.remote_id
        assert (job.spec.seconds, str(job.spec.size)) == (8, "720x1280")
        assert t.api.creates[CHANGE] == 1
        assert (await clips_used(t, t.alice), await clips_used(t, t.bob)) == (1, 1)
        assert pinged_ids(t.clips()[1]) == [t.bob.id]


@pytest.mark.parametrize("kind", ["public", "private"])
async def test_a_reply_in_a_thread_stays_there(tmp_path: Path, kind: str) -> None:
    async with bot_harness(tmp_path) as t:
        place = t.app.client.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        thread = await place.create_thread(name="cats", type=discord.ChannelType[f"{kind}_thread"])
        for member in (t.alice, t.bob):
            t.env.backend.add_thread_member(thread.id, member.id)
        parent, message = await make_clip(t, channel=t.channel.threads[-1])
        await remixed(t, await t.reply(t.bob, message, CHANGE), parent, t.bob)


async def test_a_reply_in_a_direct_message_works_with_and_without_a_ping(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t, channel=t.alice.user.dm_channel)
        await remixed(t, await t.reply(t.alice, message, CHANGE, ping=False), parent, t.alice)
        await t.reply(t.alice, message, "as a drawing")
        assert is_remix(await wait_for_newest(t, 3), parent, t.alice)


async def test_a_reply_without_a_ping_is_told_why_and_given_the_form(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        reply = await t.reply(t.bob, message, CHANGE, ping=False)
        hint = await wait_for_reply(t, reply)
        assert "ping" in hint.content
        assert pinged_ids(hint) == [t.bob.id]
        pressed = await t.bob.click(hint, label="Remix")
        assert pressed.modal is not None
        assert PROMPT in str(pressed.modal)
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        assert len(replies_to(t, reply)) == 1


@pytest.mark.parametrize("empty", ["", "  ", "<@{me}>", "<@!{me}> <@{alice}>  "])
async def test_a_reply_that_says_nothing_is_asked_for_words(tmp_path: Path, empty: str) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        text = empty.format(me=t.env.backend.bot_user.id, alice=t.alice.id)
        picture = [] if text.strip() else [("hat.txt", b"a hat")]
        hint = await wait_for_reply(t, await t.reply(t.bob, message, text, attachments=picture))
        assert "in words" in hint.content
        assert "Discord shows me" not in hint.content
        assert buttons(hint) == ["Remix"]
        assert len(await t.jobs()) == 1


async def test_mentions_in_front_of_the_words_are_no_words(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        role = t.guild.roles["Keepers"]
        text = f"<@{t.env.backend.bot_user.id}> <@!{t.alice.id}> <@&{role.id}> {CHANGE}"
        await remixed(t, await t.reply(t.bob, message, text), parent, t.bob)


async def test_replies_to_anything_but_a_clip_are_left_alone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        mirror = t.guild.create_text_channel("gallery")
        await t.choose_gallery(mirror)
        parent, message = await make_clip(t)
        await t.until(lambda: t.clips(mirror))
        robot = t.guild.add_member(t.env.create_user("robot", bot=True))
        robots = await robot.send(t.channel, "I make clips, too")
        bobs = await t.bob.send(t.channel, "look at that")
        me = f"<@{t.env.backend.bot_user.id}>"
        answered = await t.reply(t.bob, message, "\u200b")
        strays = [
            await t.reply(t.alice, t.card(), CHANGE),
            await t.reply(t.alice, bobs, f"{me} {CHANGE}"),
            await t.reply(t.alice, robots, f"{me} {CHANGE}"),
            await t.reply(t.alice, t.clips(mirror)[0], CHANGE),
            await t.reply(t.alice, await wait_for_reply(t, answered), CHANGE),
            await t.reply(robot, message, CHANGE),
            await t.alice.send(t.channel, f"{me} {CHANGE}"),
            await t.alice.forward(message, t.channel),
        ]
        await remixed(t, await t.reply(t.bob, message, CHANGE), parent, t.bob)
        assert [replies_to(t, stray) for stray in strays] == [[]] * len(strays)


async def test_a_reply_about_several_clips_is_asked_which_and_only_its_author_chooses(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        await wait_for_newest(t, 2)
        first, second = await t.jobs()
        reply = await t.reply(t.bob, t.clips()[0], CHANGE)
        hint = await wait_for_reply(t, reply)
        assert sorted(buttons(hint)) == sorted([first.id, second.id])
        refused = await t.alice.click(hint, label=second.id)
        assert "wrote the reply" in only_answer(refused)
        await t.restart()
        await t.bob.click(hint, label=second.id)
        job = await wait_for_newest(t, 3)
        assert is_remix(job, second, t.bob)
        assert job.spec.change == CHANGE
        (card,) = replies_to(t, reply)
        assert CHANGE in words(card.embeds[0])


async def test_a_reply_about_several_clips_works_in_a_direct_message_too(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        place = t.alice.user.dm_channel
        await t.alice.user.slash("sora generate", prompt=PROMPT, count=2)
        parent = await wait_for_newest(t, 2)
        reply = await t.reply(t.alice, t.clips(place)[0], CHANGE, ping=False)
        await t.alice.user.click(await wait_for_reply(t, reply), label=parent.id)
        assert is_remix(await wait_for_newest(t, 3), parent, t.alice)
        assert len(t.clips(place)) == 2


async def test_a_choice_that_is_refused_can_be_made_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        parent = await wait_for_newest(t, 2)
        hint = await wait_for_reply(t, await t.reply(t.bob, t.clips()[0], CHANGE))
        await t.restart(QUOTA_CLIPS_PER_DAY="0")
        assert "0 clips" in only_answer(await t.bob.click(hint, label=parent.id))
        await t.restart(QUOTA_CLIPS_PER_DAY="10")
        await t.bob.click(hint, label=parent.id)
        assert is_remix(await wait_for_newest(t, 3), parent, t.bob)


async def test_a_reply_that_is_gone_by_the_time_of_the_choice_says_so(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        parent = await wait_for_newest(t, 2)
        reply = await t.reply(t.bob, t.clips()[0], CHANGE)
        hint = await wait_for_reply(t, reply)
        await t.delete_message(reply)
        assert "can't read that reply" in only_answer(await t.bob.click(hint, label=parent.id))
        assert len(await t.jobs()) == 2


async def test_an_unreadable_reply_about_several_clips_has_a_button_for_each(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        await wait_for_newest(t, 2)
        hint = await wait_for_reply(t, await t.reply(t.bob, t.clips()[0], CHANGE, ping=False))
        assert sorted(buttons(hint)) == sorted(f"Remix {job.id}" for job in await t.jobs())


async def test_hostile_words_ping_nobody(tmp_path: Path) -> None:
    hostile = "@everyone @here <@&{role}> <@{mona}> https://evil.example [x](https://evil.example)"
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        role = t.guild.roles["Keepers"]
        text = "a " + hostile.format(role=role.id, mona=t.moderator.id)
        reply = await t.reply(t.bob, message, text)
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        await t.until(lambda: "Done" in words(replies_to(t, reply)[0].embeds[0]))
        ours = [m for m in t.channel.history() if m.author.bot]
        assert {user_id for each in ours for user_id in pinged_ids(each)} == {t.alice.id, t.bob.id}
        assert "https://evil" not in t.clips()[1].content


@pytest.mark.parametrize("blank", ["\u200b", "<@{me}> \u2060\u200b", "🙂\u200b"])
async def test_words_that_show_nothing_are_refused_politely(tmp_path: Path, blank: str) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        text = blank.format(me=t.env.backend.bot_user.id)
        reply = await t.reply(t.bob, message, text)
        if blank.startswith("🙂"):
            assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        else:
            assert "in words" in (await wait_for_reply(t, reply)).content
            assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


async def test_a_reply_over_quota_is_told_and_nothing_is_charged(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        _, message = await make_clip(t)
        await t.reply(t.bob, message, CHANGE)
        await wait_for_newest(t, 2)
        refusal = await wait_for_reply(t, await t.reply(t.bob, message, "and snow"))
        assert "1 clip in 24 hours" in refusal.content
        assert pinged_ids(refusal) == [t.bob.id]
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (2, 1)


async def test_a_reply_where_the_bot_may_not_post_names_what_is_missing(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        deny(t, t.channel, t.env.backend.bot_user.id, attach_files=True)
        refusal = await wait_for_reply(t, await t.reply(t.bob, message, CHANGE))
        assert "**Attach Files**" in refusal.content
        assert (len(await t.jobs()), await clips_used(t, t.bob)) == (1, 0)


async def test_a_reply_where_the_bot_may_not_even_write_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        deny(t, t.channel, t.env.backend.bot_user.id, send_messages=True)
        silent = await t.reply(t.bob, message, CHANGE)
        quiet = await t.reply(t.bob, message, CHANGE, ping=False)
        other = t.guild.create_text_channel("other")
        await make_clip(t, t.bob, other)
        assert replies_to(t, silent) == replies_to(t, quiet) == []
        assert t.api.creates[CHANGE] == 0
    assert "unexpected" not in caplog.text


async def test_a_card_that_cannot_answer_its_reply_stands_alone(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        # Discord answers with status 400 and error code 50035 when the message to reply to was
        # deleted.
        t.env.inject_error("POST", "/channels/*/messages", status=400, code=50035)
        reply = await t.reply(t.bob, message, CHANGE)
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        await t.until(lambda: "Done" in t.card_text())
        assert CHANGE in t.card_text()
        assert replies_to(t, reply) == []
        assert not any("nothing was charged" in m.content for m in t.channel.history())


async def test_an_order_without_any_card_is_no_refusal(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        t.env.inject_error("POST", "/channels/*/messages", status=400, code=50035, times=2)
        reply = await t.reply(t.bob, message, CHANGE)
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        assert replies_to(t, reply) == []
        assert len(t.clips()) == 2


async def test_a_question_that_cannot_be_removed_takes_no_choice_back(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        parent = await wait_for_newest(t, 2)
        hint = await wait_for_reply(t, await t.reply(t.bob, t.clips()[0], CHANGE))
        t.env.inject_error("DELETE", "/webhooks/*", status=404, code=10008)
        chosen = await t.bob.click(hint, label=parent.id)
        assert is_remix(await wait_for_newest(t, 3), parent, t.bob)
        assert chosen.followups == []


async def test_a_picture_is_kept_until_the_clip_is_chosen(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt=PROMPT, count=2)
        parent = await wait_for_newest(t, 2)
        attached = [("hat.png", picture())]
        reply = await t.reply(t.bob, t.clips()[0], CHANGE, attachments=attached)
        await t.bob.click(await wait_for_reply(t, reply), label=parent.id)
        assert is_remix(await wait_for_newest(t, 3), parent, t.bob)
        assert [is_fitted(each) for each in t.api.images] == [True]


async def test_a_reply_that_is_delivered_twice_is_one_remix_with_one_card(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        parent, message = await make_clip(t)
        reply = await t.reply(t.bob, message, CHANGE)
        (sent,) = [
            payload
            for _, event, payload in t.env.backend.transcript
            if event == "MESSAGE_CREATE" and payload["id"] == str(reply.id)
        ]
        t.env.backend.emit("MESSAGE_CREATE", sent)
        await t.until(lambda: len(replies_to(t, reply)) == 2)
        assert is_remix(await wait_for_newest(t, 2), parent, t.bob)
        assert (t.api.creates[CHANGE], await clips_used(t, t.bob)) == (1, 1)
        # The simulated Discord ignores nonces. The real one creates one message for equal nonces,
        # so the test compares the nonces.
        cards = [
            (each.json["nonce"], each.json["enforce_nonce"])
            for each in t.env.http_requests
            if each.method == "POST" and each.json and str(reply.id) in str(each.json)
        ]
        assert cards == [(f"card-{reply.id}", True)] * 2
