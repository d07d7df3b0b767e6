"""Clips of every vendor come down whole or not at all, and the key stays at home while they do."""

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
from tests.contract.kitchens.scene import MIB, Scene, left
from tests.wire.kitchen.faults import Fault
from tests.wire.kitchen.wire import Stage, Step
from tests.wire.stranger import Stranger

_FAULTS = [
    ("truncated", Fault.truncated(), BadClipError),
    ("html", Fault.html(200), BadClipError),
    ("json", Fault.json(200, {"error": {"message": "no"}}), BadClipError),
    ("html called a clip", Fault.raw(b"<html>whatever the label says"), BadClipError),
    ("empty", Fault.raw(b""), BadClipError),
    ("zeros", Fault.raw(bytes(4096)), BadClipError),
    ("never ending", Fault.endless(), OversizeClipError),
    ("cut", Fault.cut(), ProviderTroubleError),
    ("502", Fault.html(502), ProviderTroubleError),
    ("429", Fault.json(429, {"detail": "m"}, retry_after="60"), ProviderTroubleError),
    ("204", Fault.empty(204), ProviderTroubleError),
    ("to ftp", Fault.redirect("ftp://127.0.0.1/clip.mp4"), ProviderTroubleError),
    ("nowhere", Fault.redirect("http://[bad/clip.mp4"), ProviderTroubleError),
]


async def test_a_clip_comes_down_byte_for_byte(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    got = await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == scene.kitchen.content
    assert (got.path, got.size_bytes) == (target, len(scene.kitchen.content))
    assert got.sha256 == hashlib.sha256(scene.kitchen.content).hexdigest()
    assert left(target) == ["clip.mp4"]
    fetched = [seen.at_media for seen in scene.kitchen.seen if seen.step is Step.CONTENT]
    assert fetched == [scene.wire.is_media_elsewhere]
    assert scene.kitchen.violations == []


async def _broken(scene: Scene, folder: Path, name: str, fault: Fault) -> type[ProviderError]:
    """Fetch a clip of its own into a fault, and then without; return what was told."""
    target = folder / name / "clip.mp4"
    target.parent.mkdir()
    remote_id = await scene.submitted(Stage.READY, prompt=name)
    scene.kitchen.fault(Step.CONTENT, fault, prompt=name, times=3)
    with pytest.raises(ProviderError) as caught:
        await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert left(target) == [], name
    scene.kitchen.drop_faults(name)
    await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == scene.kitchen.content
    return type(caught.value)


async def test_a_download_that_fails_leaves_no_file_and_can_be_made_again(scene, tmp_path: Path):
    told = {row[0]: await _broken(scene, tmp_path, *row[:2]) for row in _FAULTS}
    assert told == {name: expected for name, _, expected in _FAULTS}
    assert scene.kitchen.violations == []


async def test_a_download_that_stands_still_is_given_up(scene, tmp_path: Path):
    late = [("gone quiet", Fault.drip()), ("too slow", Fault.slow(9))]
    told = await asyncio.gather(*(_broken(scene, tmp_path, *row) for row in late))
    assert set(told) == {ProviderTroubleError}
    assert scene.kitchen.violations == []


async def test_an_address_that_expired_is_asked_for_again(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    for status in (400, 401, 403, 404, 410) if scene.wire.is_media_elsewhere else ():
        scene.kitchen.seen.clear()
        scene.kitchen.fault(Step.CONTENT, Fault.expired(status))
        with pytest.raises(ProviderTroubleError):
            await scene.provider.download(remote_id, target, max_bytes=MIB)
        await scene.provider.download(remote_id, target, max_bytes=MIB)
        assert target.read_bytes() == scene.kitchen.content
        tried = [seen.path for seen in scene.kitchen.seen if seen.step is Step.CONTENT]
        assert len(set(tried)) == len(tried) == 2
        target.unlink()
    assert scene.kitchen.violations == []


async def test_a_redirect_to_another_host_is_followed_without_the_key(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    async with Stranger(scene.kitchen.content) as host:
        scene.kitchen.fault(Step.CONTENT, Fault.redirect(host.url))
        await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert target.read_bytes() == scene.kitchen.content
    [headers] = host.headers_seen
    assert scene.wire.credential[0] not in headers
    assert scene.wire.key not in repr(headers)
    assert scene.kitchen.violations == []


async def test_redirects_without_end_are_given_up(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    async with Stranger() as host:
        host.redirect_to = host.url
        scene.kitchen.fault(Step.CONTENT, Fault.redirect(host.url))
        with pytest.raises(ProviderTroubleError, match="more than 5 redirects"):
            await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert left(target) == []


async def test_a_clip_of_exactly_the_cap_is_taken_and_a_byte_more_is_not(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    size_bytes = len(scene.kitchen.content)
    with pytest.raises(OversizeClipError):
        await scene.provider.download(remote_id, target, max_bytes=size_bytes - 1)
    assert left(target) == []
    await scene.provider.download(remote_id, target, max_bytes=size_bytes)


async def test_a_clip_that_is_not_finished_cannot_be_fetched_yet(scene, target):
    remote_id = await scene.submitted(Stage.RUNNING)
    with pytest.raises(ProviderTroubleError):
        await scene.provider.download(remote_id, target, max_bytes=MIB)
    scene.kitchen.finish()
    await scene.provider.download(remote_id, target, max_bytes=MIB)


async def test_a_clip_of_a_lost_render_is_not_there(scene, target):
    remote_id = await scene.submitted(Stage.READY)
    scene.kitchen.renders.clear()
    with pytest.raises(RemoteNotFoundError):
        await scene.provider.download(remote_id, target, max_bytes=MIB)
    assert left(target) == []


async def test_a_cancelled_download_leaves_no_file(scene, target: Path):
    remote_id = await scene.submitted(Stage.READY)
    scene.kitchen.fault(Step.CONTENT, Fault.drip())
    task = asyncio.create_task(scene.provider.download(remote_id, target, max_bytes=MIB))
    while not scene.kitchen.requests[Step.CONTENT]:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(target) == []
