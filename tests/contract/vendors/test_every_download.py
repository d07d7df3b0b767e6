"""Clips of every vendor are downloaded completely or not at all, and API keys are sent only to
their own hosts.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from bot.errors import (
    BadClipError,
    OversizeClipError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
)
from tests.contract.vendors.harness import MIB, VendorHarness, files_beside
from tests.wire.other_host import OtherHost
from tests.wire.provider_double.faults import ProviderFault
from tests.wire.provider_double.wire import RenderStage, Step

_FAULTS = [
    ("truncated", ProviderFault.truncated(), BadClipError),
    ("html", ProviderFault.html(200), BadClipError),
    ("json", ProviderFault.json(200, {"error": {"message": "no"}}), BadClipError),
    ("html called a clip", ProviderFault.raw(b"<html>whatever the label says"), BadClipError),
    ("empty", ProviderFault.raw(b""), BadClipError),
    ("zeros", ProviderFault.raw(bytes(4096)), BadClipError),
    ("never ending", ProviderFault.endless(), OversizeClipError),
    ("cut", ProviderFault.cut(), ProviderTroubleError),
    ("502", ProviderFault.html(502), ProviderTroubleError),
    ("429", ProviderFault.json(429, {"detail": "m"}, retry_after="60"), ProviderTroubleError),
    ("204", ProviderFault.empty(204), ProviderTroubleError),
    ("to ftp", ProviderFault.redirect("ftp://127.0.0.1/clip.mp4"), ProviderTroubleError),
    ("nowhere", ProviderFault.redirect("http://[bad/clip.mp4"), ProviderTroubleError),
]


async def test_a_clip_comes_down_byte_for_byte(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    got = await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == harness.double.content
    assert (got.path, got.size_bytes) == (target, len(harness.double.content))
    assert got.sha256 == hashlib.sha256(harness.double.content).hexdigest()
    assert files_beside(target) == ["clip.mp4"]
    fetched = [seen.at_media for seen in harness.double.seen if seen.step is Step.CONTENT]
    assert fetched == [harness.wire.is_media_elsewhere]
    assert harness.double.violations == []


async def _broken(
    harness: VendorHarness, folder: Path, name: str, fault: ProviderFault
) -> type[ProviderError]:
    """Download a clip with a fault, which must fail, then without the fault; return the type of
    the error.
    """
    target = folder / name / "clip.mp4"
    target.parent.mkdir()
    remote_id = await harness.submitted(RenderStage.READY, prompt=name)
    harness.double.fault(Step.CONTENT, fault, prompt=name, times=3)
    with pytest.raises(ProviderError) as caught:
        await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert files_beside(target) == [], name
    harness.double.drop_faults(name)
    await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == harness.double.content
    return type(caught.value)


async def test_a_download_that_fails_leaves_no_file_and_can_be_made_again(harness, tmp_path: Path):
    told = {row[0]: await _broken(harness, tmp_path, *row[:2]) for row in _FAULTS}
    assert told == {name: expected for name, _, expected in _FAULTS}
    assert harness.double.violations == []


async def test_a_download_that_stands_still_is_given_up(harness, tmp_path: Path):
    late = [("gone quiet", ProviderFault.drip()), ("too slow", ProviderFault.slow(9))]
    told = await asyncio.gather(*(_broken(harness, tmp_path, *row) for row in late))
    assert set(told) == {ProviderTroubleError}
    assert harness.double.violations == []


async def test_an_address_that_expired_is_asked_for_again(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    for status in (400, 401, 403, 404, 410) if harness.wire.is_media_elsewhere else ():
        harness.double.seen.clear()
        harness.double.fault(Step.CONTENT, ProviderFault.expired(status))
        with pytest.raises(ProviderTroubleError):
            await harness.provider.download(remote_id, target, max_bytes=MIB)
        await harness.provider.download(remote_id, target, max_bytes=MIB)
        assert target.read_bytes() == harness.double.content
        tried = [seen.path for seen in harness.double.seen if seen.step is Step.CONTENT]
        assert len(set(tried)) == len(tried) == 2
        target.unlink()
    assert harness.double.violations == []


async def test_a_redirect_to_another_host_is_followed_without_the_key(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    async with OtherHost(harness.double.content) as host:
        harness.double.fault(Step.CONTENT, ProviderFault.redirect(host.url))
        await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == harness.double.content
    [headers] = host.headers_seen
    assert harness.wire.credential[0] not in headers
    assert harness.wire.key not in repr(headers)
    assert harness.double.violations == []


async def test_redirects_without_end_are_given_up(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    async with OtherHost() as host:
        host.redirect_to = host.url
        harness.double.fault(Step.CONTENT, ProviderFault.redirect(host.url))
        with pytest.raises(ProviderTroubleError, match="more than 5 redirects"):
            await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert files_beside(target) == []


async def test_a_clip_of_exactly_the_cap_is_taken_and_a_byte_more_is_not(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    size_bytes = len(harness.double.content)
    with pytest.raises(OversizeClipError):
        await harness.provider.download(remote_id, target, max_bytes=size_bytes - 1)
    assert files_beside(target) == []
    await harness.provider.download(remote_id, target, max_bytes=size_bytes)


async def test_a_clip_that_is_not_finished_cannot_be_fetched_yet(harness, target):
    remote_id = await harness.submitted(RenderStage.RUNNING)
    with pytest.raises(ProviderTroubleError):
        await harness.provider.download(remote_id, target, max_bytes=MIB)
    harness.double.finish()
    await harness.provider.download(remote_id, target, max_bytes=MIB)


async def test_a_clip_of_a_lost_render_is_not_there(harness, target):
    remote_id = await harness.submitted(RenderStage.READY)
    harness.double.renders.clear()
    with pytest.raises(RemoteNotFoundError):
        await harness.provider.download(remote_id, target, max_bytes=MIB)
    assert files_beside(target) == []


async def test_a_cancelled_download_leaves_no_file(harness, target: Path):
    remote_id = await harness.submitted(RenderStage.READY)
    harness.double.fault(Step.CONTENT, ProviderFault.drip())
    task = asyncio.create_task(harness.provider.download(remote_id, target, max_bytes=MIB))
    while not harness.double.requests[Step.CONTENT]:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_beside(target) == []
