"""Bounds what the tables of an MP4 file claim, before a media library makes room for it.

A sample table of 20 bytes can claim 80 million samples, for which libavformat 62 takes 2.8 GB.
"""

import os
from dataclasses import dataclass, field
from typing import BinaryIO

from bot.errors import BadClipError

#: Larger frames are refused before decoding: no model makes such frames, but an attacker may.
MAX_PIXELS = 4096 * 2304
#: Most samples of a file. Ten minutes of 120 pictures a second are 72,000; 40 seconds of sound
#: without compression have as many samples as this.
MAX_SAMPLES = 2_000_000
#: A fragmented clip of ten minutes with a fragment for each second has about 10,000 inner boxes.
_MAX_BOXES = 100_000
#: Boxes that hold other boxes, and the deepest nesting of them that is read.
_CONTAINERS = frozenset(
    (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf", b"udta")
)
_MAX_DEPTH = 8
#: Bytes of each entry in a table whose header is 8 bytes: version, flags, number of entries.
_ENTRY_BYTES = {b"stts": 8, b"ctts": 8, b"stsc": 12, b"stco": 4, b"co64": 8, b"stss": 4}
#: Of these, the tables whose entries begin with a number of samples.
_RUN_LENGTHS = (b"stts", b"ctts")


@dataclass(slots=True)
class _Claims:
    """What the tables that were read so far claim."""

    boxes: int = 0
    #: Samples by the kind of table that claims them.
    samples: dict[bytes, int] = field(default_factory=dict[bytes, int])
    #: Handler, samples and edits of the track that is being read.
    handler: bytes = b""
    track_samples: int = 0
    track_edits: int = 0

    def add_samples(self, kind: bytes, count: int) -> None:
        self.samples[kind] = self.samples.get(kind, 0) + count
        if self.samples[kind] > MAX_SAMPLES:
            raise BadClipError(f"an MP4 of {self.samples[kind]} samples")


def check_tables(file: BinaryIO, start: int, end: int) -> None:
    """Check the tables between two offsets of an MP4 file, which are those of whole boxes.

    Blocking; reads the headers of boxes and of tables. Raises BadClipError when a table claims
    more entries than its box or more bytes than the file can hold, more than `MAX_SAMPLES` samples
    or a frame of more than `MAX_PIXELS`, and when the header is compressed.
    """
    _walk(file, start, end, _Claims(), 0)


def _walk(file: BinaryIO, start: int, end: int, claims: _Claims, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise BadClipError(f"an MP4 with boxes nested more than {_MAX_DEPTH} deep")
    offset = start
    while offset + 8 <= end:
        claims.boxes += 1
        if claims.boxes > _MAX_BOXES:
            raise BadClipError(f"an MP4 of more than {_MAX_BOXES} inner boxes")
        file.seek(offset)
        header = file.read(16)
        size, kind, head = int.from_bytes(header[:4]), header[4:8], 8
        if size == 1:
            size, head = int.from_bytes(header[8:16]), 16
        elif size == 0:
            size = end - offset
        if size < head:
            return
        # libavformat reads a box that is too long up to the end of the box around it.
        size = min(size, end - offset)
        file.seek(offset + head)
        if kind in _CONTAINERS:
            if kind == b"trak":
                claims.handler, claims.track_samples, claims.track_edits = b"", 0, 0
            _walk(file, offset + head, offset + size, claims, depth + 1)
        else:
            _check_box(file, kind, size - head, claims)
        offset += size


def _check_box(file: BinaryIO, kind: bytes, size: int, claims: _Claims) -> None:
    """Check the box whose content of `size` bytes begins where `file` stands."""
    if kind == b"cmov":
        raise BadClipError("an MP4 with a compressed header")
    if kind == b"hdlr":
        claims.handler = file.read(min(size, 12))[8:]
    elif kind == b"stsd" and claims.handler == b"vide":
        _check_frame_size(file.read(min(size, 44)))
    elif kind in (b"stsz", b"stz2"):
        _check_sizes(file, kind, size, claims)
    elif kind == b"trun":
        claims.add_samples(b"trun", _number(file.read(min(size, 8)), 4))
    elif kind == b"elst":
        head = file.read(min(size, 8))
        claims.track_edits = _entries(head, kind, 20 if head[:1] == b"\1" else 12, size)
        _check_edits(claims)
    elif kind in _ENTRY_BYTES:
        count = _entries(file.read(min(size, 8)), kind, _ENTRY_BYTES[kind], size)
        if kind in _RUN_LENGTHS and count <= MAX_SAMPLES:
            runs = file.read(8 * count)
            count = sum(_number(runs, at) for at in range(0, len(runs), 8))
        claims.add_samples(kind, count)


def _check_frame_size(table: bytes) -> None:
    # ISO 14496-12, VisualSampleEntry: after the table's head of 8 bytes and the entry's of 8.
    width_px, height_px = _number(table, 40, 2), _number(table, 42, 2)
    if width_px * height_px > MAX_PIXELS:
        raise BadClipError(f"an MP4 with frames of {width_px}x{height_px}")


def _check_sizes(file: BinaryIO, kind: bytes, size: int, claims: _Claims) -> None:
    table = file.read(min(size, 12))
    each, count = _number(table, 4), _number(table, 8)
    if kind == b"stz2":
        needed, room = count * (each & 0xFF) // 8, size - 12
    elif each:
        needed, room = count * each, os.fstat(file.fileno()).st_size
    else:
        needed, room = count * 4, size - 12
    if needed > room:
        raise BadClipError(f"{kind.decode()} claims {count} samples in {room} bytes")
    claims.add_samples(b"stsz", count)
    claims.track_samples += count
    _check_edits(claims)


def _check_edits(claims: _Claims) -> None:
    # libavformat repeats a track's index for each edit (libavformat 62, 2026-11-30).
    if claims.track_edits * claims.track_samples > MAX_SAMPLES:
        raise BadClipError(f"an MP4 with {claims.track_edits} edits")


def _entries(head: bytes, kind: bytes, entry_bytes: int, size: int) -> int:
    """Return a table's number of entries. Raises BadClipError if its box has no room for them."""
    count = _number(head, 4)
    if count * entry_bytes > size - 8:
        raise BadClipError(f"{kind.decode()} claims {count} entries in {size} bytes")
    return count


def _number(content: bytes, at: int, length: int = 4) -> int:
    return int.from_bytes(content[at : at + length])
