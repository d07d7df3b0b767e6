"""What status cards say after the bot was not running for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.harness import BotHarness, bot_harness, words
from tests.wire.videos_api import VideosApi

RESUMED = "Resumed after a restart"
PROMPTS = [f"a cat {number}" for number in range(8)]


def cards(t: BotHarness) -> list[str]:
    shown = [words(each.embeds[0]) for each in t.channel.history() if each.embeds]
    return [each for each in shown if "a cat" in each]


async def some_render_and_some_wait(t: BotHarness) -> None:
    for prompt in PROMPTS:
        await t.alice.slash(t.channel, "sora generate", prompt=prompt)

    async def at_most() -> bool:
        return sum(each.state is State.RENDERING for each in await t.jobs()) == 3

    await t.until(at_most)


async def is_polled(t: BotHarness) -> None:
    """Wait until the bot has polled each render again."""
    seen = t.api.requests["retrieve"] + t.api.requests["list"]
    await t.until(lambda: t.api.requests["retrieve"] + t.api.requests["list"] >= seen + 6)


@pytest.mark.parametrize(
    ("before_s", "away_s", "is_told"),
    [(0, 90, True), (300, 20, False)],
    ids=["long", "shortly after minutes in line"],
)
async def test_each_card_that_was_left_for_more_than_a_minute_says_so_and_no_other(
    tmp_path: Path, before_s: float, away_s: float, *, is_told: bool
) -> None:
    api = VideosApi(ready_after_s=3, poll_after_ms=20)
    async with bot_harness(tmp_path, api=api, OPENAI_MAX_CONCURRENT="3") as t:
        await some_render_and_some_wait(t)
        t.clock.forward(before_s)
        await is_polled(t)
        await t.app.close()
        t.clock.forward(away_s)
        await t.restart(OPENAI_MAX_CONCURRENT="20")
        await t.bob.slash(t.channel, "sora generate", prompt="a cat of bob's")
        count = len(PROMPTS) + 1
        await t.until(lambda: sum("Watch the clip" in each for each in cards(t)) == count)
        told = [RESUMED in each for each in cards(t)]
        assert told == [is_told] * len(PROMPTS) + [False]
