"""A video API's webhook spares a whole bot the wait for the next poll."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

from aiohttp import ClientSession

from bot.model import State
from tests.behaviour.town import BRISK, Town, town
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import Fault
from tests.wire.videos_job import RemoteJob
from tests.wire.webhook_senders import SECRET, said, standard


def listening(folder: Path) -> AbstractAsyncContextManager[Town]:
    """Run a bot that takes webhooks, and that by itself looks at nothing for a minute or two."""
    api = VideosApi(ready_after_s=600, poll_after_ms=120_000)
    pace = replace(BRISK, idle_s=60.0, missing_gap_s=60.0)
    variables = {"HTTP_BIND": "127.0.0.1:0", "OPENAI_WEBHOOK_SECRET": SECRET}
    return town(folder, api=api, pace=pace, **variables)


async def rendering(t: Town) -> RemoteJob:
    await t.alice.slash(t.channel, "sora generate", prompt="a cat")
    job = await t.job_in(State.RENDERING)
    return t.api.jobs[str(job.remote_id)]


async def tells(t: Town, render: RemoteJob, *, delivery: str = "msg_1") -> None:
    """Have the video API say that a render is done."""
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
        await t.job_in(State.DONE)
        assert len(t.clips()) == 1


async def test_a_webhook_that_comes_during_a_poll_is_not_put_off_by_its_answer(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as t:
        render = await rendering(t)
        not_yet = Fault.json(200, render.describe(), openai_poll_after_ms="120000")
        t.api.fault("retrieve", replace(not_yet, delay_s=0.5))
        await tells(t, render)
        await t.until(lambda: t.api.requests["retrieve"])
        render.ready_s = 0
        await tells(t, render, delivery="msg_2")
        assert t.api.requests["retrieve"] == 1
        await t.job_in(State.DONE)


async def test_being_asked_more_often_makes_no_render_lost_sooner(tmp_path: Path) -> None:
    async with listening(tmp_path) as t:
        render = await rendering(t)
        for number in range(2 * BRISK.missing_times):
            t.api.fault("retrieve", Fault.error(404, "no such video"))
            await tells(t, render, delivery=f"msg_{number}")
            await t.until(lambda number=number: t.api.requests["retrieve"] > number)
        render.ready_s = 0
        await tells(t, render, delivery="msg_last")
        await t.job_in(State.DONE)
