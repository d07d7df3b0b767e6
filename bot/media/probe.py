"""What a finished file shows, read from its header."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import av
from av.error import FFmpegError

from bot.errors import BadClipError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """The picture of a clip."""

    width_px: int
    height_px: int
    duration_ms: int


async def probe(path: Path) -> ClipFacts:
    """Return the facts of an MP4 on disk, read in a thread.

    Raises BadClipError when it is no MP4, or has no picture or length.
    """
    return await asyncio.to_thread(_probe, path)


def _probe(path: Path) -> ClipFacts:
    try:
        # The format is named: left to guess, libavformat follows a text file called .mp4 to other
        # files in its folder (seen with libavformat 62, 2026-11-20).
        with av.open(str(path), format="mp4") as container:
            if not container.streams.video:
                raise BadClipError(f"{path.name} has no picture")
            stream = container.streams.video[0]
            duration_us = container.duration or 0
            width_px, height_px = stream.codec_context.width, stream.codec_context.height
    except FFmpegError as error:
        raise BadClipError(f"{path.name} cannot be read: {error}") from error
    if duration_us <= 0 or width_px <= 0 or height_px <= 0:
        raise BadClipError(f"{path.name} has no length or size")
    return ClipFacts(width_px=width_px, height_px=height_px, duration_ms=round(duration_us / 1000))
