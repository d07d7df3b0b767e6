"""Successful paid calls at every vendor: each is sent once, exactly as requested."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from bot.errors import ModerationError, RenderFailedError
from bot.model import Operation
from bot.providers.base import RenderState, RenderStatus
from bot.providers.registry import VENDORS
from tests.contract.vendors.harness import MIB, PAID, PUBLIC_URL, make
from tests.wire.provider_double.wire import RenderStage

_NOT_YET = (RenderState.QUEUED, RenderState.RUNNING)


async def test_an_order_arrives_as_it_was_given(harness):
    for request in await harness.native_requests():
        before = harness.paid_calls()
        remote = await harness.provider.submit(request)
        assert remote.state in _NOT_YET
        assert remote.id
        asked = harness.double.last.paid_call
        assert asked.prompt == request.prompt
        assert asked.operation is request.operation
        assert asked.image is None
        assert asked.seconds == request.seconds or request.operation is Operation.REMIX
        assert asked.model == request.model or request.operation is not Operation.GENERATE
        assert harness.paid_calls() == before + 1
        assert harness.double.creates[request.prompt] == 1
    assert harness.double.violations == []


async def test_a_picture_arrives_byte_for_byte(harness, tmp_path: Path):
    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 "):
        image = tmp_path / "cat.bin"
        image.write_bytes(head + bytes(range(256)) * 9)
        for model in harness.models:
            if model.takes_image:
                await harness.provider.submit(harness.request(model, image=image))
                assert harness.double.last.paid_call.image == image.read_bytes()
    assert harness.double.violations == []


async def test_every_length_and_size_that_is_offered_is_one_that_the_vendor_takes(harness):
    vendor = VENDORS[harness.wire.name]
    settings = harness.double.environ()
    if vendor.known_models:
        settings[f"{vendor.prefix}_MODELS"] = "; ".join(vendor.known_models)
    provider = make(harness.wire, settings, harness.clock)
    await provider.refresh()
    for model in provider.capabilities().models:
        for size in model.sizes:
            shape = harness.request(model, size=size)
            for seconds in model.seconds:
                await provider.submit(replace(shape, seconds=seconds))
                assert harness.double.last.paid_call.seconds == seconds
        await provider.submit(harness.request(model, prompt="p" * model.prompt_max_chars))
    await provider.close()
    assert harness.double.violations == []


async def test_a_clip_is_queued_and_rendered_and_fetched(harness, tmp_path: Path):
    for number, request in enumerate(await harness.native_requests()):
        remote = await harness.provider.submit(request)
        render = harness.double.last
        for stage, progress in (
            (RenderStage.QUEUED, 0),
            (RenderStage.RUNNING, 42),
            (RenderStage.RUNNING, 7),
            (RenderStage.RUNNING, 100),
        ):
            render.stage, render.progress = stage, progress
            seen = await harness.polled(remote.id)
            assert isinstance(seen, RenderStatus)
            assert seen.id == remote.id
            assert seen.state in _NOT_YET
            assert seen.progress in (None, progress)
            assert seen.error is None
        harness.double.finish()
        seen = await harness.polled(remote.id)
        assert isinstance(seen, RenderStatus)
        assert seen.state is RenderState.READY
        target = tmp_path / f"{number}.mp4"
        await harness.provider.download(remote.id, target, max_bytes=MIB)
        assert target.read_bytes() == harness.double.content
    assert harness.double.violations == []


async def test_a_render_that_fails_says_whether_it_was_for_what_it_shows(harness):
    for stage, expected in (
        (RenderStage.FAILED, RenderFailedError),
        (RenderStage.MODERATED, ModerationError),
    ):
        for request in await harness.native_requests():
            remote = await harness.provider.submit(request)
            harness.double.finish(stage=stage)
            seen = await harness.polled(remote.id)
            assert isinstance(seen, RenderStatus)
            assert seen.state is RenderState.FAILED
            assert type(seen.error) is expected


async def test_orders_share_no_connection(harness):
    for request in await harness.native_requests():
        await harness.provider.submit(request)
        await harness.submitted()
    ports = [seen.port for seen in harness.double.seen]
    paid = [seen.port for seen in harness.double.seen if seen.step in PAID]
    assert len(paid) >= 2
    assert all(ports.count(port) == 1 for port in paid)


async def test_many_orders_at_once_are_one_render_each(harness):
    prompts = [f"p{number}" for number in range(8)]
    remotes = await asyncio.gather(
        *(harness.provider.submit(harness.request(prompt=prompt)) for prompt in prompts)
    )
    assert harness.double.creates == dict.fromkeys(prompts, 1)
    seen = await harness.provider.poll([remote.id for remote in remotes])
    assert set(seen) == {remote.id for remote in remotes}
    assert len(seen) == 8
    assert all(isinstance(each, RenderStatus) for each in seen.values())


async def test_a_vendor_that_reports_finished_renders_is_told_where_to(harness):
    provider = make(harness.wire, harness.double.environ(), harness.clock, public=True)
    await provider.refresh()
    await provider.submit(harness.request())
    [sent] = [seen for seen in harness.double.seen if seen.step in PAID]
    told = unquote(sent.path) + sent.body.decode("utf-8", "replace").replace("\\/", "/")
    where = f"{PUBLIC_URL}/webhooks/{harness.wire.name}"
    assert (where in told) == provider.capabilities().has_webhook
    assert harness.provider.capabilities().has_webhook is False
    await provider.close()
    assert harness.double.violations == []
