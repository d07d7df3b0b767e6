"""Members who press twice, and members whose orders providers keep refusing."""

from __future__ import annotations

from pathlib import Path

from bot.model import State
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.behaviour.remixes import make_clip, wait_for_newest
from tests.behaviour.settings_panel import choose, open_settings
from tests.behaviour.test_mod_quota import asks, mod
from tests.wire.videos_faults import VideosFault

CHANGE = "by night, in the rain"
REFUSED = VideosFault.error(
    400, "Your request was blocked by our moderation system.", "moderation_blocked"
)


async def test_a_double_press_of_again_is_one_order(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        await t.bob.click(message, label="Again")
        second = await t.bob.click(message, label="Again")
        assert "You have just ordered that" in private_answer(second)
        await wait_for_newest(t, 2)
        assert t.api.requests["create"] == 2
        t.clock.forward(11)
        await t.bob.click(message, label="Again")
        await wait_for_newest(t, 3)


async def test_another_member_who_presses_at_once_orders_too(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        await t.bob.click(message, label="Again")
        await t.alice.click(message, label="Again")
        await wait_for_newest(t, 3)


async def test_a_form_that_is_sent_twice_is_one_order(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        _, message = await make_clip(t)
        pressed = await t.bob.click(message, label="Remix")
        await t.bob.submit_modal(pressed, {"words": CHANGE})
        pressed = await t.bob.click(message, label="Remix")
        second = await t.bob.submit_modal(pressed, {"words": CHANGE})
        assert "You have just ordered that" in private_answer(second)
        pressed = await t.bob.click(message, label="Remix")
        await t.bob.submit_modal(pressed, {"words": "other words"})
        await wait_for_newest(t, 3)


async def test_an_order_that_was_refused_can_be_given_again_at_once(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, QUOTA_CLIPS_PER_DAY="1") as t:
        _, message = await make_clip(t)
        refused = private_answer(await t.alice.click(message, label="Again"))
        assert "The bot's limit" in refused
        await mod(t, "quota set", clips=5)
        await t.alice.click(message, label="Again")
        await wait_for_newest(t, 2)


async def be_refused(t: BotHarness, times: int) -> None:
    """Have alice order clips that the video API refuses for their words."""
    t.api.fault("create", REFUSED, times=times)
    for _ in range(times):
        assert await asks(t, t.alice) is None

        async def has_failed() -> bool:
            return all(job.state is State.FAILED for job in await t.jobs())

        await t.until(has_failed)


async def test_a_member_whose_orders_are_refused_for_their_words_gets_slower(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        await be_refused(t, 3)
        told = await asks(t, t.alice) or ""
        assert "have refused 3 of your clips here within an hour" in told
        assert "Nothing was charged" in told
        assert t.api.requests["create"] == 3
        t.clock.forward(61)
        await be_refused(t, 1)
        t.clock.forward(61)
        assert "refused 4 of your clips" in (await asks(t, t.alice) or "")
        # A restart forgets nothing, and other members don't wait.
        await t.restart()
        assert "refused 4 of your clips" in (await asks(t, t.alice) or "")
        assert await asks(t, t.bob) is None
        t.clock.forward(3601)
        assert await asks(t, t.alice) is None


async def test_moderators_read_in_their_log_channel_whose_orders_are_refused(
    tmp_path: Path,
) -> None:
    async with bot_harness(tmp_path) as t:
        log = t.guild.create_text_channel("log")
        await choose(t, await open_settings(t), "log", log)
        await be_refused(t, 3)
        await asks(t, t.alice)
        await asks(t, t.alice)
        shown = await t.until(log.history)
        assert len([each for each in shown if f"<@{t.alice.id}>" in each.content]) == 1
