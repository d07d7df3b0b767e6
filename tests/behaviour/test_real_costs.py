"""A provider reports a cost for a finished clip that differs from the estimated price."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Answer, DoubleRender, RenderStage
from tests.wire.xai.wire import XaiWire

ESTIMATE_USD_MICROS = 350_000


class PricedWire(XaiWire):
    """xAI's double, which reports a given cost for each finished render."""

    def __init__(self, usd_micros: int) -> None:
        super().__init__()
        self._ticks = usd_micros * 10_000

    def shown(self, render: DoubleRender) -> Answer:
        answer = super().shown(render)
        if render.stage is not RenderStage.READY:
            return answer
        assert isinstance(answer.json, dict)
        return replace(answer, json={**answer.json, "usage": {"cost_in_usd_ticks": self._ticks}})


@asynccontextmanager
async def charging(
    folder: Path, usd_micros: int, **variables: str
) -> AsyncGenerator[tuple[BotHarness, ProviderDouble]]:
    """Run a bot whose only provider estimates $0.35 for a clip and then reports `usd_micros`."""
    async with ProviderDouble(PricedWire(usd_micros)) as double:
        models = {"XAI_MODELS": "grok-imagine-video usd_per_second=0.07"}
        environ = double.environ() | models | variables
        async with bot_harness(folder, environ, VIDEO_PROVIDERS="xai") as t:
            await t.alice.slash(t.channel, "sora generate", prompt="a cat")
            await t.wait_for_state(State.RENDERING)
            assert "$0.35" in t.card_text()
            assert (await t.usage_of(t.alice.id)).usd_micros == ESTIMATE_USD_MICROS
            let_it_be_ready(t, double)
            job = await t.wait_for_state(State.DONE)
            assert (job.cost_usd_micros, job.refunded) == (usd_micros, False)
            await t.until(lambda: "Done" in t.card_text())
            yield t, double


def let_it_be_ready(t: BotHarness, double: ProviderDouble) -> None:
    double.finish()
    # Move the clock to the bot's first poll, which comes after the usual time of such a render.
    t.clock.forward(60)


@pytest.mark.parametrize(
    ("usd_micros", "price", "used", "left"),
    [
        (900_000, "$0.90", "$0.90 used", "**$0.10** left"),
        (123_456, "$0.123456", "$0.123456 used", "**$0.876544** left"),
        (0, "free", "$0 used", "**$1.00** left"),
    ],
    ids=["higher", "lower", "nothing"],
)
async def test_what_a_clip_has_cost_takes_the_place_of_what_it_should_have(
    tmp_path: Path, usd_micros: int, price: str, used: str, left: str
) -> None:
    async with charging(tmp_path, usd_micros, QUOTA_USD_PER_MONTH="1") as (t, _):
        assert f" · {price}" in t.card_text()
        assert "$0.35" not in t.card_text()
        usage = await t.usage_of(t.alice.id)
        assert (usage.clips, usage.seconds, usage.usd_micros) == (1, 5, usd_micros)
        shown = private_answer(await t.alice.slash(t.channel, "sora quota"))
        assert used in shown
        assert left in shown


async def test_a_clip_that_has_cost_more_than_the_limit_leaves_nothing_and_less_than_nothing_never(
    tmp_path: Path,
) -> None:
    async with charging(tmp_path, 1_500_000, QUOTA_USD_PER_MONTH="1") as (t, _):
        shown = private_answer(await t.alice.slash(t.channel, "sora quota"))
        assert "100 %\n**$0** left · $1.50 used" in shown
        refusal = private_answer(await t.alice.slash(t.channel, "sora generate", prompt="a dog"))
        assert "asks for $0.35 and you have $0 left. It will fit <t:" in refusal
        assert len(await t.jobs()) == 1


@pytest.mark.parametrize("refused", [False, True], ids=["here", "in direct messages"])
async def test_moderators_are_warned_of_what_a_clip_has_cost_in_the_end(
    tmp_path: Path, refused: bool
) -> None:
    async with charging(tmp_path, 1_700_000, BUDGET_USD_PER_SERVER_PER_MONTH="9") as (t, double):
        alerts = t.guild.create_text_channel("alerts")
        await t.moderator.slash(t.channel, "sora-mod budget set", usd=4, channel=alerts)
        assert not alerts.history()
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")
        await t.until(lambda: len(double.renders) == 2)
        assert not alerts.history()
        if refused:
            place = f"/channels/{t.channel.id}/messages"
            t.env.inject_error("POST", place, status=403, code=50013, times=None)
        let_it_be_ready(t, double)
        await t.until(alerts.history)
        (told,) = alerts.history()
        assert "80 % of this server's budget for clips are used:** $3.40 of $4.00" in told.content
