"""Frames of a clip: their colours and rotation, and single frames as image files."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageChops, ImageOps, ImageStat

from bot.errors import BadClipError
from bot.media.atomic_file import atomic_write
from bot.media.clip_reader import last_frames, open_clip
from bot.model import Size

#: H.273 matrix coefficients for "unspecified".
_UNSPECIFIED = 2
#: By quarter turns to the left.
_TRANSPOSES = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
#: Largest width of a thumbnail.
THUMBNAIL_WIDTH_PX = 640
_THUMBNAIL_QUALITY = 80
#: Frames that may become the thumbnail: about the first second, a few frames apart.
_CANDIDATES = range(0, 25, 6)
#: Players show frame 0 before they play; another frame must score this many times better.
_FIRST_FRAME_BONUS = 1.5
#: Mean brightness, of 255, below which a frame is too dark for a thumbnail.
_DARK = 24
#: Width at which frames are compared; it keeps edges and removes coding noise.
_JUDGED_WIDTH_PX = 320


async def last_frame(clip: Path, target: Path, size: Size) -> None:
    """Write the last frame that `clip` shows to `target`, as a PNG of exactly `size`.

    A frame of another shape is scaled to cover `size` and cut at its longer sides. The file holds
    no metadata, and `target` appears only when it is whole. Runs in a thread and decodes only the
    end of the clip. Safe to run twice.

    Raises BadClipError when the clip cannot be read, StorageError when the disk refuses.
    """
    await asyncio.to_thread(_last_frame, clip, target, size)


async def thumbnail(clip: Path, target: Path) -> None:
    """Write a WebP of at most `THUMBNAIL_WIDTH_PX` to `target`: a sharp early frame, not too dark.

    `target` appears only when it is whole. Runs in a thread and decodes about the first second.
    Safe to run twice.

    Raises BadClipError when the clip cannot be read, StorageError when the disk refuses.
    """
    await asyncio.to_thread(_thumbnail, clip, target)


def best_index(scores: list[float]) -> int:
    """Return the index of the best score, after the bonus for the first."""
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
        # An RGB picture of a model's size is under 6 MB even before PNG packs it.
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
    """Return the H.273 matrix of a frame, or the one that players assume if it is unspecified.

    Both names of BT.601 give 5.
    """
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        matrix = 1 if min(frame.width, frame.height) >= 720 else 5
    return 5 if matrix == 6 else matrix


def is_full_range(frame: VideoFrame) -> bool:
    """Whether black is 0 and not 16."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def quarter_turns(frame: VideoFrame) -> int:
    """Return how many quarter turns to the left show the frame upright, 0 to 3."""
    return round(frame.rotation / 90) % 4


def frame_to_image(frame: VideoFrame) -> Image.Image:
    """Return a frame as an upright RGB picture."""
    # The two colour spaces must differ, or PyAV leaves swscale at its own BT.601 (PyAV 16.1,
    # 2026-11-20); for RGB the second one has no other effect.
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=color_matrix(frame),
        dst_colorspace=Colorspace.DEFAULT,
        src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
    )
    picture = Image.fromarray(rgb.to_ndarray())
    turns = quarter_turns(frame)
    return picture.transpose(_TRANSPOSES[turns]) if turns else picture
