"""A provider made a render, or may have made it, but refuses to hand over the clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.clips import private_answer
from tests.behaviour.harness import BotHarness, bot_harness
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Answer, DoubleRender, RenderStage
from tests.wire.videos_faults import VideosFault
from tests.wire.xai.wire import XaiWire


async def looked_at(t: BotHarness) -> None:
    """Move the clock forward to the first poll of a render."""
    await t.wait_for_state(State.RENDERING)
    t.clock.forward(15)


async def test_what_the_service_charges_for_a_render_that_it_withholds_is_counted(
    tmp_path: Path,
) -> None:
    async with ProviderDouble(XaiWire()) as double:
        double.stage = RenderStage.MODERATED
        async with bot_harness(tmp_path, double.environ(), VIDEO_PROVIDERS="xai") as t:
            await t.alice.slash(t.channel, "sora generate", prompt="a cat")
            await looked_at(t)
            job = await t.wait_for_state(State.FAILED)
            assert (job.error_code, job.refunded) == ("moderation", False)
            assert job.cost_usd_micros == 350_000
            usage = await t.usage_of(t.alice.id)
            assert (usage.clips, usage.usd_micros) == (1, 350_000)
            # The member pays and gets no clip: the card and `/sora status` give the reason, and
            # moderators see a failure.
            await t.until(lambda: "Failed" in t.card_text())
            assert "charged for it, so it counts" in t.card_text()
            assert "$0.35" in t.card_text()
            status = private_answer(await t.alice.slash(t.channel, "sora status", job=job.id))
            assert "charged for it, so it counts" in status
            report = private_answer(await t.moderator.slash(t.channel, "sora-mod usage"))
            assert "1 clip · 5 s · $0.35 · 1 failed" in report
            assert "**1** failed" in report


async def test_a_render_that_fails_for_its_content_is_refunded_and_the_risk_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.moderated())
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.FAILED)
        assert (job.error_code, job.refunded) == ("moderation", True)
    assert "0.400000 USD may have been spent at openai" in caplog.text


class DearWire(XaiWire):
    """xAI's double, which reports a cost that is too large for the database column."""

    def shown(self, render: DoubleRender) -> Answer:
        answer = super().shown(render)
        assert isinstance(answer.json, dict)
        return replace(answer, json={**answer.json, "usage": {"cost_in_usd_ticks": 10**30}})


async def test_a_clip_comes_though_its_cost_is_told_in_numbers_that_cannot_be_kept(
    tmp_path: Path,
) -> None:
    async with ProviderDouble(DearWire()) as double:
        double.stage = RenderStage.READY
        async with bot_harness(tmp_path, double.environ(), VIDEO_PROVIDERS="xai") as t:
            await t.alice.slash(t.channel, "sora generate", prompt="a cat")
            await looked_at(t)
            job = await t.wait_for_state(State.DONE)
            assert job.cost_usd_micros == job.spec.estimate_usd_micros
