"""What fal alone has, beside the contract that every vendor passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    ProviderTroubleError,
    RejectedOrderError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Size
from bot.providers.base import Remote, RemoteState
from tests.contract.conftest import ORDER
from tests.contract.kitchens.scene import MIB, PUBLIC_URL, make
from tests.wire.fal.wire import FalWire
from tests.wire.hasty_clock import HastyClock
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.server import Kitchen
from tests.wire.kitchen.wire import Stage, Step
from tests.wire.stranger import Stranger

_SEEDANCE = "bytedance/seedance-2.0/text-to-video"
_KLING = "fal-ai/kling-video/v3/pro/text-to-video"
_OTHERS = (
    "fal-ai/veo3.1 seconds=4,8 sizes=1280x720 usd_per_second=0.4 image=yes audio=yes;"
    " blackforestlabs/flux-3-max/text-to-video seconds=5 sizes=1920x1080 usd_per_second=0.1"
)
_ORDER = replace(ORDER, model=_SEEDANCE, seconds=5)


@pytest.fixture
async def kitchen():
    async with Kitchen(FalWire()) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def fal(kitchen):
    provider = make(kitchen.wire, kitchen.environ(), HastyClock())
    yield provider
    await provider.close()


@pytest.fixture
def image(tmp_path: Path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return path


async def _polled(provider, remote_id):
    return (await provider.poll([remote_id]))[remote_id]


async def test_a_render_is_found_again_by_a_process_that_knows_its_id_alone(kitchen, fal, tmp_path):
    remote = await fal.submit(replace(_ORDER, model=_KLING, size=Size.parse("1920x1080")))
    assert remote.id == f"fal-ai/kling-video/{kitchen.last.id}"
    kitchen.finish()
    settings = kitchen.environ() | {"FAL_MODELS": _SEEDANCE}
    restarted = make(kitchen.wire, settings, HastyClock())
    assert (await _polled(restarted, remote.id)).state is RemoteState.READY
    await restarted.download(remote.id, tmp_path / "clip.mp4", max_bytes=MIB)
    await restarted.close()


async def test_an_address_on_another_host_is_not_where_a_render_is_looked_for(kitchen, fal):
    request_id = kitchen.wire.new_id(1)
    async with Stranger(b"{}") as host:
        place = f"{host.url}/fal-ai/elsewhere/requests/{request_id}"
        answer = {"request_id": request_id, "response_url": place, "status_url": f"{place}/status"}
        kitchen.fault(Step.CREATE, Fault.json(200, answer).but_accepted())
        remote = await fal.submit(_ORDER)
        assert isinstance(await _polled(fal, remote.id), Remote)
    assert remote.id == f"bytedance/seedance-2.0/{request_id}"
    assert host.headers_seen == []


async def test_the_app_is_the_one_that_the_queue_names(kitchen, fal):
    place = f"{kitchen.base_url}/workflows/acme/films/requests/abc"
    answer = {"request_id": "abc", "response_url": place}
    kitchen.fault(Step.CREATE, Fault.json(200, answer))
    assert (await fal.submit(_ORDER)).id == "workflows/acme/films/abc"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            422,
            {"detail": [{"msg": "flagged", "type": "content_policy_violation"}]},
            ModerationError,
        ),
        (422, {"detail": [{"msg": "no", "type": "no_media_generated"}]}, RenderFailedError),
        (400, {"detail": "no", "error_type": "bad_request"}, RenderFailedError),
        (500, {"detail": "lost", "error_type": "runner_disconnected"}, RenderFailedError),
        (504, {"detail": "late", "error_type": "startup_timeout"}, RenderFailedError),
        (500, {"detail": "oops"}, None),
        (503, {"detail": "upstream", "error_type": "bad_gateway"}, None),
        (429, {"detail": "slow down"}, None),
        (409, {"detail": "not yet"}, None),
        (400, {"detail": "Request is still in progress"}, None),
    ],
)
async def test_the_result_tells_what_became_of_a_completed_render(
    kitchen, fal, status, body, expected
):
    remote = await fal.submit(_ORDER)
    kitchen.finish()
    kitchen.fault(Step.RESULT, Fault.json(status, body), times=3)
    seen = await _polled(fal, remote.id)
    if expected is None:
        assert type(seen) is ProviderTroubleError
    else:
        assert seen.state is RemoteState.FAILED
        assert type(seen.error) is expected


@pytest.mark.parametrize("status", [404, 422, 502])
async def test_a_page_for_browsers_in_place_of_a_result_is_trouble_on_the_way(kitchen, fal, status):
    remote = await fal.submit(_ORDER)
    kitchen.finish()
    kitchen.fault(Step.RESULT, Fault.html(status), times=3)
    assert type(await _polled(fal, remote.id)) is ProviderTroubleError


async def test_a_result_without_a_clip_is_waited_for(kitchen, fal):
    remote = await fal.submit(_ORDER)
    kitchen.finish()
    for result in ({}, {"video": {}}, {"videos": []}, {"video": {"url": "/etc/passwd"}}):
        kitchen.fault(Step.RESULT, Fault.json(200, result))
        assert (await _polled(fal, remote.id)).state is RemoteState.RUNNING
    assert (await _polled(fal, remote.id)).state is RemoteState.READY


async def test_a_render_that_was_asked_to_stop_counts_as_running_until_it_has(kitchen, fal):
    remote = await fal.submit(_ORDER)
    kitchen.fault(Step.LOOK, Fault.json(202, {"status": "IN_PROGRESS"}))
    with pytest.raises(ProviderTroubleError, match="still on its way"):
        await fal.cancel(remote.id)
    assert await fal.cancel(remote.id) is True


async def test_a_render_that_did_not_stop_in_time_is_kept(kitchen, fal):
    remote = await fal.submit(_ORDER)
    kitchen.finish()
    assert await fal.cancel(remote.id) is False
    assert (await _polled(fal, remote.id)).state is RemoteState.READY


async def test_a_queued_render_that_is_gone_after_the_cancel_is_cancelled(kitchen, fal):
    remote = await fal.submit(_ORDER)
    kitchen.fault(Step.LOOK, Fault.json(404, {"detail": "Request not found"}))
    assert await fal.cancel(remote.id) is True


async def test_a_render_that_nobody_asked_to_stop_is_not_called_stopped(kitchen, fal):
    remote = await fal.submit(_ORDER)
    kitchen.fault(Step.CANCEL, Fault.html(502), times=9)
    kitchen.fault(Step.LOOK, Fault.json(404, {"detail": "Request not found"}))
    assert await fal.cancel(remote.id) is False


async def test_clips_are_not_kept_in_public_for_ever(kitchen, fal):
    await fal.submit(_ORDER)
    assert kitchen.last.asked.more["kept_s"] == 259_200


async def test_a_model_takes_its_own_fields(kitchen, fal, image):
    await fal.submit(_ORDER)
    shape = {"aspect_ratio": "16:9", "resolution": "720p", "duration": "5"}
    assert shape.items() <= kitchen.last.asked.more.items()
    assert kitchen.last.asked.more["generate_audio"] is True
    assert kitchen.last.asked.more["seed"] == ORDER.seed
    await fal.submit(
        replace(_ORDER, model=_KLING, size=Size.parse("1080x1920"), seconds=15, image=image)
    )
    asked = kitchen.last.asked
    assert asked.model == "fal-ai/kling-video/v3/pro/image-to-video"
    assert asked.more.keys() >= {"prompt", "start_image_url", "duration", "generate_audio"}
    assert not asked.more.keys() & {"aspect_ratio", "resolution", "seed"}


async def test_a_model_that_nobody_told_of_is_asked_for_by_its_path(kitchen, image):
    settings = kitchen.environ() | {"FAL_MODELS": _OTHERS}
    fal = make(kitchen.wire, settings, HastyClock())
    await fal.submit(replace(_ORDER, model="fal-ai/veo3.1", seconds=8, image=image))
    asked = kitchen.last.asked
    assert asked.model == "fal-ai/veo3.1/image-to-video"
    assert (asked.image, asked.more["duration"]) == (image.read_bytes(), "8s")
    model = "blackforestlabs/flux-3-max/text-to-video"
    await fal.submit(replace(_ORDER, model=model, size=Size.parse("1920x1080")))
    assert kitchen.last.asked.more["resolution"] == "1080p"
    with pytest.raises(RejectedOrderError):
        await fal.submit(replace(_ORDER, model=model, size=Size.parse("1234x567")))
    await fal.close()


@pytest.mark.parametrize(
    ("models", "about"),
    [
        ("kling seconds=5 sizes=1280x720 usd_per_second=0.1", "no path"),
        ("../x seconds=5 sizes=1280x720 usd_per_second=0.1", "no path"),
        (f"{_SEEDANCE} sizes=1234x567 usd_per_second=0.1", "1234x567"),
        (f"{_KLING} sizes=1280x720 usd_per_second=0.1", "1280x720"),
        (f"{_KLING} seconds=2", "2 s"),
        (f"{_SEEDANCE} remix=yes", "remix"),
    ],
)
def test_what_a_model_cannot_do_is_refused_at_the_start(models, about):
    wire = FalWire()
    settings = wire.environ("http://127.0.0.1:9") | {"FAL_MODELS": models}
    with pytest.raises(SettingsError) as caught:
        make(wire, settings, HastyClock())
    assert caught.value.variable == "FAL_MODELS"
    assert about in caught.value.problem


async def test_a_stage_between_two_answers_never_makes_a_failure(kitchen, fal):
    remote = await fal.submit(_ORDER)
    for stage in (Stage.QUEUED, Stage.RUNNING, Stage.ODD):
        kitchen.last.stage = stage
        seen = await _polled(fal, remote.id)
        assert (seen.error, seen.progress) == (None, None)


async def test_finished_renders_are_reported_to_the_public_address(kitchen):
    provider = make(kitchen.wire, kitchen.environ(), HastyClock(), public=True)
    await provider.submit(_ORDER)
    assert kitchen.last.asked.more["fal_webhook"] == f"{PUBLIC_URL}/webhooks/fal"
    assert provider.capabilities().has_webhook
    await provider.close()
