"""Remixes and extensions at the local provider: what they take from their source, and when."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import pytest
from PIL import Image

from bot.clock import SystemClock
from bot.errors import ProviderRejectedError, SourceGoneError
from bot.model import Operation, Size
from bot.providers.base import ProviderRequest, RenderState, RenderStatus
from bot.providers.vendors.local import LocalProvider
from bot.providers.vendors.local_folder import RenderRecord
from tests.unit.local.orders import endless, order, until


def derived(
    operation: Operation,
    source: str | None,
    key: str = "C4D9",
    prompt: str = "make it night",
    *,
    seconds: int = 1,
    size: Size = Size(width_px=192, height_px=108),  # noqa: B008 - a frozen value
) -> ProviderRequest:
    return ProviderRequest(
        idempotency_key=key,
        prompt=prompt,
        model="local-preview",
        seconds=seconds,
        size=size,
        seed=99,
        operation=operation,
        source_remote_id=source,
    )


async def finished(provider: LocalProvider, wanted: ProviderRequest) -> RenderStatus:
    remote = await provider.submit(wanted)
    return await until(provider, remote.id, RenderState.READY)


def frames(clip: Path) -> list[Image.Image]:
    with av.open(str(clip)) as container:
        return [frame.to_image() for frame in container.decode(video=0)]


def light(image: Image.Image) -> float:
    values = image.convert("L").crop((0, 24, 192, 70)).tobytes()
    return sum(values) / len(values)


async def test_a_chain_of_remix_and_extensions_is_rendered_after_its_sources_are_gone(
    provider: LocalProvider, tmp_path: Path
):
    first = await finished(provider, order(prompt="a boat at sea at noon"))
    remix = await finished(provider, derived(Operation.REMIX, first.id, "BB"))
    longer = await provider.submit(derived(Operation.EXTEND, remix.id, "CC", "rain", seconds=2))
    await provider.delete(first.id)
    await provider.delete(remix.id)
    ready = await until(provider, longer.id, RenderState.READY)
    assert (ready.seconds, ready.source_remote_id, ready.prompt) == (3, remix.id, "rain")

    again = derived(Operation.EXTEND, longer.id, "DD", "and on", seconds=1)
    last = await finished(provider, again)
    assert (last.seconds, last.source_remote_id) == (4, longer.id)
    got = await provider.download(last.id, tmp_path / "clip.mp4", max_bytes=10**7)
    shown = frames(got.path)
    assert len(shown) == 4 * 24
    assert max(light(shown[0]), light(shown[-1])) < 90


async def test_a_remix_changes_the_clip_and_may_have_another_length_and_size(
    provider: LocalProvider, tmp_path: Path
):
    first = await finished(provider, order(prompt="a boat at sea at noon"))
    tall = Size(width_px=108, height_px=192)
    wanted = derived(Operation.REMIX, first.id, seconds=2, size=tall)
    remix = await finished(provider, wanted)
    assert (remix.seconds, remix.size, remix.source_remote_id) == (2, tall, first.id)
    before = frames(tmp_path / "renders" / first.id / "clip.mp4")
    after = frames(tmp_path / "renders" / remix.id / "clip.mp4")
    assert (len(before), len(after)) == (24, 48)
    assert after[0].size == (108, 192)
    assert light(after[12]) < 0.6 * light(before[12])


@pytest.mark.parametrize("operation", [Operation.REMIX, Operation.EXTEND])
async def test_a_reference_picture_goes_along(
    provider: LocalProvider, tmp_path: Path, operation: Operation
):
    picture = tmp_path / "green.png"
    Image.new("RGB", (192, 108), (10, 200, 30)).save(picture)
    first = await finished(provider, order(prompt="", image=picture))
    remote = await provider.submit(derived(operation, first.id, prompt="it snows"))
    await provider.delete(first.id)
    ready = await until(provider, remote.id, RenderState.READY)
    shown = frames(tmp_path / "renders" / ready.id / "clip.mp4")[-1]
    red, green, blue = shown.resize((1, 1), box=(20, 30, 170, 60)).getpixel((0, 0))  # pyright: ignore[reportGeneralTypeIssues]
    assert green > 120 > max(red, blue)


@pytest.mark.parametrize("operation", [Operation.REMIX, Operation.EXTEND])
async def test_a_source_that_is_not_there_is_told(
    provider: LocalProvider, tmp_path: Path, operation: Operation
):
    renders = tmp_path / "renders"
    done = await finished(provider, order("AA"))
    for name in ("unreadable", "half", "undrawn"):
        shutil.copytree(renders / done.id, renders / name)
    (renders / "unreadable" / "order.json").write_text("{}")
    (renders / "half" / "order.json").unlink()
    (renders / "undrawn" / "clip.mp4").unlink()
    cancelled = await provider.submit(endless("BB"))
    await provider.cancel(cancelled.id)
    running = await provider.submit(endless("CC"))

    sources = ("local-nobody", "../secret", "", "unreadable", "half", "undrawn")
    for source in (*sources, cancelled.id, running.id):
        with pytest.raises(SourceGoneError):
            await provider.submit(derived(operation, source, "DD"))
    assert not (renders / "local-dd").exists()


async def test_a_source_that_lost_its_picture_is_gone(provider: LocalProvider, tmp_path: Path):
    picture = tmp_path / "green.png"
    Image.new("RGB", (192, 108), (10, 200, 30)).save(picture)
    first = await finished(provider, order(image=picture))
    (tmp_path / "renders" / first.id / "picture").unlink()
    with pytest.raises(SourceGoneError):
        await provider.submit(derived(Operation.EXTEND, first.id))


@pytest.mark.parametrize("operation", [Operation.REMIX, Operation.EXTEND])
async def test_what_was_accepted_stays_accepted_when_its_source_is_gone(
    provider: LocalProvider, operation: Operation
):
    first = await finished(provider, order())
    once = await provider.submit(derived(operation, first.id))
    await provider.delete(first.id)
    again = await provider.submit(derived(operation, first.id))
    assert (again.id, again.source_remote_id, again.seconds) == (
        once.id,
        first.id,
        once.seconds,
    )
    ready = await until(provider, once.id, RenderState.READY)
    assert (await provider.submit(derived(operation, first.id))).state is ready.state


async def test_a_clip_is_extended_to_sixty_seconds_and_not_beyond(
    provider: LocalProvider, tmp_path: Path
):
    first = await finished(provider, order())
    with pytest.raises(ProviderRejectedError):
        await provider.submit(derived(Operation.EXTEND, first.id, "BB", seconds=60))
    assert not (tmp_path / "renders" / "local-bb").exists()
    longest = await provider.submit(derived(Operation.EXTEND, first.id, "BB", seconds=59))
    assert longest.seconds == 60
    await provider.cancel(longest.id)


async def test_orders_whose_source_and_operation_do_not_fit_are_rejected(provider: LocalProvider):
    for wrong in (
        derived(Operation.REMIX, None),
        derived(Operation.EXTEND, None),
        derived(Operation.GENERATE, "local-k7q2"),
    ):
        with pytest.raises(ProviderRejectedError):
            await provider.submit(wrong)


async def test_recent_tells_of_an_extension_its_whole_length_and_its_source(
    provider: LocalProvider,
):
    clock = SystemClock()
    first = await finished(provider, order())
    middle = clock.now()
    longer = await provider.submit(derived(Operation.EXTEND, first.id, prompt="rain", seconds=2))
    listed = {remote.id: remote for remote in await provider.recent(middle)}
    assert listed[longer.id].seconds == 3
    assert listed[longer.id].source_remote_id == first.id
    assert listed[longer.id].prompt == "rain"


async def test_a_record_with_a_seed_and_seconds_is_a_film_of_one_act(
    provider: LocalProvider, tmp_path: Path
):
    done = await finished(provider, order("AA", seed=7))
    plain = {
        "prompt": "A red fox in the snow at sunset",
        "model": "local-preview",
        "seconds": 1,
        "size": "192x108",
        "seed": 7,
        "has_image": False,
        "created_at": "2026-10-01 12:00:00+00:00",
    }
    folder = tmp_path / "renders" / "local-old"
    folder.mkdir()
    (folder / "order.json").write_text(json.dumps(plain))
    old = await until(provider, "local-old", RenderState.READY)
    assert (old.seconds, old.source_remote_id) == (1, None)
    new_clip = tmp_path / "renders" / done.id / "clip.mp4"
    assert (folder / "clip.mp4").read_bytes() == new_clip.read_bytes()
    assert (
        await provider.submit(derived(Operation.REMIX, "local-old"))
    ).source_remote_id == "local-old"


async def test_a_record_with_acts_is_rendered_remixed_and_extended(
    provider: LocalProvider, tmp_path: Path
):
    first = await finished(provider, order("AA", "a boat at sea", seed=7))
    longer = await finished(provider, derived(Operation.EXTEND, first.id, "BB", "rain"))
    boat = {"operation": "generate", "text": "a boat at sea", "seed": 7}
    rain = {"operation": "extend", "text": "rain", "seed": 99}
    in_acts = {
        "prompt": "rain",
        "model": "local-preview",
        "size": "192x108",
        "has_image": False,
        "created_at": "2026-10-01 12:00:00+00:00",
        "acts": [{"seconds": 1, "lines": [boat]}, {"seconds": 1, "lines": [boat, rain]}],
        "source": first.id,
    }
    renders = tmp_path / "renders"
    (renders / "local-old").mkdir()
    (renders / "local-old" / "order.json").write_text(json.dumps(in_acts))
    old = await until(provider, "local-old", RenderState.READY)
    assert (old.seconds, old.source_remote_id) == (2, first.id)

    pairs = [(longer.id, "local-old")]
    for operation in (Operation.REMIX, Operation.EXTEND):
        ends = [
            await finished(provider, derived(operation, source, f"{operation.name}{number}"))
            for number, source in enumerate(pairs[0])
        ]
        assert ends[0].seconds == ends[1].seconds
        pairs.append((ends[0].id, ends[1].id))
    for pair in pairs:
        one, other = ((renders / each / "clip.mp4").read_bytes() for each in pair)
        assert one == other


def test_a_record_survives_its_file():
    clock = SystemClock()
    first = RenderRecord.of(order(prompt='a "fox"\n🦊'), clock.now())
    for operation in (Operation.REMIX, Operation.EXTEND):
        record = RenderRecord.of(derived(operation, "local-k7q2"), clock.now(), first)
        assert RenderRecord.load(record.dump()) == record
        assert not record.has_image


async def test_a_remix_left_behind_by_a_killed_bot_is_rendered_the_same(tmp_path: Path):
    one = LocalProvider(tmp_path, SystemClock())
    first = await finished(one, order("AA"))
    whole = await finished(one, derived(Operation.REMIX, first.id, "BB"))
    left = await one.submit(derived(Operation.REMIX, first.id, "CC"))
    await one.close()
    two = LocalProvider(tmp_path, SystemClock())
    try:
        await two.delete(first.id)
        await until(two, left.id, RenderState.READY)
    finally:
        await two.close()
    clips = [(tmp_path / i / "clip.mp4").read_bytes() for i in (whole.id, left.id)]
    assert clips[0] == clips[1]
