"""Converts frames of any size, colour space and rotation to one format."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from bot.media.video_frame import color_matrix, is_full_range, quarter_turns

_Plane = NDArray[np.uint8]
#: Black in limited range: luma, then both colour differences.
_BLACK = (16, 128, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What every frame of the result looks like: yuv420p in limited range, upright."""

    #: Even.
    width_px: int
    #: Even.
    height_px: int
    #: Width of a pixel by its height.
    pixel_aspect: Fraction
    #: H.273 matrix coefficients.
    matrix: int

    @classmethod
    def of(cls, frame: VideoFrame, pixel_aspect: Fraction) -> Canvas:
        """Return the canvas on which `frame` fills everything."""
        width_px, height_px = frame.width, frame.height
        if quarter_turns(frame) % 2:
            width_px, height_px, pixel_aspect = height_px, width_px, 1 / pixel_aspect
        return cls(
            width_px=max(2, width_px // 2 * 2),
            height_px=max(2, height_px // 2 * 2),
            pixel_aspect=pixel_aspect,
            matrix=color_matrix(frame),
        )

    def draw(self, frame: VideoFrame, pixel_aspect: Fraction) -> VideoFrame:
        """Return `frame` upright in the middle of the canvas, as large as fits, on black.

        A frame whose shape is within a pixel or two of the canvas's fills it.
        """
        turns = quarter_turns(frame)
        aspect = pixel_aspect * frame.width / frame.height
        if turns % 2:
            aspect = 1 / aspect
        width_px, height_px = self.fit(aspect)
        if turns % 2:
            scaled = self._scaled(frame, height_px, width_px)
        else:
            scaled = self._scaled(frame, width_px, height_px)
        if turns or (width_px, height_px) != (self.width_px, self.height_px):
            scaled = self._placed(scaled, turns)
        # Otherwise the encoder would put keyframes where the source had them.
        scaled.pict_type = PictureType.NONE
        return scaled

    def fit(self, aspect: Fraction) -> tuple[int, int]:
        """Return the even size in pixels of a picture of that displayed aspect on this canvas."""
        own = self.pixel_aspect * self.width_px / self.height_px
        width_px, height_px = self.width_px, self.height_px
        if aspect > own:
            height_px = max(2, round(height_px * own / aspect / 2) * 2)
        else:
            width_px = max(2, round(width_px * aspect / own / 2) * 2)
        if self.width_px - width_px <= 2 and self.height_px - height_px <= 2:
            return self.width_px, self.height_px
        return width_px, height_px

    def _scaled(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        return frame.reformat(
            width=width_px,
            height=height_px,
            format="yuv420p",
            src_colorspace=color_matrix(frame),
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )

    def _placed(self, frame: VideoFrame, turns: int) -> VideoFrame:
        """Return a frame of the canvas's size with `frame`, turned, in its middle."""
        whole = np.empty((self.height_px * 3 // 2, self.width_px), dtype=np.uint8)
        spots = _plane_views(whole, self.width_px, self.height_px)
        planes = _plane_views(frame.to_ndarray(), frame.width, frame.height)
        for spot, plane, black in zip(spots, planes, _BLACK, strict=True):
            turned = np.rot90(plane, turns)
            top = (spot.shape[0] - turned.shape[0]) // 2
            left = (spot.shape[1] - turned.shape[1]) // 2
            spot[:] = black
            spot[top : top + turned.shape[0], left : left + turned.shape[1]] = turned
        return VideoFrame.from_ndarray(whole, format="yuv420p")


def _plane_views(image: NDArray[np.generic], width_px: int, height_px: int) -> list[_Plane]:
    """Return views of the three planes of a packed yuv420p array."""
    flat = image.view(np.uint8).reshape(-1)
    luma, chroma = width_px * height_px, width_px * height_px // 4
    half = (height_px // 2, width_px // 2)
    return [
        flat[:luma].reshape(height_px, width_px),
        flat[luma : luma + chroma].reshape(half),
        flat[luma + chroma : luma + 2 * chroma].reshape(half),
    ]
