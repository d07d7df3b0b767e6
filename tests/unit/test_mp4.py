from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from bot.errors import BadClipError
from bot.media import mp4
from tests.wire import clips

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
