from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from bot.errors import BadClipError
from bot.media import mp4
from bot.media.clip_reader import first_frames, probe
from tests.wire import clips

_HOSTILE = Path(__file__).parents[1] / "fixtures" / "media"
_FTYP = b"\0\0\0\x10ftypisom\0\0\0\0"


def _box(kind: bytes, content: bytes = b"") -> bytes:
    return (len(content) + 8).to_bytes(4) + kind + content


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return clips.make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def write(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "file.mp4"
        path.write_bytes(content)
        return path

    return write


def test_a_real_clip_shows_its_boxes_in_order(clip):
    boxes = mp4.read_boxes(clip)
    kinds = [box.kind for box in boxes]
    assert kinds[0] == "ftyp"
    assert kinds.index("moov") < kinds.index("mdat")
    assert boxes[0].offset_bytes == 0
    assert sum(box.size_bytes for box in boxes) == clip.stat().st_size


def test_a_padded_clip_is_whole_and_walked_without_reading_it(clip, tmp_path):
    large = clips.make_clip(tmp_path / "large.mp4", pad_to_bytes=300 * 1024 * 1024)
    started_s = time.perf_counter()
    assert mp4.read_boxes(large)[-1].kind == "free"
    assert time.perf_counter() - started_s < 0.5
    assert clips.count_frames(large) == clips.count_frames(clip) > 0


def test_a_clip_cut_anywhere_is_told_from_a_whole_one(clip, write):
    content = clip.read_bytes()
    ends = {box.offset_bytes for box in mp4.read_boxes(clip)}
    cuts = {1, 7, 11, 12, 40, len(content) // 2, len(content) - 1, *ends, *(e + 5 for e in ends)}
    for cut in cuts:
        with pytest.raises(BadClipError):
            mp4.read_boxes(write(content[:cut]))


def test_large_and_open_ended_boxes_are_understood(write):
    long_form = b"\0\0\0\x01mdat" + (16 + 5).to_bytes(8) + b"12345"
    open_ended = b"\0\0\0\0mdat" + b"to the end"
    for last in (long_form, open_ended):
        boxes = mp4.read_boxes(write(_FTYP + _box(b"moov") + last))
        assert [box.kind for box in boxes] == ["ftyp", "moov", "mdat"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not an MP4: 0 bytes"),
        (b"<!DOCTYPE html><html>", "do not begin with an ftyp"),
        (b"ffconcat version 1.0\nfile victim.mp4\n", "do not begin with an ftyp"),
        (_box(b"moov") + _FTYP + _box(b"mdat"), "do not begin with an ftyp"),
        (_FTYP, "without moov and mdat"),
        (_FTYP + _box(b"moov"), "without mdat"),
        (_FTYP + _box(b"mdat"), "without moov"),
        (_FTYP + _box(b"moov") + _box(b"mdat") + b"\0", "1 stray bytes"),
        (_FTYP + _box(b"moov") + _box(b"mdat", b"x" * 9)[:-1], "truncated: 'mdat'"),
        (_FTYP + b"\0\0\0\x07moov" + bytes(8), "claims 7 bytes"),
        (_FTYP + b"\0\0\0\x01mdat" + (15).to_bytes(8), "claims 15 bytes"),
        (_FTYP + b"\0\0\0\x01mdat" + b"\0\0", "half a header"),
        (_FTYP + b"\0\0\0\x08\0\0\0\0", "no box at byte 16"),
        (_FTYP + _box(b"free") * 30_000, "more than 20000 boxes"),
    ],
)
def test_what_is_no_whole_mp4_is_refused_with_its_reason(write, content, problem):
    with pytest.raises(BadClipError, match=re.escape(problem)):
        mp4.read_boxes(write(content))


@pytest.mark.parametrize("name", ["stsz_80m.mp4", "stsz_80m_4tracks.mp4"])
async def test_a_table_that_claims_80_million_samples_is_refused_before_a_library_sees_it(name):
    with pytest.raises(BadClipError, match="80000000 samples"):
        mp4.read_boxes(_HOSTILE / name)
    with pytest.raises(BadClipError, match="80000000 samples"):
        await probe(_HOSTILE / name)


def test_frames_larger_than_the_header_says_are_not_decoded():
    with pytest.raises(BadClipError, match="cannot be read"):
        first_frames(_HOSTILE / "header64_frame4096.mp4", 30)


def _counts(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4) for number in numbers)


def _track(*tables: bytes, handler: bytes = b"vide") -> bytes:
    spoken = _box(b"hdlr", bytes(8) + handler + bytes(12))
    media = _box(b"mdia", spoken + _box(b"minf", _box(b"stbl", b"".join(tables))))
    return _box(b"trak", media)


def _entry(width_px: int, height_px: int) -> bytes:
    sizes = width_px.to_bytes(2) + height_px.to_bytes(2)
    return _box(b"stsd", _counts(0, 1) + _box(b"avc1", bytes(24) + sizes + bytes(50)))


_FEW = _box(b"stsz", _counts(0, 1, 3)) + _box(b"stts", _counts(0, 1, 3, 1))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (_track(_box(b"stsz", _counts(0, 0, 9_000))), "stsz claims 9000 samples in 0 bytes"),
        (_track(_box(b"stsz", _counts(0, 50, 9_000))), "stsz claims 9000 samples in"),
        (_track(_box(b"stz2", _counts(0, 8, 9_000))), "stz2 claims 9000 samples in 0 bytes"),
        (_track(_box(b"stco", _counts(0, 9, 0))), "stco claims 9 entries"),
        (_track(_box(b"co64", _counts(0, 9, 0))), "co64 claims 9 entries"),
        (_track(_box(b"stsc", _counts(0, 2**32 - 1))), "stsc claims 4294967295 entries"),
        (_track(_box(b"stts", _counts(0, 1, 2**31, 1))), "2147483648 samples"),
        (_track(_box(b"ctts", _counts(0, 2, 1_500_000, 1, 1_500_000, 1))), "3000000 samples"),
        (
            _track(
                _box(b"stsz", _counts(0, 0, 400_000) + bytes(1_600_000)),
                _box(b"elst", _counts(0, 9) + bytes(12 * 9)),
            ),
            "9 edits",
        ),
        (_track(_entry(8192, 8192)), "frames of 8192x8192"),
        (_box(b"cmov", bytes(30)), "compressed header"),
        (_box(b"udta", _box(b"stbl", _box(b"stco", _counts(0, 9)))), "stco claims 9"),
        (_box(b"stbl") * 100_001, "more than 100000 inner boxes"),
    ],
)
def test_a_table_that_claims_more_than_the_file_holds_is_refused(write, header, problem):
    with pytest.raises(BadClipError, match=re.escape(problem)):
        mp4.read_boxes(write(_FTYP + _box(b"moov", header) + _box(b"mdat")))


def test_a_fragment_that_claims_a_billion_samples_is_refused(write):
    fragment = _box(b"moof", _box(b"traf", _box(b"trun", _counts(0, 10**9))))
    with pytest.raises(BadClipError, match="1000000000 samples"):
        mp4.read_boxes(write(_FTYP + _box(b"moov") + fragment + _box(b"mdat")))


def test_tables_that_fit_and_a_box_that_is_a_little_too_long_are_accepted(write):
    note = (99).to_bytes(4) + b"\xa9nam" + b"a title that says stsz"
    header = _track(_entry(1920, 1080), _FEW) + _box(b"udta", note)
    sound = _track(_box(b"stsd", b"\xff" * 60), _FEW, handler=b"soun")
    assert mp4.read_boxes(write(_FTYP + _box(b"moov", header + sound) + _box(b"mdat", b"abc")))
