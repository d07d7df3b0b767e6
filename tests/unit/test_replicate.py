"""What Replicate alone has, beside the contract that every vendor passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    SettingsError,
)
from bot.model import Size
from bot.providers.base import RenderState
from tests.contract.conftest import REQUEST
from tests.contract.vendors.harness import PUBLIC_URL, make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import RenderStage, Step
from tests.wire.replicate.wire import ReplicateWire

_KLING = "kwaivgi/kling-v3-video"
_REQUEST = replace(REQUEST, model="bytedance/seedance-2.0", seconds=5)


@pytest.fixture
async def double():
    async with ProviderDouble(ReplicateWire()) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def replicate(double):
    provider = make(double.wire, double.environ(), AutojumpClock())
    yield provider
    await provider.close()


@pytest.fixture
def large_image(tmp_path: Path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1200)
    return path


async def _polled(provider, remote_id):
    return (await provider.poll([remote_id]))[remote_id]


async def test_a_large_picture_goes_ahead_as_a_file(double, replicate, large_image):
    await replicate.submit(replace(_REQUEST, image=large_image))
    assert double.last.paid_call.image == large_image.read_bytes()
    assert list(double.wire.files.values()) == [large_image.read_bytes()]
    assert double.requests[Step.CREATE] == 1


@pytest.mark.parametrize(
    "fault",
    [
        ProviderFault.html(502),
        ProviderFault.cut(),
        ProviderFault.json(201, {"id": "no address"}),
        ProviderFault.json(201, {"urls": {"get": 7}}),
        ProviderFault.json(201, [1]),
        ProviderFault.json(429, {"detail": "slow down"}),
    ],
)
async def test_a_picture_that_did_not_arrive_leaves_nothing_ordered(
    double, replicate, large_image, fault
):
    double.fault(Step.CHECK, fault)
    with pytest.raises(NotAcceptedError):
        await replicate.submit(replace(_REQUEST, image=large_image))
    assert double.requests[Step.CREATE] == 0


async def test_a_model_takes_its_own_inputs(double, replicate):
    await replicate.submit(_REQUEST)
    assert double.last.paid_call.more == {
        "prompt": REQUEST.prompt,
        "duration": 5,
        "aspect_ratio": "16:9",
        "resolution": "720p",
        "generate_audio": True,
        "seed": REQUEST.seed,
    }
    await replicate.submit(replace(_REQUEST, model=_KLING))
    assert double.last.paid_call.more["mode"] == "standard"
    assert not double.last.paid_call.more.keys() & {"resolution", "seed"}


async def test_the_list_is_read_no_further_than_it_is_needed(double, replicate):
    start = datetime.now(UTC) - timedelta(hours=9)
    for number in range(9):
        await replicate.submit(replace(_REQUEST, prompt=f"p{number}"))
        double.last.created_at = start + timedelta(hours=number)
    found = await replicate.recent(start + timedelta(hours=7))
    assert [each.prompt for each in found] == ["p8", "p7"]
    assert double.requests[Step.LIST] == 2
    assert len(await replicate.recent(start)) == 9
    assert {each.seconds for each in found} == {5}
    assert {each.model for each in found} == {_REQUEST.model}


async def test_an_entry_that_does_not_say_what_it_is_stays_in_the_list(double, replicate):
    entry = {"id": "abc", "status": "succeeded", "input": {}, "data_removed": True}
    double.fault(Step.LIST, ProviderFault.json(200, {"results": [entry], "next": None}))
    [found] = await replicate.recent(datetime.now(UTC))
    assert (found.id, found.prompt, found.created_at) == ("abc", None, None)


@pytest.mark.parametrize(
    "page",
    [
        {"results": [{"status": "starting"}], "next": None},
        {"next": None},
        {"results": [], "next": "https://api.replicate.com/v1/predictions"},
        [],
    ],
)
async def test_a_list_behind_which_an_order_could_hide_is_none(double, replicate, page):
    double.fault(Step.LIST, ProviderFault.json(200, page))
    with pytest.raises(ProviderTroubleError):
        await replicate.recent(datetime.now(UTC))


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_list_that_is_not_there_for_once_does_not_give_up_the_order(
    double, replicate, status
):
    double.fault(Step.LIST, ProviderFault.json(status, {"detail": "Not here."}))
    with pytest.raises(ProviderTroubleError):
        await replicate.recent(datetime.now(UTC))


async def test_a_list_that_never_ends_is_given_up(double, replicate):
    page = {"results": [], "next": f"{double.base_url}/predictions?cursor=0"}
    double.fault(Step.LIST, ProviderFault.json(200, page), times=9)
    with pytest.raises(ProviderTroubleError, match="repeats"):
        await replicate.recent(datetime.now(UTC))


async def test_a_render_that_has_begun_is_charged_and_so_not_stopped(double, replicate):
    remote = await replicate.submit(_REQUEST)
    double.last.stage = RenderStage.RUNNING
    assert await replicate.cancel(remote.id) is False
    assert double.requests[Step.CANCEL] == 0
    double.finish()
    assert (await _polled(replicate, remote.id)).state is RenderState.READY


async def test_a_stop_that_is_not_yet_one_is_asked_for_again(double, replicate):
    remote = await replicate.submit(_REQUEST)
    double.fault(Step.CANCEL, ProviderFault.json(200, {"id": remote.id, "status": "starting"}))
    with pytest.raises(ProviderTroubleError):
        await replicate.cancel(remote.id)
    assert await replicate.cancel(remote.id) is True


@pytest.mark.parametrize(
    ("word", "error", "expected"),
    [
        ("failed", "The input or output was flagged as sensitive (E005)", ModerationError),
        ("failed", "NSFW content detected", ModerationError),
        ("failed", {"detail": "out of memory (E1001)"}, RenderFailedError),
        ("aborted", None, RenderFailedError),
        ("canceled", None, RenderFailedError),
    ],
)
async def test_a_prediction_that_came_to_nothing_says_why(double, replicate, word, error, expected):
    remote = await replicate.submit(_REQUEST)
    answer = {"id": remote.id, "status": word, "error": error}
    double.fault(Step.POLL, ProviderFault.json(200, answer))
    assert type((await _polled(replicate, remote.id)).error) is expected


async def test_a_clip_that_was_removed_is_lost_and_one_without_an_address_waited_for(
    double, replicate
):
    remote = await replicate.submit(_REQUEST)
    answer = {"id": remote.id, "status": "succeeded", "output": None, "data_removed": True}
    double.fault(Step.POLL, ProviderFault.json(200, answer))
    assert type(await _polled(replicate, remote.id)) is RemoteNotFoundError
    double.fault(
        Step.POLL, ProviderFault.json(200, {**answer, "data_removed": False, "output": []})
    )
    assert (await _polled(replicate, remote.id)).state is RenderState.RUNNING
    place = "https://replicate.delivery/clip.mp4"
    double.fault(Step.POLL, ProviderFault.json(200, {**answer, "output": [place]}))
    assert (await _polled(replicate, remote.id)).state is RenderState.READY


@pytest.mark.parametrize(
    ("models", "about"),
    [
        ("seedance seconds=5 sizes=1280x720 usd_per_second=0.1", "no official model"),
        ("a/../b seconds=5 sizes=1280x720 usd_per_second=0.1", "no official model"),
        (f"{_KLING} sizes=854x480 usd_per_second=0.1", "854x480"),
        (f"{_KLING} seconds=30", "30 s"),
        (f"{_KLING} extend=yes", "extend"),
    ],
)
def test_what_a_model_cannot_do_is_refused_at_the_start(models, about):
    wire = ReplicateWire()
    settings = wire.environ("http://127.0.0.1:9") | {"REPLICATE_MODELS": models}
    with pytest.raises(SettingsError) as caught:
        make(wire, settings, AutojumpClock())
    assert caught.value.variable == "REPLICATE_MODELS"
    assert about in caught.value.problem


async def test_a_larger_size_is_another_mode_of_kling(double):
    large = f"{_KLING} sizes=1920x1080 usd_per_second=0.3 audio=no"
    provider = make(double.wire, double.environ() | {"REPLICATE_MODELS": large}, AutojumpClock())
    await provider.submit(replace(_REQUEST, model=_KLING, size=Size.parse("1920x1080")))
    asked = double.last.paid_call.more
    assert (asked["mode"], asked["generate_audio"]) == ("pro", False)
    await provider.close()


async def test_finished_renders_are_reported_where_the_report_can_be_verified(double):
    secret = {"REPLICATE_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    for secrets, has_webhook in ((secret, True), ({}, False)):
        settings = double.environ() | secrets
        provider = make(double.wire, settings, AutojumpClock(), public=True)
        assert provider.capabilities().has_webhook is has_webhook
        await provider.submit(_REQUEST)
        await provider.close()
    told = [sent.get("webhook") for sent in double.wire.bodies]
    assert told == [f"{PUBLIC_URL}/webhooks/replicate", None]
    assert double.wire.bodies[0]["webhook_events_filter"] == ["completed"]
