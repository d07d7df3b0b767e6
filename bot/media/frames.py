"""Frames of a clip: their colours and rotation, and single frames as image files."""

import asyncio
from itertools import islice
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageChops, ImageOps, ImageStat

from bot.errors import BadClipError
from bot.media.atomic_file import atomic_write
from bot.media.clip_reader import last_frames, open_clip
from bot.model import Size

#: H.273 matrix coefficients for "unspecified".
_UNSPECIFIED = 2
#: Largest width of a thumbnail.
THUMBNAIL_WIDTH_PX = 640
_THUMBNAIL_QUALITY = 80
#: Numbers of the frames that may become the thumbnail, out of about the first second.
_CANDIDATES = range(0, 25, 6)
#: A later frame becomes the thumbnail only if it scores this many times better than frame 0,
#: which players show before they play.
_FIRST_FRAME_BONUS = 1.5
#: Mean brightness, of 255, below which a frame is too dark for a thumbnail.
_DARK = 24
#: Width at which the sharpness of frames is compared: edges remain, and coding noise is gone.
_JUDGED_WIDTH_PX = 320


async def last_frame(clip: Path, target: Path, size: Size) -> None:
    """Write the last frame that `clip` shows to `target`, as a PNG of exactly `size`.

    A frame of another shape is scaled to cover `size` and cut at its longer sides. The file holds
    no metadata and appears only when it is complete. Runs in a thread. Safe to run twice.
    Raises BadClipError when the clip cannot be read, StorageError when the disk refuses.
    """
    await asyncio.to_thread(_last_frame, clip, target, size)


async def thumbnail(clip: Path, target: Path) -> None:
    """Write a sharp, bright, early frame of `clip` to `target`, as a WebP of at most 640 px width.

    The file appears only when it is complete. Runs in a thread. Safe to run twice.
    Raises BadClipError when the clip cannot be read, StorageError when the disk refuses.
    """
    await asyncio.to_thread(_thumbnail, clip, target)


def best_index(scores: list[float]) -> int:
    """Return the index of the best score; the first score counts `_FIRST_FRAME_BONUS` times."""
    favoured = [scores[0] * _FIRST_FRAME_BONUS, *scores[1:]]
    return favoured.index(max(favoured))


def score(picture: Image.Image) -> float:
    """Return a picture's sharpness, divided by ten when it is too dark for a thumbnail."""
    height_px = max(1, round(picture.height * _JUDGED_WIDTH_PX / picture.width))
    grey = picture.convert("L").resize((_JUDGED_WIDTH_PX, height_px), Image.Resampling.BOX)
    edges = ImageChops.difference(grey, ImageChops.offset(grey, 1, 0))
    sharpness = ImageStat.Stat(edges).rms[0]
    return sharpness if ImageStat.Stat(grey).mean[0] >= _DARK else sharpness / 10


def _last_frame(clip: Path, target: Path, size: Size) -> None:
    shown = frame_to_image(last_frames(clip, 1)[-1])
    fitted = ImageOps.fit(shown, (size.width_px, size.height_px), Image.Resampling.LANCZOS)
    with atomic_write(target) as part:
        fitted.save(part, "PNG")


def _thumbnail(clip: Path, target: Path) -> None:
    with open_clip(clip) as (container, stream):
        frames = islice(container.decode(stream), _CANDIDATES.stop)
        pictures = [frame_to_image(frame) for i, frame in enumerate(frames) if i in _CANDIDATES]
    if not pictures:
        raise BadClipError(f"{clip.name} has no frame that decodes")
    chosen = pictures[best_index([score(picture) for picture in pictures])]
    if chosen.width > THUMBNAIL_WIDTH_PX:
        height_px = max(1, round(chosen.height * THUMBNAIL_WIDTH_PX / chosen.width))
        chosen = chosen.resize((THUMBNAIL_WIDTH_PX, height_px), Image.Resampling.LANCZOS)
    with atomic_write(target) as part:
        chosen.save(part, "WEBP", quality=_THUMBNAIL_QUALITY)


def color_matrix(frame: VideoFrame) -> int:
    """Return the number of a frame's colour matrix in H.273, where 1 is BT.709, 5 and 6 BT.601.

    Of a frame without one, return the matrix that players assume. Both BT.601 numbers give 5.
    """
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        matrix = 1 if min(frame.width, frame.height) >= 720 else 5
    return 5 if matrix == 6 else matrix


def is_full_range(frame: VideoFrame) -> bool:
    """Whether a frame's colours use the full range, in which black is 0 and not 16."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def quarter_turns(frame: VideoFrame) -> int:
    """Return how many quarter turns to the left show the frame upright, 0 to 3."""
    return round(frame.rotation / 90) % 4


def frame_to_image(frame: VideoFrame) -> Image.Image:
    """Return a frame as an upright RGB picture."""
    # With equal source and target colour spaces PyAV leaves swscale at its own BT.601 (PyAV 16.1,
    # 2026-11-20); for RGB the target's has no other effect.
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=color_matrix(frame),
        dst_colorspace=Colorspace.DEFAULT,
        src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
    )
    return Image.fromarray(np.rot90(rgb.to_ndarray(), quarter_turns(frame)))
