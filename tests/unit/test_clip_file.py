from __future__ import annotations

import asyncio
import hashlib
import time

import pytest

from bot.errors import BadClipError, OversizeClipError
from bot.providers.http import clip_file
from tests.wire import clips

_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")
    return path.read_bytes()


async def _sent(*chunks: bytes, gate: asyncio.Event | None = None):
    for number, chunk in enumerate(chunks):
        if number and gate is not None:
            await gate.wait()
        yield chunk


def _save(chunks, target, announced_bytes=None, max_bytes=200 * _MIB):
    return clip_file.save(chunks, target, max_bytes=max_bytes, announced_bytes=announced_bytes)


async def test_chunks_of_any_size_make_the_same_file(clip, tmp_path):
    for step in (1, 5, 11, 4096):
        pieces = [clip[:11][at : at + step] for at in range(0, 11, step)] + [clip[11:]]
        got = await _save(_sent(*pieces), tmp_path / "clip.mp4", len(clip))
        assert got.path.read_bytes() == clip
        assert (got.size_bytes, got.sha256) == (len(clip), hashlib.sha256(clip).hexdigest())


@pytest.mark.parametrize("surplus_bytes", [-1, 1])
async def test_a_length_that_was_promised_must_be_kept(clip, tmp_path, surplus_bytes):
    with pytest.raises(BadClipError, match="truncated"):
        await _save(_sent(clip), tmp_path / "clip.mp4", len(clip) + surplus_bytes)
    assert list(tmp_path.iterdir()) == []


async def test_a_length_over_the_cap_is_refused_before_the_first_byte(clip, tmp_path):
    with pytest.raises(OversizeClipError):
        await _save(_sent(clip), tmp_path / "clip.mp4", 10**12)
    assert list(tmp_path.iterdir()) == []


async def test_whoever_is_overtaken_does_not_touch_the_others_file(clip, tmp_path):
    target, gate = tmp_path / "clip.mp4", asyncio.Event()
    slow = asyncio.create_task(_save(_sent(clip[:500], clip[500:], gate=gate), target))
    await asyncio.sleep(0.05)
    other = clip + b"\0\0\0\x0cfreeabcd"
    quick_gate = asyncio.Event()
    quick = asyncio.create_task(_save(_sent(other[:700], other[700:], gate=quick_gate), target))
    await asyncio.sleep(0.05)
    gate.set()
    with pytest.raises(BadClipError, match="took over"):
        await slow
    quick_gate.set()
    assert (await quick).size_bytes == len(other)
    assert target.read_bytes() == other
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


async def test_writing_and_hashing_leave_the_loop_free(clip, tmp_path):
    padding = 128 * _MIB
    boxes = clip + (padding + 8).to_bytes(4) + b"free"
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        last_s = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now_s = time.perf_counter()
            longest_s, last_s = max(longest_s, now_s - last_s), now_s

    watcher = asyncio.create_task(watch())
    started_s = time.perf_counter()
    await _save(_sent(boxes, bytes(padding)), tmp_path / "clip.mp4")
    took_s = time.perf_counter() - started_s
    watcher.cancel()
    # Writing this one large chunk on the event loop would block the loop for about `took_s`.
    assert longest_s < took_s / 2


async def test_a_cancelled_save_waits_for_its_thread_and_cleans_up(clip, tmp_path):
    for pause_s in (0.0, 0.01, 0.03):
        chunks = _sent(clip, bytes(64 * _MIB), gate=None)
        task = asyncio.create_task(_save(chunks, tmp_path / "clip.mp4"))
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.wait([task])
        assert list(tmp_path.iterdir()) == []
