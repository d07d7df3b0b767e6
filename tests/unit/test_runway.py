"""What Runway alone has, beside the contract that every vendor passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    ProviderAccountError,
    RejectedOrderError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Size
from bot.providers.base import RemoteState
from tests.contract.conftest import ORDER
from tests.contract.kitchens.scene import make
from tests.wire.hasty_clock import HastyClock
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Stage, Step
from tests.wire.runway.wire import RunwayWire

_ORDER = replace(ORDER, model="gen4.5", seconds=5)


@pytest.fixture
async def kitchen():
    async with Kitchen(RunwayWire()) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def runway(kitchen):
    provider = make(kitchen.wire, kitchen.environ(), HastyClock())
    yield provider
    await provider.close()


async def _polled(provider, remote_id):
    return (await provider.poll([remote_id]))[remote_id]


async def test_a_prompt_is_counted_in_utf_16_units_as_runway_does(runway):
    for model in runway.capabilities().models:
        assert model.length_of("a cat") == 5
        assert model.length_of("é 漢 🐈 👩‍🚀") == len("é 漢 🐈 👩‍🚀".encode("utf-16-le")) // 2


async def test_a_task_over_the_accounts_limit_waits_in_the_queue(kitchen, runway):
    remote = await runway.submit(_ORDER)
    kitchen.fault(Step.LOOK, Fault.json(200, {"id": remote.id, "status": "THROTTLED"}))
    assert (await _polled(runway, remote.id)).state is RemoteState.QUEUED


async def test_a_task_is_not_polled_more_often_than_every_five_seconds(kitchen, runway):
    remote = await runway.submit(_ORDER)
    kitchen.last.stage, kitchen.last.progress = Stage.RUNNING, 42
    seen = await _polled(runway, remote.id)
    assert (seen.poll_after_s, seen.progress) == (5.0, 42)
    assert seen.created_at == kitchen.last.created_at
    kitchen.finish()
    assert (await _polled(runway, remote.id)).poll_after_s is None


async def test_only_a_task_that_has_not_begun_is_stopped(kitchen, runway):
    remote = await runway.submit(_ORDER)
    kitchen.last.stage = Stage.RUNNING
    assert await runway.cancel(remote.id) is False
    kitchen.finish()
    assert await runway.cancel(remote.id) is False
    assert kitchen.requests[Step.DELETE] == 0
    kitchen.last.stage = Stage.QUEUED
    assert await runway.cancel(remote.id) is True
    assert kitchen.requests[Step.DELETE] == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("SAFETY.INPUT.TEXT", ModerationError),
        ("SAFETY.OUTPUT.VIDEO", ModerationError),
        ("INTERNAL.BAD_OUTPUT.CODE01", RenderFailedError),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", ModerationError),
        (None, RenderFailedError),
    ],
)
async def test_a_failed_task_says_whether_it_was_for_what_it_shows(kitchen, runway, code, expected):
    remote = await runway.submit(_ORDER)
    task = {"id": remote.id, "status": "FAILED", "failure": "It failed.", "failureCode": code}
    kitchen.fault(Step.LOOK, Fault.json(200, task))
    assert type((await _polled(runway, remote.id)).error) is expected


async def test_an_empty_balance_is_the_accounts_trouble_though_it_comes_as_a_bad_request(
    kitchen, runway
):
    said = {"error": "You do not have enough credits to run this task."}
    kitchen.fault(Step.CREATE, Fault.json(400, said))
    with pytest.raises(ProviderAccountError):
        await runway.submit(_ORDER)


async def test_a_task_without_its_clip_is_waited_for(kitchen, runway):
    remote = await runway.submit(_ORDER)
    for output in (None, [], "x", [7], ["/etc/passwd"]):
        task = {"id": remote.id, "status": "SUCCEEDED", "output": output}
        kitchen.fault(Step.LOOK, Fault.json(200, task))
        assert (await _polled(runway, remote.id)).state is RemoteState.RUNNING


async def test_a_model_takes_its_own_fields(kitchen, runway, tmp_path: Path):
    await runway.submit(replace(_ORDER, size=Size.parse("720x1280")))
    assert kitchen.last.asked.more == {
        "model": "gen4.5",
        "promptText": ORDER.prompt,
        "ratio": "720:1280",
        "duration": 5,
        "seed": ORDER.seed,
    }
    image = tmp_path / "cat.jpg"
    image.write_bytes(b"\xff\xd8\xff\xe0 a cat")
    await runway.submit(replace(_ORDER, model="veo3.1_fast", seconds=8, image=image))
    asked = kitchen.last.asked
    assert (asked.image, asked.more["audio"]) == (image.read_bytes(), True)
    assert "seed" not in asked.more


async def test_a_picture_that_is_too_large_is_not_sent(kitchen, runway, tmp_path: Path):
    image = tmp_path / "cat.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4 * 1024 * 1024))
    with pytest.raises(RejectedOrderError, match="too large"):
        await runway.submit(replace(_ORDER, image=image))
    assert kitchen.requests[Step.CREATE] == 0


async def test_a_check_tells_what_is_left(runway):
    assert "1234 credits" in await runway.check()


@pytest.mark.parametrize(
    ("models", "about"),
    [
        ("gen4.5 sizes=1920x1080 usd_per_second=0.1", "1920x1080"),
        ("veo3.1 seconds=5", "5 s"),
        ("gen4.5 seconds=11", "11 s"),
        ("gen4.5 remix=yes", "remix"),
    ],
)
def test_what_a_model_cannot_do_is_refused_at_the_start(models, about):
    wire = RunwayWire()
    settings = wire.environ("http://127.0.0.1:9") | {"RUNWAYML_MODELS": models}
    with pytest.raises(SettingsError) as caught:
        make(wire, settings, HastyClock())
    assert caught.value.variable == "RUNWAYML_MODELS"
    assert about in caught.value.problem
