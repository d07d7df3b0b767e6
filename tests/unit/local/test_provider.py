from __future__ import annotations

import asyncio
import gc
import hashlib
from datetime import timedelta
from pathlib import Path

import av
import pytest
from PIL import Image

from bot.clock import SystemClock
from bot.errors import (
    BadClipError,
    NotAcceptedError,
    OversizeClipError,
    ProviderRejectedError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
)
from bot.providers.base import RenderState, RenderStatus
from bot.providers.vendors.local import MAX_S, LocalProvider
from renderer.script import screenplay
from tests.unit.local.orders import endless, order, renderers, until

HOSTILE_IDS = ("../secret", "..", "", "local/x", "LOCAL-X", "a\0b", "a" * 500, "local-%2e%2e")


async def test_an_order_becomes_a_clip_that_can_be_downloaded(
    provider: LocalProvider, tmp_path: Path
):
    queued = await provider.submit(order())
    assert queued.state is RenderState.QUEUED
    ready = await until(provider, queued.id, RenderState.READY)
    assert ready.progress == 100
    assert ready.cost_usd_micros == 0

    got = await provider.download(queued.id, tmp_path / "clip.mp4", max_bytes=10**7)

    data = got.path.read_bytes()
    assert got.size_bytes == len(data)
    assert got.sha256 == hashlib.sha256(data).hexdigest()
    with av.open(str(got.path), format="mp4") as container:
        assert container.streams.video[0].frames == 24


async def test_the_same_key_twice_makes_one_render(provider: LocalProvider, tmp_path: Path):
    first, second = await asyncio.gather(provider.submit(endless()), provider.submit(endless()))
    assert first.id == second.id
    await until(provider, first.id, RenderState.RUNNING)
    assert (await provider.submit(endless())).state is RenderState.RUNNING
    assert len(renderers()) == 1
    assert len(list((tmp_path / "renders").iterdir())) == 1


async def test_keys_that_differ_only_in_case_are_two_renders(provider: LocalProvider):
    one, other = await provider.submit(order("AB")), await provider.submit(order("ab"))
    assert one.id != other.id


async def test_progress_comes_from_the_renderer_and_never_falls(provider: LocalProvider):
    remote = await provider.submit(order(seconds=8))
    seen: list[int] = []
    while remote.state is not RenderState.READY:
        remote = await until(provider, remote.id, RenderState.RUNNING, RenderState.READY)
        seen.append(remote.progress or 0)
        await asyncio.sleep(0.02)
    assert seen == sorted(seen)
    assert len(set(seen)) > 4


async def test_no_more_than_max_concurrent_renderers_run_and_the_others_wait_in_order(
    provider: LocalProvider,
):
    ids = [(await provider.submit(order(key, seconds=4))).id for key in ("AA", "BB", "CC")]
    finished: list[str] = []
    while len(finished) < 3:
        remotes = await provider.poll(ids)
        states = [r.state for r in remotes.values() if isinstance(r, RenderStatus)]
        assert states.count(RenderState.RUNNING) <= 1
        assert len(renderers()) <= 1
        finished += [
            i
            for i in ids
            if i not in finished
            and isinstance(r := remotes[i], RenderStatus)
            and r.state is RenderState.READY
        ]
        await asyncio.sleep(0.03)
    assert finished == ids


async def test_cancel_kills_the_renderer_and_can_be_repeated(provider: LocalProvider):
    remote = await provider.submit(endless())
    await until(provider, remote.id, RenderState.RUNNING)
    (child,) = renderers()

    assert await provider.cancel(remote.id)
    assert await provider.cancel(remote.id)

    assert not child.is_running()
    after = (await provider.poll([remote.id]))[remote.id]
    assert isinstance(after, RenderStatus)
    assert after.state is RenderState.FAILED
    assert isinstance(after.error, RenderFailedError)


async def test_a_render_cancelled_while_it_waits_never_starts(provider: LocalProvider):
    await provider.submit(endless("AA"))
    waiting = await provider.submit(order("BB"))
    assert await provider.cancel(waiting.id)
    remote = await until(provider, waiting.id, RenderState.FAILED)
    assert remote.error is not None


async def test_a_finished_or_unknown_render_cannot_be_cancelled(provider: LocalProvider):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    assert not await provider.cancel(remote.id)
    assert not await provider.cancel("local-nobody")
    assert (await until(provider, remote.id, RenderState.READY)).error is None


async def test_delete_stops_the_render_and_leaves_no_file(provider: LocalProvider, tmp_path: Path):
    remote = await provider.submit(endless())
    await until(provider, remote.id, RenderState.RUNNING)
    assert await provider.delete(remote.id)
    assert await provider.delete(remote.id)
    assert renderers() == []
    assert list((tmp_path / "renders").iterdir()) == []
    assert isinstance((await provider.poll([remote.id]))[remote.id], RemoteNotFoundError)


async def test_a_download_over_the_cap_leaves_no_file(provider: LocalProvider, tmp_path: Path):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    target = tmp_path / "down"
    target.mkdir()
    with pytest.raises(OversizeClipError):
        await provider.download(remote.id, target / "clip.mp4", max_bytes=1000)
    assert list(target.iterdir()) == []


async def test_a_damaged_clip_is_not_handed_over(provider: LocalProvider, tmp_path: Path):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    clip = tmp_path / "renders" / remote.id / "clip.mp4"
    clip.write_bytes(clip.read_bytes()[:-7])
    with pytest.raises(BadClipError):
        await provider.download(remote.id, tmp_path / "clip.mp4", max_bytes=10**7)
    assert not (tmp_path / "clip.mp4").exists()


async def test_a_cancelled_download_has_ended_and_left_no_file_when_it_returns(
    provider: LocalProvider, tmp_path: Path
):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    clip, target = tmp_path / "renders" / remote.id / "clip.mp4", tmp_path / "down"
    target.mkdir()
    padding_bytes = 256 << 20
    with clip.open("ab") as file:
        whole_bytes = clip.stat().st_size + padding_bytes
        file.write(padding_bytes.to_bytes(4) + b"free")
        file.truncate(whole_bytes)

    for _ in range(3):
        copying = asyncio.create_task(
            provider.download(remote.id, target / "clip.mp4", max_bytes=10**9)
        )
        while not list(target.glob("*.part")):
            await asyncio.sleep(0.001)
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        assert list(target.iterdir()) == []


async def test_a_download_cancelled_at_any_moment_leaves_no_file_open(
    provider: LocalProvider, tmp_path: Path
):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    target = tmp_path / "clip.mp4"
    for turns in range(300):
        copying = asyncio.create_task(provider.download(remote.id, target, max_bytes=10**7))
        for _ in range(turns):
            await asyncio.sleep(0)
        copying.cancel()
        await asyncio.wait([copying])
    await asyncio.sleep(0.05)
    # Files that nobody closed complain when they are collected, and a complaint is a failure.
    gc.collect()
    assert not list(tmp_path.glob("*.part"))


async def test_what_was_downloaded_can_be_downloaded_again_until_it_is_deleted(
    provider: LocalProvider, tmp_path: Path
):
    remote = await provider.submit(order())
    await until(provider, remote.id, RenderState.READY)
    got = [
        await provider.download(remote.id, tmp_path / name, max_bytes=10**7)
        for name in ("one.mp4", "two.mp4")
    ]
    assert got[0].sha256 == got[1].sha256
    await provider.delete(remote.id)
    with pytest.raises(RemoteNotFoundError):
        await provider.download(remote.id, tmp_path / "three.mp4", max_bytes=10**7)


async def test_a_clip_that_is_not_there_yet_can_be_asked_for_later(
    provider: LocalProvider, tmp_path: Path
):
    remote = await provider.submit(endless())
    with pytest.raises(ProviderTroubleError):
        await provider.download(remote.id, tmp_path / "clip.mp4", max_bytes=10**7)
    with pytest.raises(RemoteNotFoundError):
        await provider.download("local-nobody", tmp_path / "clip.mp4", max_bytes=10**7)


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
async def test_an_id_never_becomes_a_path(provider: LocalProvider, tmp_path: Path, hostile: str):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "clip.mp4").write_bytes(b"private")
    (secret / "order.json").write_text("{}")

    assert isinstance((await provider.poll([hostile]))[hostile], RemoteNotFoundError)
    with pytest.raises(RemoteNotFoundError):
        await provider.download(hostile, tmp_path / "clip.mp4", max_bytes=10**7)
    assert not await provider.cancel(hostile)
    assert not await provider.delete(hostile)
    assert (secret / "clip.mp4").read_bytes() == b"private"


async def test_recent_lists_what_came_in_since(provider: LocalProvider):
    clock = SystemClock()
    before = clock.now()
    remote = await provider.submit(order(prompt="a boat"))
    (listed,) = await provider.recent(before - timedelta(seconds=5))
    assert (listed.id, listed.prompt, listed.model) == (remote.id, "a boat", "local-preview")
    assert await provider.recent(clock.now() + timedelta(seconds=5)) == []


async def test_orders_that_cannot_be_drawn_are_rejected(provider: LocalProvider, tmp_path: Path):
    for wrong in (
        order(model="sora-2"),
        order(seconds=0),
        order(seconds=61),
        order(image=tmp_path / "nowhere.png"),
    ):
        with pytest.raises(ProviderRejectedError):
            await provider.submit(wrong)


def test_the_provider_and_the_renderer_agree_on_the_longest_film():
    assert MAX_S == screenplay.MAX_S


async def test_a_picture_is_shown_in_the_clip_even_when_its_file_is_gone(
    provider: LocalProvider, tmp_path: Path
):
    picture = tmp_path / "green.png"
    Image.new("RGB", (192, 108), (10, 200, 30)).save(picture)
    remote = await provider.submit(order(prompt="", image=picture))
    picture.unlink()
    await until(provider, remote.id, RenderState.READY)
    got = await provider.download(remote.id, tmp_path / "clip.mp4", max_bytes=10**7)
    with av.open(str(got.path), format="mp4") as container:
        red, green, blue = next(container.decode(video=0)).to_image().getpixel((96, 54))
    assert green > 160
    assert max(red, blue) < 70


async def test_an_unreadable_picture_fails_the_render(provider: LocalProvider, tmp_path: Path):
    picture = tmp_path / "page.png"
    picture.write_text("<html>no picture</html>")
    remote = await provider.submit(order(image=picture))
    assert (await until(provider, remote.id, RenderState.FAILED)).error is not None


async def test_a_closed_provider_takes_nothing_and_leaves_no_process(provider: LocalProvider):
    remote = await provider.submit(endless())
    await until(provider, remote.id, RenderState.RUNNING)
    await provider.close()
    await provider.close()
    assert renderers() == []
    with pytest.raises(NotAcceptedError):
        await provider.submit(order("BB"))
