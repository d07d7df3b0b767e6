"""What Runway alone has, beside the contract that every vendor passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    ProviderAccountError,
    ProviderRejectedError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Size
from bot.providers.base import RenderState
from tests.contract.conftest import REQUEST
from tests.contract.vendors.harness import make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import RenderStage, Step
from tests.wire.runway.wire import RunwayWire

_REQUEST = replace(REQUEST, model="gen4.5", seconds=5)


@pytest.fixture
async def double():
    async with ProviderDouble(RunwayWire()) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def runway(double):
    provider = make(double.wire, double.environ(), AutojumpClock())
    yield provider
    await provider.close()


async def _polled(provider, remote_id):
    return (await provider.poll([remote_id]))[remote_id]


async def test_a_prompt_is_counted_in_utf_16_units_as_runway_does(runway):
    for model in runway.capabilities().models:
        assert model.prompt_length("a cat") == 5
        assert model.prompt_length("é 漢 🐈 👩‍🚀") == len("é 漢 🐈 👩‍🚀".encode("utf-16-le")) // 2


async def test_a_task_over_the_accounts_limit_waits_in_the_queue(double, runway):
    remote = await runway.submit(_REQUEST)
    double.fault(Step.POLL, ProviderFault.json(200, {"id": remote.id, "status": "THROTTLED"}))
    assert (await _polled(runway, remote.id)).state is RenderState.QUEUED


async def test_a_task_is_not_polled_more_often_than_every_five_seconds(double, runway):
    remote = await runway.submit(_REQUEST)
    double.last.stage, double.last.progress = RenderStage.RUNNING, 42
    seen = await _polled(runway, remote.id)
    assert (seen.poll_after_s, seen.progress) == (5.0, 42)
    assert seen.created_at == double.last.created_at
    double.finish()
    assert (await _polled(runway, remote.id)).poll_after_s is None


async def test_only_a_task_that_has_not_begun_is_stopped(double, runway):
    remote = await runway.submit(_REQUEST)
    double.last.stage = RenderStage.RUNNING
    assert await runway.cancel(remote.id) is False
    double.finish()
    assert await runway.cancel(remote.id) is False
    assert double.requests[Step.DELETE] == 0
    double.last.stage = RenderStage.QUEUED
    assert await runway.cancel(remote.id) is True
    assert double.requests[Step.DELETE] == 1


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
async def test_a_failed_task_says_whether_it_was_for_what_it_shows(double, runway, code, expected):
    remote = await runway.submit(_REQUEST)
    task = {"id": remote.id, "status": "FAILED", "failure": "It failed.", "failureCode": code}
    double.fault(Step.POLL, ProviderFault.json(200, task))
    assert type((await _polled(runway, remote.id)).error) is expected


async def test_an_empty_balance_is_the_accounts_trouble_though_it_comes_as_a_bad_request(
    double, runway
):
    said = {"error": "You do not have enough credits to run this task."}
    double.fault(Step.CREATE, ProviderFault.json(400, said))
    with pytest.raises(ProviderAccountError):
        await runway.submit(_REQUEST)


async def test_a_task_without_its_clip_is_waited_for(double, runway):
    remote = await runway.submit(_REQUEST)
    for output in (None, [], "x", [7], ["/etc/passwd"]):
        task = {"id": remote.id, "status": "SUCCEEDED", "output": output}
        double.fault(Step.POLL, ProviderFault.json(200, task))
        assert (await _polled(runway, remote.id)).state is RenderState.RUNNING


async def test_a_model_takes_its_own_fields(double, runway, tmp_path: Path):
    await runway.submit(replace(_REQUEST, size=Size.parse("720x1280")))
    assert double.last.paid_call.more == {
        "model": "gen4.5",
        "promptText": REQUEST.prompt,
        "ratio": "720:1280",
        "duration": 5,
        "seed": REQUEST.seed,
    }
    image = tmp_path / "cat.jpg"
    image.write_bytes(b"\xff\xd8\xff\xe0 a cat")
    await runway.submit(replace(_REQUEST, model="veo3.1_fast", seconds=8, image=image))
    asked = double.last.paid_call
    assert (asked.image, asked.more["audio"]) == (image.read_bytes(), True)
    assert "seed" not in asked.more


async def test_a_picture_that_is_too_large_is_not_sent(double, runway, tmp_path: Path):
    image = tmp_path / "cat.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(4 * 1024 * 1024))
    with pytest.raises(ProviderRejectedError, match="too large"):
        await runway.submit(replace(_REQUEST, image=image))
    assert double.requests[Step.CREATE] == 0


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
        make(wire, settings, AutojumpClock())
    assert caught.value.variable == "RUNWAYML_MODELS"
    assert about in caught.value.problem
