"""A clip is downloaded completely or not at all, and the API key is sent only to the API's own
host.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from pathlib import Path

import pytest

from bot.errors import (
    BadClipError,
    OversizeClipError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    StorageError,
)
from bot.providers.http.timeouts import Timeouts
from bot.providers.http.transport import Transport
from bot.settings import Secret
from tests.contract.conftest import SHORT_TIMEOUTS
from tests.wire import clips
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.other_host import OtherHost
from tests.wire.videos_api import KEY, VideosApi
from tests.wire.videos_faults import VideosFault

_MIB = 1024 * 1024


@pytest.fixture
def remote_id(videos_api):
    return videos_api.add_render({"prompt": "a cat"}).id


def _left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


async def test_a_clip_comes_down_byte_for_byte(videos_api, openai, remote_id, target):
    got = await openai.download(remote_id, target, max_bytes=_MIB)
    assert target.read_bytes() == videos_api.content
    assert (got.path, got.size_bytes) == (target, len(videos_api.content))
    assert got.sha256 == hashlib.sha256(videos_api.content).hexdigest()
    assert _left(target) == ["clip.mp4"]
    assert videos_api.violations == []


async def test_a_second_download_replaces_the_first(videos_api, openai, remote_id, target):
    target.write_bytes(b"something old")
    (target.parent / "clip.mp4.part").write_bytes(b"left by a killed process")
    await openai.download(remote_id, target, max_bytes=_MIB)
    assert target.read_bytes() == videos_api.content
    assert _left(target) == ["clip.mp4"]


async def test_a_large_clip_never_holds_up_the_loop(videos_api, remote_id, target, tmp_path):
    videos_api.content = await asyncio.to_thread(
        clips.make_clip, tmp_path / "large.mp4", pad_to_bytes=40 * _MIB
    )
    gaps_s: list[float] = []

    async def watch() -> None:
        last_s = time.perf_counter()
        while True:
            await asyncio.sleep(0.005)
            now_s = time.perf_counter()
            gaps_s.append(now_s - last_s)
            last_s = now_s

    watcher = asyncio.create_task(watch())
    patient = Timeouts(idle_s=20, download_s=40)
    transport = _transport(videos_api, patient)
    got = await transport.download(f"videos/{remote_id}/content", target, max_bytes=40 * _MIB)
    watcher.cancel()
    await transport.close()
    assert got.size_bytes == 40 * _MIB
    # Other work on the machine stretches single gaps, so the largest tenth is ignored. If the
    # download blocked the event loop while it hashes or writes, nearly all gaps would be long.
    gaps_s.sort()
    assert gaps_s[int(len(gaps_s) * 0.9)] < 0.05


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (VideosFault.truncated(), BadClipError),
        (VideosFault.html(200), BadClipError),
        (VideosFault.json(200, {"error": {"message": "no"}}), BadClipError),
        (VideosFault.raw(b"<html>not a clip, whatever the label says"), BadClipError),
        (VideosFault.raw(b""), BadClipError),
        (VideosFault.raw(b"\0\0\0\x18ftypmp42"), BadClipError),
        (VideosFault.raw(bytes(4096)), BadClipError),
        (VideosFault.raw(b"\0\0\0\x18ftypmp42", content_encoding="gzip"), ProviderError),
        (VideosFault.endless(), OversizeClipError),
        (VideosFault.drip(), ProviderTroubleError),
        (VideosFault.slow(9), ProviderTroubleError),
        (VideosFault.cut(), ProviderTroubleError),
        (VideosFault.error(401, "m"), ProviderAccountError),
        (VideosFault.error(404, "m"), RemoteNotFoundError),
        (VideosFault.error(400, "not completed"), ProviderTroubleError),
        (VideosFault.html(502), ProviderTroubleError),
        (VideosFault.error(429, "m", retry_after="60"), ProviderTroubleError),
        (VideosFault.empty(204), ProviderTroubleError),
        (VideosFault.redirect("ftp://127.0.0.1/clip.mp4"), ProviderTroubleError),
        (VideosFault.redirect("http://user:word@127.0.0.1/clip.mp4"), ProviderTroubleError),
        (VideosFault.redirect("http://[bad/clip.mp4"), ProviderTroubleError),
    ],
    ids=repr,
)
async def test_a_download_that_fails_leaves_no_file(
    videos_api, openai, remote_id, target, fault, expected
):
    videos_api.fault("content", fault, times=3)
    with pytest.raises(expected):
        await openai.download(remote_id, target, max_bytes=_MIB)
    assert _left(target) == []


async def test_a_clip_that_lost_its_end_is_told_from_a_whole_one(
    videos_api, openai, remote_id, target
):
    videos_api.fault(
        "content",
        VideosFault.raw(videos_api.content[:-7]),
        VideosFault.raw(videos_api.content + b"\0"),
    )
    for _ in range(2):
        with pytest.raises(BadClipError, match="truncated"):
            await openai.download(remote_id, target, max_bytes=_MIB)
    assert _left(target) == []
    await openai.download(remote_id, target, max_bytes=_MIB)


async def test_a_clip_of_exactly_the_cap_is_taken_and_a_byte_more_is_not(
    videos_api, openai, remote_id, target
):
    await openai.download(remote_id, target, max_bytes=len(videos_api.content))
    target.unlink()
    with pytest.raises(OversizeClipError):
        await openai.download(remote_id, target, max_bytes=len(videos_api.content) - 1)
    assert _left(target) == []


async def test_a_stumble_before_the_first_byte_is_forgiven(videos_api, openai, remote_id, target):
    videos_api.fault("content", VideosFault.html(502), VideosFault.error(429, "m"))
    await openai.download(remote_id, target, max_bytes=_MIB)
    assert videos_api.requests["content"] == 3


async def test_a_cancelled_download_leaves_no_file(videos_api, openai, remote_id, target):
    for pause_s in (0.0, 0.02, 0.1):
        videos_api.fault("content", VideosFault.drip())
        task = asyncio.create_task(openai.download(remote_id, target, max_bytes=_MIB))
        await asyncio.sleep(pause_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _left(target) == []
        videos_api.drop_faults()


async def test_two_downloads_of_one_clip_leave_one_whole_file(
    videos_api, openai, remote_id, target
):
    results = await asyncio.gather(
        *(openai.download(remote_id, target, max_bytes=_MIB) for _ in range(4)),
        return_exceptions=True,
    )
    assert any(not isinstance(each, BaseException) for each in results)
    assert all(not isinstance(each, BaseException) or _is_retryable(each) for each in results)
    assert target.read_bytes() == videos_api.content
    assert _left(target) == ["clip.mp4"]


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ProviderError | StorageError) and error.retryable


async def test_a_folder_that_is_gone_is_the_disks_fault(openai, remote_id, tmp_path):
    with pytest.raises(StorageError):
        await openai.download(remote_id, tmp_path / "gone" / "clip.mp4", max_bytes=_MIB)


async def test_a_redirect_is_followed_without_the_key(videos_api, openai, remote_id, target):
    async with OtherHost(videos_api.content) as host:
        videos_api.fault("content", VideosFault.redirect(host.url))
        await openai.download(remote_id, target, max_bytes=_MIB)
    assert target.read_bytes() == videos_api.content
    [headers] = host.headers_seen
    assert "authorization" not in headers
    assert KEY not in repr(headers)
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "name", ["x-api-key", "api-key", "X-Goog-Api-Key", "Cookie", "Authorization"]
)
async def test_a_key_of_any_name_stays_at_home(name, target):
    async with (
        VideosApi(credential=(name, f"Bearer {KEY}")) as videos_api,
        OtherHost() as host,
    ):
        assert isinstance(videos_api.content, bytes)
        host.content = videos_api.content
        transport = _transport(videos_api, SHORT_TIMEOUTS, name)
        remote_id = videos_api.add_render({"prompt": "a cat"}).id
        videos_api.fault("content", VideosFault.redirect(host.url))
        await transport.download(f"videos/{remote_id}/content", target, max_bytes=_MIB)
        await transport.download(host.url, target, max_bytes=_MIB)
        await transport.close()
    assert len(host.headers_seen) == 2
    assert all(name.lower() not in headers for headers in host.headers_seen)
    assert KEY not in repr(host.headers_seen)
    assert videos_api.seen[0].headers[name.lower()] == f"Bearer {KEY}"


async def test_a_detour_comes_home_with_the_key(videos_api, openai, remote_id, target):
    home = f"{videos_api.base_url}/videos/{remote_id}/content"
    async with OtherHost(redirect_to=home) as host:
        videos_api.fault("content", VideosFault.redirect(host.url))
        await openai.download(remote_id, target, max_bytes=_MIB)
    assert target.read_bytes() == videos_api.content
    assert KEY not in repr(host.headers_seen)


async def test_redirects_without_end_are_given_up(videos_api, openai, remote_id, target):
    async with OtherHost() as host:
        host.redirect_to = host.url
        videos_api.fault("content", VideosFault.redirect(host.url))
        with pytest.raises(ProviderTroubleError, match="more than 5 redirects"):
            await openai.download(remote_id, target, max_bytes=_MIB)
    assert len(host.headers_seen) == 5
    assert _left(target) == []


async def test_nothing_secret_reaches_the_log(videos_api, openai, remote_id, target, caplog):
    echo = f"Incorrect API key provided: {KEY}; see http://127.0.0.1/x?sig=open-sesame"
    videos_api.fault("retrieve", VideosFault.error(401, echo))
    transport = _transport(videos_api, SHORT_TIMEOUTS)
    async with OtherHost(b"no clip") as host:
        videos_api.fault("content", VideosFault.redirect(host.url))
        with caplog.at_level(logging.DEBUG):
            seen = await openai.poll([remote_id])
            for call in (openai, transport):
                place = remote_id if call is openai else host.url
                with pytest.raises(BadClipError) as caught:
                    await call.download(place, target, max_bytes=_MIB)
    await transport.close()
    everything = repr((caplog.text, seen, str(seen[remote_id]), caught.value, openai.__dict__))
    assert KEY not in everything
    assert "open-sesame" not in everything
    assert host.url.partition("?")[0] in caplog.text
    lines = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert len(lines) == 3  # one for each failed call


def _transport(
    videos_api: VideosApi, timeouts: Timeouts, header: str = "Authorization"
) -> Transport:
    return Transport(
        base_url=videos_api.base_url,
        credentials={header: Secret(f"Bearer {KEY}")},
        clock=AutojumpClock(),
        timeouts=timeouts,
    )
