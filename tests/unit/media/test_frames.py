from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bot.errors import BadClipError, StorageError
from bot.media.clip_reader import first_frames, last_frames
from bot.media.frames import best_index, last_frame, thumbnail
from bot.model import Size
from tests.unit.media.video_files import number_of, numbered_pictures, tone, write_video

SIZE = Size(width_px=128, height_px=72)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "veryfast", "bf": "3", "g": "250"},
        {"preset": "veryfast", "bf": "3", "g": "10"},
        {"preset": "veryfast", "bf": "2", "g": "12", "x264-params": "open-gop=1"},
        {"preset": "ultrafast", "g": "1"},
    ],
)
@pytest.mark.parametrize("count", [1, 2, 7, 60, 61])
async def test_the_last_frame_is_the_last_one_shown(
    tmp_path: Path, options: dict[str, str], count: int
):
    clip = write_video(
        tmp_path / "clip.mp4", numbered_pictures(range(count)), options=options, sound=tone(0.2)
    )
    await last_frame(clip, tmp_path / "last.png", SIZE)
    assert number_of(read(tmp_path / "last.png")) == count - 1


@pytest.mark.parametrize("colour", [(210, 40, 40), (40, 190, 50), (50, 60, 200)])
async def test_the_colours_are_those_of_the_clip(tmp_path: Path, colour: tuple[int, int, int]):
    clip = write_video(tmp_path / "clip.mp4", [np.full((72, 128, 3), colour, dtype=np.uint8)] * 3)
    await last_frame(clip, tmp_path / "last.png", SIZE)
    assert np.abs(read(tmp_path / "last.png").astype(int) - colour).max() <= 4


async def test_the_last_frame_is_not_lost_in_uneven_time(tmp_path: Path):
    ticks = [0, 40, 80, 3000, 3040, 9000]
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(6)), ticks=ticks)
    await last_frame(clip, tmp_path / "last.png", SIZE)
    assert number_of(read(tmp_path / "last.png")) == 5


@pytest.mark.parametrize("codec", ["libx265", "libvpx-vp9"])
async def test_the_last_frame_of_any_codec_is_found(tmp_path: Path, codec: str):
    options = {"x265-params": "log-level=error"} if codec == "libx265" else {"deadline": "realtime"}
    clip = write_video(
        tmp_path / "clip.mp4", numbered_pictures(range(30)), codec=codec, options=options
    )
    await last_frame(clip, tmp_path / "last.png", SIZE)
    assert number_of(read(tmp_path / "last.png")) == 29


def test_only_the_end_of_a_long_clip_is_decoded(tmp_path: Path):
    options = {"preset": "veryfast", "g": "12"}
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(200)), options=options)
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    # Zeros make the first half of the clip undecodable.
    data[start : start + (len(data) - start) // 2] = bytes((len(data) - start) // 2)
    clip.write_bytes(data)
    frames = last_frames(clip, 3)
    shown = [
        number_of(frame.reformat(format="rgb24").to_ndarray().astype(np.uint8)) for frame in frames
    ]
    assert shown == [197, 198, 199]


def test_the_ends_of_a_short_clip_are_all_it_has(tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(2)))
    assert len(first_frames(clip, 3)) == len(last_frames(clip, 3)) == 2


@pytest.mark.parametrize("size", [(256, 144), (100, 100), (72, 128), (1, 1), (301, 17)])
async def test_the_picture_has_exactly_the_size_asked_for(tmp_path: Path, size: tuple[int, int]):
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(3)))
    await last_frame(clip, tmp_path / "last.png", Size(width_px=size[0], height_px=size[1]))
    with Image.open(tmp_path / "last.png") as picture:
        assert picture.format == "PNG"
        assert picture.size == size
        assert picture.mode == "RGB"
        assert not picture.info
        assert not picture.getexif()


async def test_a_larger_picture_of_another_shape_is_cut_not_squeezed(tmp_path: Path):
    round_thing = np.full((72, 128, 3), 30, dtype=np.uint8)
    y, x = np.mgrid[:72, :128]
    round_thing[(x - 64) ** 2 + (y - 36) ** 2 < 900] = 220
    clip = write_video(tmp_path / "clip.mp4", [round_thing] * 3)
    await last_frame(clip, tmp_path / "last.png", Size(width_px=200, height_px=200))
    lit = read(tmp_path / "last.png").mean(axis=2) > 128
    assert abs(lit.any(axis=0).sum() - lit.any(axis=1).sum()) <= 4


async def test_the_poster_is_the_first_frame_if_it_is_any_good(tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(30)))
    await thumbnail(clip, tmp_path / "poster.webp")
    with Image.open(tmp_path / "poster.webp") as picture:
        assert picture.format == "WEBP"
        assert picture.size == (128, 72)
    assert number_of(read(tmp_path / "poster.webp")) == 0


@pytest.mark.parametrize("flaw", ["dark", "blurred"])
async def test_a_dark_or_blurred_beginning_is_passed_over(tmp_path: Path, flaw: str):
    bad = np.full((72, 128, 3), 0 if flaw == "dark" else 120, dtype=np.uint8)
    if flaw == "dark":
        # Sharper than anything that follows.
        bad[::8, ::4] = 255
    clip = write_video(tmp_path / "clip.mp4", [bad] * 8 + numbered_pictures(range(8, 30)))
    await thumbnail(clip, tmp_path / "poster.webp")
    assert number_of(read(tmp_path / "poster.webp")) >= 8


async def test_a_clip_of_one_dark_frame_has_a_poster(tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4", [np.zeros((72, 128, 3), dtype=np.uint8)])
    await thumbnail(clip, tmp_path / "poster.webp")
    assert read(tmp_path / "poster.webp").max() < 10


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280)])
async def test_a_poster_is_at_most_640_wide_and_keeps_its_shape(
    tmp_path: Path, size: tuple[int, int]
):
    clip = write_video(
        tmp_path / "clip.mp4", numbered_pictures([5], size), options={"preset": "ultrafast"}
    )
    await thumbnail(clip, tmp_path / "poster.webp")
    with Image.open(tmp_path / "poster.webp") as picture:
        assert picture.width == 640
        assert picture.height == round(640 * size[1] / size[0])
    assert (tmp_path / "poster.webp").stat().st_size < 60_000


def test_the_first_frame_is_favoured():
    assert best_index([1.0, 1.4, 1.2]) == 0
    assert best_index([1.0, 1.4, 1.6]) == 2


@pytest.mark.parametrize("content", [b"", b"<html>", b"ffconcat version 1.0\nfile clip.mp4\n"])
async def test_what_is_no_clip_is_told_and_leaves_nothing(tmp_path: Path, content: bytes):
    write_video(tmp_path / "clip.mp4", numbered_pictures(range(3)))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(content)
    with pytest.raises(BadClipError):
        await last_frame(bad, tmp_path / "out", SIZE)
    with pytest.raises(BadClipError):
        await thumbnail(bad, tmp_path / "out")
    with pytest.raises(BadClipError):
        await thumbnail(tmp_path / "none.mp4", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mp4", "clip.mp4"]


async def test_a_truncated_clip_has_no_last_frame(tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(24)))
    clip.write_bytes(clip.read_bytes()[:-500])
    with pytest.raises(BadClipError, match="truncated"):
        await last_frame(clip, tmp_path / "out", SIZE)


async def test_a_picture_too_large_to_decode_is_refused(tmp_path: Path):
    clip = write_video(
        tmp_path / "clip.mp4", numbered_pictures([1], (4112, 2320)), options={"preset": "ultrafast"}
    )
    with pytest.raises(BadClipError, match="4112x2320"):
        await thumbnail(clip, tmp_path / "out")


async def test_a_disk_that_refuses_is_not_the_clip_s_fault(tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4", numbered_pictures(range(3)))
    with pytest.raises(StorageError):
        await last_frame(clip, tmp_path / "nowhere" / "out", SIZE)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError):
        await thumbnail(clip, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out"]
