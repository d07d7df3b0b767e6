"""What fal alone has, beside the contract that every vendor passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    ProviderRejectedError,
    ProviderTroubleError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Size
from bot.providers.base import RenderState, RenderStatus
from tests.contract.conftest import REQUEST
from tests.contract.vendors.harness import MIB, PUBLIC_URL, make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.fal.wire import FalWire
from tests.wire.other_host import OtherHost
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import RenderStage, Step

_SEEDANCE = "bytedance/seedance-2.0/text-to-video"
_KLING = "fal-ai/kling-video/v3/pro/text-to-video"
_OTHERS = (
    "fal-ai/veo3.1 seconds=4,8 sizes=1280x720 usd_per_second=0.4 image=yes audio=yes;"
    " blackforestlabs/flux-3-max/text-to-video seconds=5 sizes=1920x1080 usd_per_second=0.1"
)
_REQUEST = replace(REQUEST, model=_SEEDANCE, seconds=5)


@pytest.fixture
async def double():
    async with ProviderDouble(FalWire()) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def fal(double):
    provider = make(double.wire, double.environ(), AutojumpClock())
    yield provider
    await provider.close()


@pytest.fixture
def image(tmp_path: Path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return path


async def _polled(provider, remote_id):
    return (await provider.poll([remote_id]))[remote_id]


async def test_a_render_is_found_again_by_a_process_that_knows_its_id_alone(double, fal, tmp_path):
    remote = await fal.submit(replace(_REQUEST, model=_KLING, size=Size.parse("1920x1080")))
    assert remote.id == f"fal-ai/kling-video/{double.last.id}"
    double.finish()
    settings = double.environ() | {"FAL_MODELS": _SEEDANCE}
    restarted = make(double.wire, settings, AutojumpClock())
    assert (await _polled(restarted, remote.id)).state is RenderState.READY
    await restarted.download(remote.id, tmp_path / "clip.mp4", max_bytes=MIB)
    await restarted.close()


async def test_an_address_on_another_host_is_not_where_a_render_is_looked_for(double, fal):
    request_id = double.wire.new_id(1)
    async with OtherHost(b"{}") as host:
        place = f"{host.url}/fal-ai/elsewhere/requests/{request_id}"
        answer = {"request_id": request_id, "response_url": place, "status_url": f"{place}/status"}
        double.fault(Step.CREATE, ProviderFault.json(200, answer).but_accepted())
        remote = await fal.submit(_REQUEST)
        assert isinstance(await _polled(fal, remote.id), RenderStatus)
    assert remote.id == f"bytedance/seedance-2.0/{request_id}"
    assert host.headers_seen == []


async def test_the_app_is_the_one_that_the_queue_names(double, fal):
    place = f"{double.base_url}/workflows/acme/films/requests/abc"
    answer = {"request_id": "abc", "response_url": place}
    double.fault(Step.CREATE, ProviderFault.json(200, answer))
    assert (await fal.submit(_REQUEST)).id == "workflows/acme/films/abc"


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
    double, fal, status, body, expected
):
    remote = await fal.submit(_REQUEST)
    double.finish()
    double.fault(Step.RESULT, ProviderFault.json(status, body), times=3)
    seen = await _polled(fal, remote.id)
    if expected is None:
        assert type(seen) is ProviderTroubleError
    else:
        assert seen.state is RenderState.FAILED
        assert type(seen.error) is expected


@pytest.mark.parametrize("status", [404, 422, 502])
async def test_a_page_for_browsers_in_place_of_a_result_is_trouble_on_the_way(double, fal, status):
    remote = await fal.submit(_REQUEST)
    double.finish()
    double.fault(Step.RESULT, ProviderFault.html(status), times=3)
    assert type(await _polled(fal, remote.id)) is ProviderTroubleError


async def test_a_result_without_a_clip_is_waited_for(double, fal):
    remote = await fal.submit(_REQUEST)
    double.finish()
    for result in ({}, {"video": {}}, {"videos": []}, {"video": {"url": "/etc/passwd"}}):
        double.fault(Step.RESULT, ProviderFault.json(200, result))
        assert (await _polled(fal, remote.id)).state is RenderState.RUNNING
    assert (await _polled(fal, remote.id)).state is RenderState.READY


async def test_a_render_that_was_asked_to_stop_counts_as_running_until_it_has(double, fal):
    remote = await fal.submit(_REQUEST)
    double.fault(Step.POLL, ProviderFault.json(202, {"status": "IN_PROGRESS"}))
    with pytest.raises(ProviderTroubleError, match="still on its way"):
        await fal.cancel(remote.id)
    assert await fal.cancel(remote.id) is True


async def test_a_render_that_did_not_stop_in_time_is_kept(double, fal):
    remote = await fal.submit(_REQUEST)
    double.finish()
    assert await fal.cancel(remote.id) is False
    assert (await _polled(fal, remote.id)).state is RenderState.READY


async def test_a_queued_render_that_is_gone_after_the_cancel_is_cancelled(double, fal):
    remote = await fal.submit(_REQUEST)
    double.fault(Step.POLL, ProviderFault.json(404, {"detail": "Request not found"}))
    assert await fal.cancel(remote.id) is True


async def test_a_render_that_nobody_asked_to_stop_is_not_called_stopped(double, fal):
    remote = await fal.submit(_REQUEST)
    double.fault(Step.CANCEL, ProviderFault.html(502), times=9)
    double.fault(Step.POLL, ProviderFault.json(404, {"detail": "Request not found"}))
    assert await fal.cancel(remote.id) is False


async def test_clips_are_not_kept_in_public_for_ever(double, fal):
    await fal.submit(_REQUEST)
    assert double.last.paid_call.more["kept_s"] == 259_200


async def test_a_model_takes_its_own_fields(double, fal, image):
    await fal.submit(_REQUEST)
    shape = {"aspect_ratio": "16:9", "resolution": "720p", "duration": "5"}
    assert shape.items() <= double.last.paid_call.more.items()
    assert double.last.paid_call.more["generate_audio"] is True
    assert double.last.paid_call.more["seed"] == REQUEST.seed
    await fal.submit(
        replace(_REQUEST, model=_KLING, size=Size.parse("1080x1920"), seconds=15, image=image)
    )
    asked = double.last.paid_call
    assert asked.model == "fal-ai/kling-video/v3/pro/image-to-video"
    assert asked.more.keys() >= {"prompt", "start_image_url", "duration", "generate_audio"}
    assert not asked.more.keys() & {"aspect_ratio", "resolution", "seed"}


async def test_a_model_that_nobody_told_of_is_asked_for_by_its_path(double, image):
    settings = double.environ() | {"FAL_MODELS": _OTHERS}
    fal = make(double.wire, settings, AutojumpClock())
    await fal.submit(replace(_REQUEST, model="fal-ai/veo3.1", seconds=8, image=image))
    asked = double.last.paid_call
    assert asked.model == "fal-ai/veo3.1/image-to-video"
    assert (asked.image, asked.more["duration"]) == (image.read_bytes(), "8s")
    model = "blackforestlabs/flux-3-max/text-to-video"
    await fal.submit(replace(_REQUEST, model=model, size=Size.parse("1920x1080")))
    assert double.last.paid_call.more["resolution"] == "1080p"
    with pytest.raises(ProviderRejectedError):
        await fal.submit(replace(_REQUEST, model=model, size=Size.parse("1234x567")))
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
        make(wire, settings, AutojumpClock())
    assert caught.value.variable == "FAL_MODELS"
    assert about in caught.value.problem


async def test_a_stage_between_two_answers_never_makes_a_failure(double, fal):
    remote = await fal.submit(_REQUEST)
    for stage in (RenderStage.QUEUED, RenderStage.RUNNING, RenderStage.ODD):
        double.last.stage = stage
        seen = await _polled(fal, remote.id)
        assert (seen.error, seen.progress) == (None, None)


async def test_finished_renders_are_reported_to_the_public_address(double):
    provider = make(double.wire, double.environ(), AutojumpClock(), public=True)
    await provider.submit(_REQUEST)
    assert double.last.paid_call.more["fal_webhook"] == f"{PUBLIC_URL}/webhooks/fal"
    assert provider.capabilities().has_webhook
    await provider.close()
