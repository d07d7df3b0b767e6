"""Reads the boxes of an MP4 file without decoding anything."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.errors import BadClipError
from bot.media.mp4_tables import check_tables

#: How many bytes of a file `looks_like_mp4` needs.
SNIFF_BYTES = 12
# A fragmented clip of ten minutes has a few thousand boxes; a hostile file could have millions.
_MAX_BOXES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One top-level box of an MP4 file."""

    #: Four characters such as `moov`.
    kind: str
    #: Where the box's header begins in the file.
    offset_bytes: int
    #: Header and content together.
    size_bytes: int


def looks_like_mp4(head: bytes) -> bool:
    """Whether the first `SNIFF_BYTES` of a file open with an `ftyp` box."""
    return len(head) >= SNIFF_BYTES and head[4:8] == b"ftyp"


def read_boxes(path: Path) -> tuple[Box, ...]:
    """Return the top-level boxes of an MP4 file in their order. Blocking; reads only the headers.

    Raises BadClipError when the file does not begin with `ftyp`, when its boxes do not end exactly
    at its end (the mark of a truncated file), when `moov` or `mdat` is missing, or when a table
    claims more than a clip can hold; OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        boxes = _top_level(file)
        kinds = {box.kind for box in boxes}
        if missing := [kind for kind in ("moov", "mdat") if kind not in kinds]:
            raise BadClipError(f"an MP4 without {' and '.join(missing)}")
        check_tables(file, 0, boxes[-1].offset_bytes + boxes[-1].size_bytes)
    return boxes


def _top_level(file: BinaryIO) -> tuple[Box, ...]:
    boxes: list[Box] = []
    end = os.fstat(file.fileno()).st_size
    if not looks_like_mp4(file.read(SNIFF_BYTES)):
        raise BadClipError(f"not an MP4: {end} bytes that do not begin with an ftyp box")
    offset = 0
    while offset < end:
        if len(boxes) >= _MAX_BOXES:
            raise BadClipError(f"an MP4 of more than {_MAX_BOXES} boxes")
        box = _read_box(file, offset, end)
        boxes.append(box)
        offset += box.size_bytes
    return tuple(boxes)


def _read_box(file: BinaryIO, offset: int, end: int) -> Box:
    file.seek(offset)
    header = file.read(16)
    if len(header) < 8:
        raise BadClipError(f"truncated: {len(header)} stray bytes at {offset} of {end}")
    kind_bytes = header[4:8]
    if not all(0x20 <= byte <= 0x7E or byte == 0xA9 for byte in kind_bytes):
        raise BadClipError(f"no box at byte {offset} of {end}, but {kind_bytes!r}")
    kind = kind_bytes.decode("latin-1")
    size = int.from_bytes(header[:4])
    least = 8
    if size == 1:
        if len(header) < 16:
            raise BadClipError(f"truncated: half a header of {kind!r} at {offset} of {end}")
        size, least = int.from_bytes(header[8:16]), 16
    elif size == 0:
        size = end - offset  # ISO 14496-12: the last box may say "to the end of the file"
    if size < least:
        raise BadClipError(f"the box {kind!r} at {offset} claims {size} bytes")
    if offset + size > end:
        raise BadClipError(
            f"truncated: {kind!r} at {offset} needs {size} bytes, the file has {end - offset} left"
        )
    return Box(kind=kind, offset_bytes=offset, size_bytes=size)
