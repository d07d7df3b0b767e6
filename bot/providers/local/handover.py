"""Handing a finished clip over: a checked copy that appears only when it is whole."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from pathlib import Path

from bot.errors import BadClipError, OversizeClipError, RemoteNotFoundError
from bot.providers.base import Download

_CHUNK_BYTES = 1 << 20


def hand_over(clip: Path, target: Path, *, max_bytes: int, stop: threading.Event) -> Download:
    """Copy `clip` to `target`; blocks. Nothing is left behind when it fails or `stop` is set.

    Raises RemoteNotFoundError when the clip is gone, OversizeClipError over `max_bytes`,
    BadClipError for a file that is no whole MP4, OSError.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    digest = hashlib.sha256()
    size_bytes = 0
    try:
        with clip.open("rb") as source:
            _check(source.fileno())
            with part.open("xb") as copy:
                while chunk := source.read(_CHUNK_BYTES):
                    if stop.is_set():
                        raise InterruptedError("nobody waits for this copy")
                    size_bytes += len(chunk)
                    if size_bytes > max_bytes:
                        raise OversizeClipError(f"more than {max_bytes} bytes")
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
        part.replace(target)
    except FileNotFoundError as error:
        if clip.exists():
            raise
        raise RemoteNotFoundError(f"{clip.parent.name} has no clip") from error
    finally:
        part.unlink(missing_ok=True)
    return Download(path=target, size_bytes=size_bytes, sha256=digest.hexdigest())


def _check(descriptor: int) -> None:
    """Walk the file's top-level boxes; BadClipError unless they start with ftyp and fill it."""
    end = os.fstat(descriptor).st_size
    at, first = 0, True
    while at < end:
        head = os.pread(descriptor, 16, at)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if (first and head[4:8] != b"ftyp") or len(head) < 8 or length < 8:
            break
        at, first = at + length, False
    if at != end or first:
        raise BadClipError("the rendered file is no whole MP4")
