"""Saves a clip to disk under a temporary name, checks the file, and then renames it."""

import asyncio
import binascii
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, TypeVar

from bot.errors import BadClipError, OversizeClipError, StorageError
from bot.media import mp4
from bot.providers.base import Download

_ResultT = TypeVar("_ResultT")

#: Base64 characters decoded at a time; a multiple of four.
_BASE64_SLICE_CHARS = 1024 * 1024


async def save(
    chunks: AsyncIterator[bytes], target: Path, *, max_bytes: int, announced_bytes: int | None
) -> Download:
    """Write `chunks` beside `target` and rename the file to `target` when it is a complete MP4.

    chunks           the body; each chunk is written in a thread, so it should not be tiny.
    announced_bytes  the length that the sender promised; None when the sender promised none.
    An existing `target` is replaced. Disk access, hashing and the check run in threads. A failure
    or a cancellation leaves no file.

    Raises BadClipError for a body of another length or a body that is no MP4, OversizeClipError
    for more than `max_bytes`, StorageError when the disk refuses, and whatever `chunks` raises.
    """
    if announced_bytes is not None and announced_bytes > max_bytes:
        raise OversizeClipError(f"{announced_bytes} bytes announced, {max_bytes} allowed")
    part = _PartialFile(target)
    try:
        await _in_thread(part.open)
        async for chunk in chunks:
            if part.size_bytes + len(chunk) > max_bytes:
                raise OversizeClipError(f"more than {max_bytes} bytes")
            await _in_thread(lambda chunk=chunk: part.write(chunk))
        if announced_bytes is not None and announced_bytes != part.size_bytes:
            raise BadClipError(f"truncated: {part.size_bytes} of {announced_bytes} bytes")
        return await _in_thread(part.finish)
    except OSError as error:
        problem = f"cannot save a clip: {error.strerror or error!r}"
        raise StorageError(problem, user_text="I could not save your clip on my disk.") from error
    finally:
        await _in_thread(part.discard)


async def save_base64(text: str, target: Path, *, max_bytes: int) -> Download:
    """Save a clip that arrives as base64 text; otherwise the same as `save`."""
    return await save(_decode_base64(text), target, max_bytes=max_bytes, announced_bytes=None)


async def _decode_base64(text: str) -> AsyncIterator[bytes]:
    for start in range(0, len(text), _BASE64_SLICE_CHARS):
        try:
            piece = binascii.a2b_base64(text[start : start + _BASE64_SLICE_CHARS], strict_mode=True)
        except ValueError as error:
            raise BadClipError(f"no base64: {error}") from error
        yield piece


class _PartialFile:
    """An incomplete clip beside `target`; each method blocks and runs in a thread by itself."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f"{target.name}.part")
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self._head = b""
        self.size_bytes = 0

    def open(self) -> None:
        # A killed process may have left a file. A concurrent download writes to its own inode.
        self._path.unlink(missing_ok=True)
        self._file = self._path.open("xb")

    def write(self, chunk: bytes) -> None:
        if self._file is None:
            raise ValueError("not open")
        if len(self._head) < mp4.SNIFF_BYTES:
            self._head = (self._head + chunk[: mp4.SNIFF_BYTES])[: mp4.SNIFF_BYTES]
            if len(self._head) == mp4.SNIFF_BYTES and not mp4.looks_like_mp4(self._head):
                raise BadClipError(f"not an MP4: it begins with {self._head!r}")
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size_bytes += len(chunk)

    def finish(self) -> Download:
        if self._file is None:
            raise ValueError("not open")
        self._file.flush()
        os.fsync(self._file.fileno())
        if not self._is_ours():
            raise BadClipError("another download of the same clip took over")
        mp4.read_boxes(self._path)
        self._path.replace(self._target)
        self._file.close()
        sha256 = self._hash.hexdigest()
        return Download(path=self._target, size_bytes=self.size_bytes, sha256=sha256)

    def discard(self) -> None:
        """Remove the file unless `finish` renamed it; does nothing for a removed file."""
        ours = self._is_ours()
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk may refuse the last buffered bytes
                self._file.close()
        if ours:
            self._path.unlink(missing_ok=True)

    def _is_ours(self) -> bool:
        """Whether the open file is still the one under its name, not a concurrent download's."""
        if self._file is None or self._file.closed:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False


async def _in_thread(work: Callable[[], _ResultT]) -> _ResultT:
    """Run `work` in a thread; a cancelled call waits for the thread before it raises.

    Without that wait the caller would remove the file while the thread still writes to it.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        raise
