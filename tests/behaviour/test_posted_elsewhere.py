"""A clip that was posted in another channel than it was requested in can also be remixed."""

from __future__ import annotations

from pathlib import Path

from bot.model import State
from tests.behaviour.harness import bot_harness
from tests.behaviour.remixes import is_remix, only_answer, wait_for_newest
from tests.behaviour.test_delivery_fallback import asked, direct, refuse, rests_in, slowly


async def test_a_clip_that_went_to_the_member_alone_is_remixed_there_and_only_by_them(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        await asked(t, t.channel)
        refuse(t, t.channel)
        parent = await rests_in(t, State.DONE)
        (message,) = t.clips(direct(t))
        for command in ("sora remix", "sora extend"):
            refused = await t.alice.slash(t.channel, command, clip=parent.id, prompt="by night")
            assert f"`{parent.id}` could not be posted here: it is in your direct" in only_answer(
                refused
            )
            foreign = await t.bob.slash(t.channel, command, clip=parent.id, prompt="by night")
            assert "don't know a clip" in only_answer(foreign)
        reels, alice_there = await t.add_to_another_guild(t.alice)
        abroad = await alice_there.slash(reels, "sora remix", clip=parent.id, prompt="by night")
        assert "don't know a clip" in only_answer(abroad)
        await t.reply(t.alice, message, "by night", ping=False)
        remix = await wait_for_newest(t, 2)
        assert is_remix(remix, parent, t.alice)
        assert remix.place.channel_id == direct(t).id


async def test_a_clip_that_went_from_its_thread_to_the_channel_is_remixed_there_by_its_readers(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path, api=slowly()) as t:
        thread = await t.thread()
        await asked(t, thread)
        refuse(t, thread)
        parent = await rests_in(t, State.DONE)
        (message,) = t.clips(t.channel)
        await t.reply(t.bob, message, "by night")
        remix = await wait_for_newest(t, 2)
        assert is_remix(remix, parent, t.bob)
        assert remix.place.channel_id == t.channel.id
