"""One paid call a job, whatever the video API answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.model import State
from tests.behaviour.harness import bot_harness
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault


def answer_with_render(api: VideosApi, prompt: str, remote_id: str) -> None:
    """Let the next create of `prompt` be answered with a render that exists, as a cache would."""
    render = api.renders[remote_id].describe()
    api.fault("create", VideosFault.json(200, render), prompt=prompt)


async def test_one_render_id_for_two_creates_ends_the_second_job_with_a_refund(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bot_harness(tmp_path) as t:
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        first = await t.wait_for_state(State.DONE)
        answer_with_render(t.api, "a dog", str(first.remote_id))
        await t.bob.slash(t.channel, "sora generate", prompt="a dog")

        async def has_failed() -> bool:
            return (await t.jobs())[-1].state is State.FAILED

        await t.until(has_failed)
        second = (await t.jobs())[-1]
        assert second.refunded
        await t.until(lambda: "mixed this clip up with another one" in t.card_text())
        assert t.api.requests["create"] == 2
        assert (await t.usage_of(t.bob.id)).clips == 0
        assert f"job {second.id} has no render of its own" in caplog.text
        assert f"openai answered with render {first.remote_id} of job {first.id}" in caplog.text
        assert len(t.clips()) == 1


async def test_a_create_that_is_lost_twice_is_not_made_a_third_time(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.cut(accepted=False), times=5)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        job = await t.wait_for_state(State.FAILED)
        assert (job.error_code, job.refunded) == ("render_lost", True)
        assert t.api.requests["create"] == 2


async def test_creates_that_were_rejected_for_sure_are_made_again(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        t.api.fault("create", VideosFault.error(429, "busy", retry_after="0"), times=4)
        await t.alice.slash(t.channel, "sora generate", prompt="a cat")
        await t.wait_for_state(State.DONE)
        assert t.api.requests["create"] == 5
