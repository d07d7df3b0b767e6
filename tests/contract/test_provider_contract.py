"""The contract of `Provider`, tested on the built-in renderer and on an OpenAI-shaped server.

One render takes seconds, so all tests of a provider share two renders and one event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import av
import pytest
import pytest_asyncio
from PIL import Image

from bot.clock import SystemClock
from bot.errors import (
    OversizeClipError,
    ProviderError,
    RemoteNotFoundError,
    SourceGoneError,
    UnsupportedError,
)
from bot.model import Operation, Size
from bot.providers.base import Download, RenderState, RenderStatus
from bot.providers.registry import build_providers
from bot.settings import Settings
from tests.contract.provider_under_test import SIZE, FinishedRender, ProviderUnderTest
from tests.wire import clips
from tests.wire.videos_api import KEY, VideosApi
from tests.wire.videos_render import LoopbackRender
from tests.wire.videos_thread import VideosApiThread

pytestmark = pytest.mark.asyncio(loop_scope="module")

_MAX_BYTES = 64 * 1024 * 1024
_NOWHERE = "NOSUCHJOB"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["local", "openai"])
async def under_test(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    api: VideosApi | None = None
    with ExitStack() as stack:
        settings = Settings(data_dir=folder / "data", video_providers=(request.param,))
        if request.param == "openai":
            clip = folder / "served.mp4"
            await asyncio.to_thread(clips.make_clip, clip, seconds=4, size=(1280, 720))
            # The loopback API runs in an event loop of its own, so that its tasks are not counted
            # as the provider's.
            api = stack.enter_context(VideosApiThread(VideosApi(content=clip, ready_after_s=0.3)))
            api.content_of = _concatenated_clip(folder)
            variables = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": api.base_url}
            settings = replace(settings, others=variables)
        provider = build_providers(settings, SystemClock())[request.param]
        yield ProviderUnderTest(provider=provider, settings=settings, folder=folder)
        await provider.close()
        if api is not None:
            assert api.violations == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def finished_render(under_test):
    request = under_test.request(
        "K7Q2", prompt='a "calico" cat\nplays ピアノ, 50% <b>loud</b> & proud'
    )
    submitted = await under_test.provider.submit(request)
    return FinishedRender(
        request=request, submitted=submitted, finished=await under_test.finish(submitted.id)
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def finished_render_with_image(under_test):
    image = under_test.folder / "reference.png"
    Image.new("RGB", (SIZE.width_px, SIZE.height_px), (200, 90, 30)).save(image)
    request = under_test.request("M3XW", image=image)
    submitted = await under_test.provider.submit(request)
    return FinishedRender(
        request=request, submitted=submitted, finished=await under_test.finish(submitted.id)
    )


async def test_it_goes_by_the_name_that_the_setting_uses(under_test):
    assert under_test.provider.name == under_test.settings.video_providers[0]


async def test_its_capabilities_are_sane_and_constant(under_test):
    can = under_test.provider.capabilities()
    assert can == under_test.provider.capabilities()
    assert can.models
    assert len({model.name for model in can.models}) == len(can.models)
    assert can.max_concurrent >= 1
    assert 0 <= can.typical_first_poll_s < can.deadline_s
    for model in can.models:
        assert model.name
        assert model.label
        assert list(model.seconds) == sorted(set(model.seconds))
        assert model.seconds[0] >= 1
        assert len(set(model.sizes)) == len(model.sizes) >= 1
        assert Operation.GENERATE in model.operations
        assert model.prompt_max_chars >= 500
        assert model.facts_source
        assert model.verified_on is not None
        for size in model.sizes:
            assert size.width_px % 2 == size.height_px % 2 == 0
            assert model.usd_micros_per_second[size] >= 0
            assert isinstance(model.price_usd_micros(model.seconds[-1], size), int)


async def test_an_order_is_taken_and_ends_ready(finished_render):
    assert finished_render.submitted.id
    assert finished_render.submitted.state is not RenderState.FAILED
    assert finished_render.finished.id == finished_render.submitted.id
    assert finished_render.finished.state is RenderState.READY
    assert finished_render.finished.error is None
    assert finished_render.finished.progress in (None, 100)


async def test_a_remix_of_a_finished_render_ends_ready_and_keeps_its_shape(
    under_test, finished_render, tmp_path
):
    remix = await _continued(
        under_test, finished_render, Operation.REMIX, "R3MX", "now at night, in the rain"
    )
    assert remix.finished.state is RenderState.READY, remix.finished.error
    assert remix.finished.id != finished_render.finished.id
    assert remix.submitted.source_remote_id in (None, finished_render.finished.id)
    assert remix.finished.source_remote_id in (None, finished_render.finished.id)
    target = tmp_path / "clip.mp4"
    await under_test.provider.download(remix.finished.id, target, max_bytes=_MAX_BYTES)
    size, seconds, _ = await asyncio.to_thread(_watch, target)
    assert size == finished_render.request.size
    assert abs(seconds - finished_render.request.seconds) <= 0.5


async def test_an_extension_of_a_finished_render_ends_ready_and_is_the_whole_clip(
    under_test, finished_render, tmp_path
):
    longer = await _continued(
        under_test, finished_render, Operation.EXTEND, "3XTD", "the cat takes a bow"
    )
    assert longer.finished.state is RenderState.READY, longer.finished.error
    assert longer.finished.id != finished_render.finished.id
    whole_s = finished_render.request.seconds + longer.request.seconds
    assert longer.finished.seconds in (None, whole_s)
    target = tmp_path / "clip.mp4"
    await under_test.provider.download(longer.finished.id, target, max_bytes=_MAX_BYTES)
    size, seconds, frames = await asyncio.to_thread(_watch, target)
    assert size == finished_render.request.size
    assert abs(seconds - whole_s) <= 0.5
    assert frames >= 4 * whole_s


@pytest.mark.parametrize("operation", [Operation.REMIX, Operation.EXTEND])
@pytest.mark.parametrize("source", [_NOWHERE, "..", "a/b"])
async def test_a_source_that_is_not_there_has_certainly_cost_nothing(under_test, operation, source):
    _skip_unless_offered(under_test, operation)
    request = under_test.request("G0NE", operation=operation, source_remote_id=source)
    with pytest.raises(SourceGoneError):
        await under_test.provider.submit(request)
    assert operation in under_test.provider.capabilities().models[0].operations


async def test_a_finished_clip_comes_down_playable(under_test, finished_render, tmp_path):
    target = tmp_path / "clip.mp4"
    got = await under_test.provider.download(
        finished_render.finished.id, target, max_bytes=_MAX_BYTES
    )
    content = await asyncio.to_thread(target.read_bytes)
    assert got == Download(
        path=target, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    size, seconds, frames = await asyncio.to_thread(_watch, target)
    assert size == finished_render.request.size
    assert abs(seconds - finished_render.request.seconds) <= 0.5
    assert frames >= 4 * finished_render.request.seconds
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


async def test_a_clip_can_be_had_again_and_is_the_same(under_test, finished_render, tmp_path):
    target = tmp_path / "clip.mp4"
    first = await under_test.provider.download(
        finished_render.finished.id, target, max_bytes=_MAX_BYTES
    )
    again = await under_test.provider.download(
        finished_render.finished.id, target, max_bytes=_MAX_BYTES
    )
    assert first == again


async def test_a_clip_over_the_cap_leaves_no_file(under_test, finished_render, tmp_path):
    target = tmp_path / "clip.mp4"
    with pytest.raises(OversizeClipError):
        await under_test.provider.download(finished_render.finished.id, target, max_bytes=1000)
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_download_leaves_all_or_nothing(under_test, finished_render, tmp_path):
    target = tmp_path / "clip.mp4"
    for pause_s in (0.0, 0.001, 0.01):
        call = under_test.provider.download(
            finished_render.finished.id, target, max_bytes=_MAX_BYTES
        )
        task = asyncio.create_task(call)
        await asyncio.sleep(pause_s)
        task.cancel()
        await asyncio.wait([task])
        left = [""]
        for _ in range(100):  # After the cancel, a thread may need a moment to remove its files.
            left = [path.name for path in tmp_path.iterdir()]
            if left in ([], ["clip.mp4"]):
                break
            await asyncio.sleep(0.02)
        assert left in ([], ["clip.mp4"])
        if left:
            assert await asyncio.to_thread(clips.count_frames, target)
            target.unlink()


async def test_an_unknown_id_is_told_as_a_value_when_polled(under_test):
    seen = await under_test.provider.poll([_NOWHERE])
    assert isinstance(seen[_NOWHERE], RemoteNotFoundError)


async def test_an_unknown_id_cannot_be_downloaded(under_test, tmp_path):
    with pytest.raises(RemoteNotFoundError):
        await under_test.provider.download(_NOWHERE, tmp_path / "c.mp4", max_bytes=_MAX_BYTES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "odd", ["", ".", "..", "../../etc/passwd", "a/b", "a%2fb", "x\0y", "é" * 300]
)
async def test_an_id_that_is_none_is_not_found_anywhere(under_test, tmp_path, odd):
    assert isinstance((await under_test.provider.poll([odd]))[odd], RemoteNotFoundError)
    with pytest.raises(RemoteNotFoundError):
        await under_test.provider.download(odd, tmp_path / "clip.mp4", max_bytes=_MAX_BYTES)


async def test_a_poll_answers_for_every_id_it_was_asked(under_test, finished_render):
    assert await under_test.provider.poll([]) == {}
    asked = [finished_render.finished.id, _NOWHERE, finished_render.finished.id]
    seen = await under_test.provider.poll(asked)
    assert set(seen) == set(asked)
    mine = seen[finished_render.finished.id]
    assert isinstance(mine, RenderStatus)
    assert (mine.id, mine.state) == (finished_render.finished.id, RenderState.READY)


async def test_an_order_can_be_recognised_among_the_recent_ones(under_test, finished_render):
    since = SystemClock().now() - timedelta(minutes=10)
    if not under_test.provider.capabilities().can_list:
        with pytest.raises(UnsupportedError):
            await under_test.provider.recent(since)
        return
    [mine] = [
        remote
        for remote in await under_test.provider.recent(since)
        if remote.prompt == finished_render.request.prompt
    ]
    assert mine.id == finished_render.finished.id
    assert mine.model in (None, finished_render.request.model)
    assert mine.seconds in (None, finished_render.request.seconds)
    assert mine.size in (None, finished_render.request.size)
    assert mine.created_at is not None
    assert since <= mine.created_at <= SystemClock().now() + timedelta(seconds=2)
    later = SystemClock().now() + timedelta(hours=1)
    assert all(
        remote.prompt != finished_render.request.prompt
        for remote in await under_test.provider.recent(later)
    )


async def test_a_finished_render_cannot_be_cancelled(under_test, finished_render):
    assert await under_test.provider.cancel(finished_render.finished.id) is False
    assert await under_test.provider.cancel(finished_render.finished.id) is False
    seen = (await under_test.provider.poll([finished_render.finished.id]))[
        finished_render.finished.id
    ]
    assert isinstance(seen, RenderStatus)
    assert seen.state is RenderState.READY


async def test_cancelling_tells_the_truth(under_test):
    remote = await under_test.provider.submit(under_test.request("C4NC"))
    stopped = await under_test.provider.cancel(remote.id)
    assert stopped is under_test.provider.capabilities().can_cancel
    if stopped:
        seen = (await under_test.provider.poll([remote.id]))[remote.id]
        assert isinstance(seen, ProviderError) or seen.state is RenderState.FAILED
    else:
        assert (await under_test.finish(remote.id)).state is RenderState.READY


async def test_an_order_with_a_picture_is_taken(under_test, finished_render_with_image):
    [model] = [
        each
        for each in under_test.provider.capabilities().models
        if each.name == finished_render_with_image.request.model
    ]
    assert model.takes_image
    assert finished_render_with_image.finished.state is RenderState.READY


async def test_deleting_tells_the_truth_and_can_be_repeated(under_test, finished_render_with_image):
    remote_id = finished_render_with_image.finished.id
    gone = await under_test.provider.delete(remote_id)
    assert gone is under_test.provider.capabilities().can_delete
    seen = (await under_test.provider.poll([remote_id]))[remote_id]
    assert isinstance(seen, RemoteNotFoundError) is gone
    await under_test.provider.delete(remote_id)


async def test_the_same_key_twice_is_one_render_where_that_is_promised(under_test, finished_render):
    if not under_test.provider.capabilities().submit_is_idempotent:
        pytest.skip("this provider does not promise it")
    again = await under_test.provider.submit(finished_render.request)
    assert again.id == finished_render.submitted.id


async def test_closing_leaves_nothing_running(under_test, tmp_path):
    settings = replace(under_test.settings, data_dir=tmp_path)
    before = asyncio.all_tasks()
    provider = build_providers(settings, SystemClock())[under_test.provider.name]
    await provider.submit(replace(under_test.request("CL0S"), prompt="closing time"))
    await provider.poll([_NOWHERE])
    await provider.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


def _skip_unless_offered(under_test: ProviderUnderTest, operation: Operation) -> None:
    if operation not in under_test.provider.capabilities().models[0].operations:
        pytest.skip(f"{under_test.provider.name} leaves it to the bot to {operation}")


async def _continued(
    under_test: ProviderUnderTest,
    finished_render: FinishedRender,
    operation: Operation,
    key: str,
    prompt: str,
) -> FinishedRender:
    """Make a clip from a finished one with a remix or extension at the provider."""
    _skip_unless_offered(under_test, operation)
    request = under_test.request(
        key, prompt=prompt, operation=operation, source_remote_id=finished_render.finished.id
    )
    submitted = await under_test.provider.submit(request)
    return FinishedRender(
        request=request, submitted=submitted, finished=await under_test.finish(submitted.id)
    )


def _concatenated_clip(folder: Path) -> Callable[[LoopbackRender], Path | None]:
    """Return a function that makes the file for a render that is an extension.

    The file has the length of source and extension together, as OpenAI's API serves it.
    """

    def content_of(job: LoopbackRender) -> Path | None:
        if job.route != "extend":
            return None
        size = Size.parse(job.size)
        return clips.make_clip(
            folder / f"{job.id}.mp4",
            seconds=int(job.seconds),
            size=(size.width_px, size.height_px),
        )

    return content_of


def _watch(path: Path) -> tuple[Size, float, int]:
    with av.open(str(path), format="mp4") as clip:
        picture = clip.streams.video[0]
        size = Size(width_px=picture.width, height_px=picture.height)
        frames = sum(1 for _ in clip.decode(picture))
        return size, (clip.duration or 0) / av.time_base, frames
