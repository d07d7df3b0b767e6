"""Orders that go well, at every vendor: sent once, exactly as asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from bot.errors import ModerationError, RenderFailedError
from bot.model import Operation
from bot.providers.base import Remote, RemoteState
from bot.providers.registry import VENDORS
from tests.contract.kitchens.scene import MIB, PAID, PUBLIC_URL, make
from tests.wire.kitchen.wire import Stage

_NOT_YET = (RemoteState.QUEUED, RemoteState.RUNNING)


async def test_an_order_arrives_as_it_was_given(scene):
    for order in await scene.orders():
        before = scene.paid_calls()
        remote = await scene.provider.submit(order)
        assert remote.state in _NOT_YET
        assert remote.id
        asked = scene.kitchen.last.asked
        assert asked.prompt == order.prompt
        assert asked.operation is order.operation
        assert asked.image is None
        assert asked.seconds == order.seconds or order.operation is Operation.REMIX
        assert asked.model == order.model or order.operation is not Operation.GENERATE
        assert scene.paid_calls() == before + 1
        assert scene.kitchen.creates[order.prompt] == 1
    assert scene.kitchen.violations == []


async def test_a_picture_arrives_byte_for_byte(scene, tmp_path: Path):
    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 "):
        image = tmp_path / "cat.bin"
        image.write_bytes(head + bytes(range(256)) * 9)
        for model in scene.models:
            if model.takes_image:
                await scene.provider.submit(scene.order(model, image=image))
                assert scene.kitchen.last.asked.image == image.read_bytes()
    assert scene.kitchen.violations == []


async def test_every_length_and_size_that_is_offered_is_one_that_the_vendor_takes(scene):
    vendor = VENDORS[scene.wire.name]
    settings = scene.kitchen.environ()
    if vendor.known:
        settings[f"{vendor.prefix}_MODELS"] = "; ".join(vendor.known)
    provider = make(scene.wire, settings, scene.clock)
    await provider.refresh()
    for model in provider.capabilities().models:
        for size in model.sizes:
            shape = scene.order(model, size=size)
            for seconds in model.seconds:
                await provider.submit(replace(shape, seconds=seconds))
                assert scene.kitchen.last.asked.seconds == seconds
        await provider.submit(scene.order(model, prompt="p" * model.prompt_max_chars))
    await provider.close()
    assert scene.kitchen.violations == []


async def test_a_clip_is_queued_and_rendered_and_fetched(scene, tmp_path: Path):
    for number, order in enumerate(await scene.orders()):
        remote = await scene.provider.submit(order)
        render = scene.kitchen.last
        for stage, progress in (
            (Stage.QUEUED, 0),
            (Stage.RUNNING, 42),
            (Stage.RUNNING, 7),
            (Stage.RUNNING, 100),
        ):
            render.stage, render.progress = stage, progress
            seen = await scene.polled(remote.id)
            assert isinstance(seen, Remote)
            assert seen.id == remote.id
            assert seen.state in _NOT_YET
            assert seen.progress in (None, progress)
            assert seen.error is None
        scene.kitchen.finish()
        seen = await scene.polled(remote.id)
        assert isinstance(seen, Remote)
        assert seen.state is RemoteState.READY
        target = tmp_path / f"{number}.mp4"
        await scene.provider.download(remote.id, target, max_bytes=MIB)
        assert target.read_bytes() == scene.kitchen.content
    assert scene.kitchen.violations == []


async def test_a_render_that_fails_says_whether_it_was_for_what_it_shows(scene):
    for stage, expected in (
        (Stage.FAILED, RenderFailedError),
        (Stage.MODERATED, ModerationError),
    ):
        for order in await scene.orders():
            remote = await scene.provider.submit(order)
            scene.kitchen.finish(stage=stage)
            seen = await scene.polled(remote.id)
            assert isinstance(seen, Remote)
            assert seen.state is RemoteState.FAILED
            assert type(seen.error) is expected


async def test_orders_share_no_connection(scene):
    for order in await scene.orders():
        await scene.provider.submit(order)
        await scene.submitted()
    ports = [seen.port for seen in scene.kitchen.seen]
    paid = [seen.port for seen in scene.kitchen.seen if seen.step in PAID]
    assert len(paid) >= 2
    assert all(ports.count(port) == 1 for port in paid)


async def test_many_orders_at_once_are_one_render_each(scene):
    prompts = [f"p{number}" for number in range(8)]
    remotes = await asyncio.gather(
        *(scene.provider.submit(scene.order(prompt=prompt)) for prompt in prompts)
    )
    assert scene.kitchen.creates == dict.fromkeys(prompts, 1)
    seen = await scene.provider.poll([remote.id for remote in remotes])
    assert set(seen) == {remote.id for remote in remotes}
    assert len(seen) == 8
    assert all(isinstance(each, Remote) for each in seen.values())


async def test_a_vendor_that_reports_finished_renders_is_told_where_to(scene):
    provider = make(scene.wire, scene.kitchen.environ(), scene.clock, public=True)
    await provider.refresh()
    await provider.submit(scene.order())
    [sent] = [seen for seen in scene.kitchen.seen if seen.step in PAID]
    told = unquote(sent.path) + sent.body.decode("utf-8", "replace").replace("\\/", "/")
    where = f"{PUBLIC_URL}/webhooks/{scene.wire.name}"
    assert (where in told) == provider.capabilities().has_webhook
    assert scene.provider.capabilities().has_webhook is False
    await provider.close()
    assert scene.kitchen.violations == []
