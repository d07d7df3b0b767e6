"""Peculiarities of xAI: a source clip is named by its URL, moderation appears in unusual fields,
and costs are in ticks of 10^-10 US dollars.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import (
    ModerationError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderTroubleError,
    RenderFailedError,
    SettingsError,
    SourceGoneError,
)
from bot.model import Operation, Size
from bot.providers.base import RenderState, RenderStatus
from tests.contract.vendors.harness import MIB, VendorHarness, make
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.server import ProviderDouble
from tests.wire.provider_double.wire import Answer, Refusal, RenderStage, Step
from tests.wire.xai.wire import XaiWire


@pytest.fixture
async def xai():
    clock = AutojumpClock()
    async with ProviderDouble(XaiWire()) as double:
        provider = make(double.wire, double.environ(), clock)
        yield VendorHarness(wire=double.wire, double=double, provider=provider, clock=clock)
        await provider.close()


async def _seen(xai: VendorHarness, body: dict[str, Any]) -> RenderStatus:
    """Return the render status that the provider reads from one poll response."""
    remote_id = await xai.submitted()
    xai.double.fault(Step.POLL, ProviderFault.answer(Answer(json=body)))
    seen = await xai.polled(remote_id)
    assert isinstance(seen, RenderStatus)
    return seen


async def test_a_size_goes_out_as_shape_and_resolution(xai):
    for size, shape in (
        ("1280x720", ("16:9", "720p")),
        ("480x854", ("9:16", "480p")),
        ("720x720", ("1:1", "720p")),
    ):
        await xai.submitted(size=Size.parse(size))
        more = xai.double.last.paid_call.more
        assert (more["aspect_ratio"], more["resolution"]) == shape


@pytest.mark.parametrize(
    ("ticks", "usd_micros"),
    [(3_500_000_000, 350_000), (0, 0), (1, 1), (-1, None), ("9", None), (True, None), (None, None)],
)
async def test_the_cost_is_read_in_ticks_and_never_rounded_down(xai, ticks, usd_micros):
    seen = await _seen(xai, {"status": "pending", "usage": {"cost_in_usd_ticks": ticks}})
    assert seen.cost_usd_micros == usd_micros


async def test_a_clip_that_is_withheld_is_moderated_and_still_costs(xai):
    remote_id = await xai.submitted(RenderStage.MODERATED)
    seen = await xai.polled(remote_id)
    assert seen.state is RenderState.FAILED
    assert type(seen.error) is ModerationError
    assert seen.cost_usd_micros == 350_000


async def test_a_poll_that_is_refused_for_what_the_clip_shows_ends_the_render(xai):
    remote_id = await xai.submitted()
    assert xai.double.refuse(Step.POLL, Refusal.MODERATED)
    seen = await xai.polled(remote_id)
    assert seen.state is RenderState.FAILED
    assert type(seen.error) is ModerationError
    assert xai.double.refuse(Step.POLL, Refusal.REJECTED)
    assert isinstance(await xai.polled(remote_id), ProviderTroubleError)


async def test_a_render_that_is_done_without_a_clip_is_waited_for(xai):
    for video in ({"url": None, "duration": 6, "respect_moderation": True}, {"duration": 6}, None):
        seen = await _seen(xai, {"status": "done", "progress": 100, "video": video})
        assert (seen.state, seen.error) == (RenderState.RUNNING, None)


async def test_a_clip_without_a_status_is_ready(xai, tmp_path: Path):
    remote_id = await xai.submitted(RenderStage.READY)
    place = xai.double.last.media_url
    said = Answer(json={"video": {"url": place, "duration": 5, "respect_moderation": True}})
    xai.double.fault(Step.POLL, ProviderFault.answer(said), times=2)
    assert (await xai.polled(remote_id)).state is RenderState.READY
    await xai.provider.download(remote_id, tmp_path / "clip.mp4", max_bytes=MIB)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "expired"}, RenderFailedError),
        ({"status": "failed", "error": None}, RenderFailedError),
        ({"status": "failed", "error": {"code": "permission_denied"}}, RenderFailedError),
        (
            {
                "status": "failed",
                "error": {"code": "internal_error", "message": "rejected by content moderation."},
            },
            ModerationError,
        ),
        ({"status": "failed", "error": {"code": "imagine:content-moderated"}}, ModerationError),
    ],
)
async def test_a_failure_is_told_from_a_verdict(xai, body, expected):
    seen = await _seen(xai, body)
    assert seen.state is RenderState.FAILED
    assert type(seen.error) is expected


@pytest.mark.parametrize(
    ("operation", "source_s", "added_s", "taken"),
    [
        (Operation.REMIX, 8, 5, True),
        (Operation.REMIX, 10, 5, False),
        (Operation.EXTEND, 15, 10, True),
        (Operation.EXTEND, 15, 12, False),
        (Operation.EXTEND, 15, 1, False),
        (Operation.EXTEND, 1, 5, False),
    ],
)
async def test_a_source_that_is_too_long_is_left_to_the_bot_before_it_costs(
    xai, operation, source_s, added_s, taken
):
    parent = await xai.submitted(RenderStage.READY, seconds=source_s)
    request = xai.request(prompt="p", operation=operation, source_remote_id=parent, seconds=added_s)
    if taken:
        await xai.provider.submit(request)
    else:
        with pytest.raises(SourceGoneError):
            await xai.provider.submit(request)
    assert xai.double.tries["p"] == taken


@pytest.mark.parametrize("stage", [RenderStage.RUNNING, RenderStage.FAILED, RenderStage.MODERATED])
async def test_a_source_without_a_clip_is_told_before_it_costs(xai, stage):
    parent = await xai.submitted(stage)
    with pytest.raises(SourceGoneError):
        await xai.provider.submit(xai.request(operation=Operation.REMIX, source_remote_id=parent))
    assert xai.paid_calls() == 1


async def test_trouble_on_the_way_to_the_source_leaves_the_order_unsent(xai):
    parent = await xai.submitted(RenderStage.READY)
    request = xai.request(prompt="p", operation=Operation.EXTEND, source_remote_id=parent)
    busy = ProviderFault.json(429, {"error": "slow down"}, retry_after="45")
    for fault, wait_s in (
        (busy, 45.0),
        (ProviderFault.html(502), None),
        (ProviderFault.json(405, {}), None),
    ):
        xai.double.fault(Step.POLL, fault, times=9)
        with pytest.raises(NotAcceptedError) as caught:
            await xai.provider.submit(request)
        assert caught.value.retry_after_s == wait_s
        xai.double.drop_faults()
    assert Operation.EXTEND in xai.models[0].operations
    assert xai.double.tries["p"] == 0


async def test_a_key_that_is_blocked_is_told_by_the_check(xai):
    said = xai.wire.checked(None)
    for flag in ("api_key_blocked", "api_key_disabled", "team_blocked"):
        xai.double.fault(Step.CHECK, ProviderFault.answer(Answer(json={**said.json, flag: True})))
        with pytest.raises(ProviderAccountError, match=flag):
            await xai.provider.check()
    assert await xai.provider.check() == "the key is taken"


@pytest.mark.parametrize(
    "models",
    [
        "grok-imagine-video sizes=1920x1080 usd_per_second=0.1",
        "grok-imagine-video sizes=1024x1792 usd_per_second=0.1",
        "grok-imagine-video seconds=16",
        "another seconds=5 sizes=1000x1000 usd_per_second=0.1",
    ],
)
def test_models_are_checked_against_what_the_api_takes(models):
    settings = {"XAI_API_KEY": "key-0123456789", "XAI_MODELS": models}
    with pytest.raises(SettingsError) as caught:
        make(XaiWire(), settings, AutojumpClock())
    assert caught.value.variable == "XAI_MODELS"
