from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from bot.media import mp4
from bot.media.clip_reader import probe
from bot.media.concat.process import ConcatResult, concat_clips
from tests.unit.media.video_files import (
    number_of,
    numbered_pictures,
    numbers,
    seen,
    times_s,
    tone,
    write_video,
)

TICK = Fraction(1, 24)


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_video(tmp_path / "first.mp4", numbered_pictures(range(12)), sound=tone(0.5))


async def joined(first: Path, second: Path) -> tuple[ConcatResult, Path]:
    """Join two clips and assert that the result is one valid H.264 MP4 of even pace."""
    target = first.with_name("joined.mp4")
    told = await concat_clips(first, second, target)
    kinds = [box.kind for box in mp4.read_boxes(target)]
    assert kinds.index("moov") < kinds.index("mdat")
    facts = await probe(target)
    assert abs(facts.duration_ms - told.duration_ms) <= 1
    times = times_s(target)
    assert times[0] == 0
    with av.open(str(target), format="mp4") as clip:
        rate = clip.streams.video[0].average_rate
        assert rate is not None
        assert abs(len(times) * 1000 / rate - told.duration_ms) <= 1
        assert clip.streams.video[0].codec.name == "h264"
    # All frames of the joined clip have the same distance in time.
    assert all(abs((later - sooner) * rate - 1) < 0.01 for sooner, later in pairwise(times))
    assert not list(first.parent.glob("*.part"))
    return told, target


async def test_clips_coded_alike_are_joined_without_encoding(first: Path, tmp_path: Path):
    second = write_video(tmp_path / "second.mp4", numbered_pictures(range(12, 24)), sound=tone(0.5))
    told, target = await joined(first, second)
    assert told == ConcatResult(copied=True, dropped=False, duration_ms=1000)
    assert numbers(target) == list(range(24))
    # Every pixel of the joined clip equals its source, also in B-frames.
    was = [*seen(first), *seen(second)]
    assert all(np.array_equal(now, then) for now, then in zip(seen(target), was, strict=True))


async def test_a_chain_of_copies_stays_whole(first: Path, tmp_path: Path):
    target = first
    for start in (12, 24):
        more = write_video(tmp_path / f"{start}.mp4", numbered_pictures(range(start, start + 12)))
        told = await concat_clips(target, more, tmp_path / "chain.mp4")
        target = tmp_path / "chain.mp4"
        assert told.copied
    assert numbers(target) == list(range(36))


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"preset": "ultrafast"}),
        ("libx265", {"x265-params": "log-level=error"}),
        ("libvpx-vp9", {"deadline": "realtime"}),
        ("libaom-av1", {"cpu-used": "8", "usage": "realtime"}),
        ("mpeg4", {"b": "2000000"}),
    ],
)
async def test_clips_coded_otherwise_are_joined_by_encoding(
    first: Path, tmp_path: Path, codec: str, options: dict[str, str]
):
    second = write_video(
        tmp_path / "second.mp4", numbered_pictures(range(12, 24)), codec=codec, options=options
    )
    told, target = await joined(first, second)
    assert told == ConcatResult(copied=False, dropped=False, duration_ms=1000)
    assert numbers(target) == list(range(24))


async def test_what_is_not_h264_comes_out_as_h264(tmp_path: Path):
    options = {"x265-params": "log-level=error"}
    one = write_video(
        tmp_path / "1.mp4", numbered_pictures(range(6)), codec="libx265", options=options
    )
    other = write_video(
        tmp_path / "2.mp4", numbered_pictures(range(6, 12)), codec="libx265", options=options
    )
    told, target = await joined(one, other)
    assert not told.copied
    assert numbers(target) == list(range(12))


async def test_a_repeated_frame_is_dropped(first: Path, tmp_path: Path):
    # Other settings of the encoder make the repeated frame similar and not equal to the first.
    options = {"preset": "veryfast", "crf": "30"}
    second = write_video(tmp_path / "second.mp4", numbered_pictures(range(11, 24)), options=options)
    told, target = await joined(first, second)
    assert told == ConcatResult(copied=False, dropped=True, duration_ms=1000)
    assert numbers(target) == list(range(24))


async def test_a_still_scene_keeps_all_its_frames(tmp_path: Path):
    still = numbered_pictures([7] * 12)
    one, other = write_video(tmp_path / "1.mp4", still), write_video(tmp_path / "2.mp4", still)
    told, target = await joined(one, other)
    assert told == ConcatResult(copied=True, dropped=False, duration_ms=1000)
    assert len(times_s(target)) == 24


async def test_a_clip_of_one_frame_never_vanishes(first: Path, tmp_path: Path):
    one = write_video(tmp_path / "one.mp4", numbered_pictures([11]))
    told, target = await joined(first, one)
    assert not told.dropped
    assert numbers(target) == [*range(12), 11]
    _, target = await joined(one, first)
    assert numbers(target) == [11, *range(12)]


async def test_a_clip_of_another_rate_keeps_its_order_and_its_length(first: Path, tmp_path: Path):
    second = write_video(tmp_path / "second.mp4", numbered_pictures(range(12, 27)), rate=30)
    told, target = await joined(first, second)
    assert told.duration_ms == 1000
    found = numbers(target)
    assert found[:13] == list(range(13))
    assert all(later - sooner in (1, 2) for sooner, later in pairwise(found))
    assert len(found) == 24
    _, target = await joined(second, first)
    found = numbers(target)
    assert len(found) == 30
    assert found[:16] == [*range(12, 27), 0]
    assert found[15:] == sorted(found[15:])
    assert set(found) == set(range(27))


async def test_ntsc_rates_are_kept(tmp_path: Path):
    rate = Fraction(30_000, 1001)
    one = write_video(tmp_path / "1.mp4", numbered_pictures(range(6)), rate=rate)
    other = write_video(tmp_path / "2.mp4", numbered_pictures(range(5, 12)), rate=rate)
    told, target = await joined(one, other)
    assert told.dropped
    assert numbers(target) == list(range(12))
    with av.open(str(target), format="mp4") as clip:
        assert clip.streams.video[0].average_rate == rate


async def test_frames_of_uneven_length_become_even_and_none_is_black(first: Path, tmp_path: Path):
    ticks = [0, 40, 80, 160, 200, 300, 320, 400, 440, 480]
    uneven = write_video(tmp_path / "uneven.mp4", numbered_pictures(range(12, 22)), ticks=ticks)
    for one, other in ((first, uneven), (uneven, first)):
        _, target = await joined(one, other)
        found = numbers(target)
        assert -1 not in found
        edge = found.index(numbers(other)[0])
        assert found[edge - 1] == numbers(one)[-1]
        for part in (found[:edge], found[edge:]):
            assert part == sorted(part)


async def test_another_shape_is_set_on_black_in_the_first_s_size(first: Path, tmp_path: Path):
    tall = write_video(tmp_path / "tall.mp4", numbered_pictures(range(12, 18), (72, 128)))
    _, target = await joined(first, tall)
    pictures = seen(target)
    assert {picture.shape for picture in pictures} == {(72, 128, 3)}
    assert [number_of(picture[:, 44:84]) for picture in pictures[12:]] == list(range(12, 18))
    assert max(picture[:, :40].max() for picture in pictures[12:]) < 20
    assert max(picture[:, 88:].max() for picture in pictures[12:]) < 20


@pytest.mark.parametrize("size", [(256, 144), (192, 110), (64, 36)])
async def test_another_size_of_one_shape_fills_the_picture(
    first: Path, tmp_path: Path, size: tuple[int, int]
):
    second = write_video(tmp_path / "second.mp4", numbered_pictures(range(12, 18), size))
    told, target = await joined(first, second)
    assert not told.copied
    assert numbers(target) == list(range(18))
    assert seen(target)[-1][:2].mean() > 100


async def test_other_pixels_and_odd_sizes_are_taken(first: Path, tmp_path: Path):
    odd = write_video(
        tmp_path / "odd.mp4", numbered_pictures(range(12, 18), (161, 91)), pix_fmt="yuv444p"
    )
    _, target = await joined(odd, first)
    assert numbers(target) == [*range(12, 18), *range(12)]
    deep = write_video(
        tmp_path / "deep.mp4", numbered_pictures(range(12, 18)), pix_fmt="yuv420p10le"
    )
    _, target = await joined(first, deep)
    assert numbers(target) == list(range(18))


async def test_colours_and_their_tags_survive_encoding(first: Path, tmp_path: Path):
    # A small clip without colour tags has the matrix BT.601; its red must stay the same.
    with_601 = tmp_path / "601.mp4"
    red = np.full((72, 128, 3), (210, 40, 40), dtype=np.uint8)
    with av.open(str(with_601), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
        for index in range(6):
            frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, TICK
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    _, target = await joined(first, with_601)
    with av.open(str(target), format="mp4") as clip:
        context = clip.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
    assert np.abs(seen(target)[-1].astype(int) - red).max() <= 5


def turned(path: Path, target: Path) -> Path:
    """Copy an MP4 with a header that turns the picture a quarter to the right."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target


async def test_a_turned_clip_comes_out_upright(first: Path, tmp_path: Path):
    second = write_video(tmp_path / "second.mp4", numbered_pictures(range(12, 24), (128, 128)))
    told, target = await joined(first, turned(second, tmp_path / "turned.mp4"))
    assert not told.copied
    assert numbers(target)[:12] == list(range(12))
    for number, picture in enumerate(seen(target)[12:], 12):
        square = np.rot90(picture[:, 28:100])
        assert number_of(square) == number
    told, target = await joined(turned(first, tmp_path / "turned.mp4"), first)
    assert not told.copied
    assert seen(target)[0].shape == (128, 72, 3)
    assert [number_of(np.rot90(picture)) for picture in seen(target)[:12]] == list(range(12))


async def test_a_clip_can_be_joined_to_itself_and_take_its_own_place(first: Path):
    told = await concat_clips(first, first, first)
    assert told.duration_ms == 1000
    assert numbers(first) == [*range(12), *range(12)]
