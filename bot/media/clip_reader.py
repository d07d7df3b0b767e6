"""Reads MP4 files of providers: the header, the first frames and the last frames."""

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video import VideoStream
from av.video.frame import VideoFrame

from bot.errors import BadClipError
from bot.media import mp4
from bot.media.mp4_tables import MAX_PIXELS

#: The decoder refuses larger frames too: a frame may be larger than its header says.
_LIMITS = {"max_pixels": str(MAX_PIXELS)}
#: Seconds before a clip's end at which the search for its last frames starts. The second value
#: counts if the first finds too few frames; most clips have a keyframe every second or two.
_LOOK_BACK_S = (0.5, 5.0)


@contextmanager
def open_clip(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    """Open a clip and yield its container and its video stream. Blocking.

    Raises BadClipError when the file is missing, truncated, no MP4, without video or claims more
    than a clip can hold, and when decoding fails in the block.
    """
    try:
        mp4.read_boxes(path)
        # Without `format` libavformat follows references in a text file named .mp4 to other files
        # in the folder (seen with libavformat 62, 2026-11-20).
        with av.open(str(path.absolute()), format="mp4", options=_LIMITS) as container:
            if not container.streams.video:
                raise BadClipError(f"{path.name} has no picture")
            stream = container.streams.video[0]
            context = stream.codec_context
            if not 0 < context.width * context.height <= MAX_PIXELS:
                raise BadClipError(f"{path.name} measures {context.width}x{context.height}")
            context.thread_count = 2
            context.options = _LIMITS
            yield container, stream
    except (FFmpegError, OSError) as error:
        raise BadClipError(f"{path.name} cannot be read: {error}") from error


def first_frames(path: Path, count: int) -> list[VideoFrame]:
    """Return a clip's first `count` frames in the order of showing, fewer of a shorter clip.

    Raises BadClipError when no frame decodes.
    """
    with open_clip(path) as (container, stream):
        frames = list(islice(container.decode(stream), count))
    if not frames:
        raise BadClipError(f"{path.name} has no frame that decodes")
    return frames


def last_frames(path: Path, count: int) -> list[VideoFrame]:
    """Return a clip's last `count` frames in the order of showing, fewer of a shorter clip.

    Only the end of a long clip is decoded. Raises BadClipError when no frame decodes.
    """
    with open_clip(path) as (container, stream):
        for back_s in _LOOK_BACK_S:
            found = _frames_from(container, stream, back_s, count)
            if len(found) == count:
                return found
    with open_clip(path) as (container, stream):
        found = list(deque(container.decode(stream), maxlen=count))
    if not found:
        raise BadClipError(f"{path.name} has no frame that decodes")
    return found


def _frames_from(
    container: InputContainer, stream: VideoStream, back_s: float, count: int
) -> list[VideoFrame]:
    if stream.time_base is None or stream.duration is None:
        return []
    ticks = stream.duration - int(back_s / stream.time_base)
    # A file without a usable index cannot seek; the caller then reads the file from its beginning.
    with suppress(FFmpegError):
        container.seek((stream.start_time or 0) + max(0, ticks), stream=stream)
        return list(deque(container.decode(stream), maxlen=count))
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """Size and length of a clip."""

    width_px: int
    height_px: int
    duration_ms: int


async def probe(path: Path) -> ClipFacts:
    """Read size and length of an MP4 in a thread. Raises BadClipError if the file has none."""
    return await asyncio.to_thread(_probe, path)


def _probe(path: Path) -> ClipFacts:
    with open_clip(path) as (container, stream):
        duration_us = container.duration or 0
        width_px, height_px = stream.codec_context.width, stream.codec_context.height
    if duration_us <= 0:
        raise BadClipError(f"{path.name} has no length")
    return ClipFacts(width_px=width_px, height_px=height_px, duration_ms=round(duration_us / 1000))
