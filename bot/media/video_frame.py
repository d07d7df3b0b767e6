"""Colour and rotation of a decoded frame."""

from __future__ import annotations

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image

#: H.273 matrix coefficients for "unspecified".
_UNSPECIFIED = 2
#: By quarter turns to the left.
_TRANSPOSES = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}


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
