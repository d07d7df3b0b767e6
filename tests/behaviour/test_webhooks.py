"""After a provider's webhook, the bot polls the render at once instead of at the next interval."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession

from bot.model import State
from tests.behaviour.harness import FAST_TIMINGS, BotHarness, bot_harness
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault
from tests.wire.videos_render import LoopbackRender
from tests.wire.webhook_senders import SECRET, said, standard


def listening(folder: Path) -> AbstractAsyncContextManager[BotHarness]:
    """Run a bot that accepts webhooks and otherwise polls only every minute or two."""
    api = VideosApi(ready_after_s=600, poll_after_ms=120_000)
    timings = replace(FAST_TIMINGS, reconcile_max_gap_s=60.0, not_found_gap_s=60.0)
    variables = {"HTTP_BIND": "127.0.0.1:0", "OPENAI_WEBHOOK_SECRET": SECRET}
    return bot_harness(folder, variables, api=api, timings=timings)


async def rendering(t: BotHarness) -> LoopbackRender:
    await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    job = await t.wait_for_state(State.RENDERING)
    return t.api.renders[str(job.remote_id)]


async def tells(t: BotHarness, render: LoopbackRender, *, delivery: str = "msg_1") -> None:
    """Send the bot the webhook of a finished render, as the video API would."""
    assert t.app.health is not None
    body = said({"type": "video.completed", "data": {"id": render.id}})
    headers = standard(body, t.clock.now(), delivery=delivery)
    address = f"http://127.0.0.1:{t.app.health.port}/webhooks/openai"
    async with ClientSession() as client, client.post(address, data=body, headers=headers) as got:
        assert got.status == 204


async def test_a_webhook_brings_a_clip_long_before_its_next_poll(tmp_path: Path) -> None:
    async with listening(tmp_path) as t:
        render = await rendering(t)
        render.ready_s = 0
        await tells(t, render)
        await t.wait_for_state(State.DONE)
        assert len(t.clips()) == 1


async def test_a_webhook_that_comes_during_a_poll_is_not_put_off_by_its_answer(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as t:
        render = await rendering(t)
        not_yet = VideosFault.json(200, render.describe(), openai_poll_after_ms="120000")
        t.api.fault("retrieve", replace(not_yet, delay_s=0.5))
        await tells(t, render)
        await t.until(lambda: t.api.requests["retrieve"])
        render.ready_s = 0
        await tells(t, render, delivery="msg_2")
        assert t.api.requests["retrieve"] == 1
        await t.wait_for_state(State.DONE)


async def test_being_asked_more_often_makes_no_render_lost_sooner(tmp_path: Path) -> None:
    async with listening(tmp_path) as t:
        render = await rendering(t)
        for number in range(2 * FAST_TIMINGS.not_found_limit):
            t.api.fault("retrieve", VideosFault.error(404, "no such video"))
            await tells(t, render, delivery=f"msg_{number}")
            await t.until(lambda number=number: t.api.requests["retrieve"] > number)
        render.ready_s = 0
        await tells(t, render, delivery="msg_last")
        await t.wait_for_state(State.DONE)
