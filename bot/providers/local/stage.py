"""The stage: how large the frame is and how far the camera may wander beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

#: Frames per second of every clip.
FPS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Measures of one clip. The canvas is the frame and a margin on each side."""

    width_px: int
    height_px: int
    seconds: int

    @property
    def unit(self) -> float:
        """How many pixels a length of 1 px in a 720 px wide or high frame takes here."""
        return min(self.width_px, self.height_px) / 720

    @property
    def margin_x_px(self) -> int:
        return round(0.10 * self.width_px + 0.03 * self.height_px)

    @property
    def margin_y_px(self) -> int:
        return round(0.09 * self.height_px)

    @property
    def canvas_width_px(self) -> int:
        return self.width_px + 2 * self.margin_x_px

    @property
    def canvas_height_px(self) -> int:
        return self.height_px + 2 * self.margin_y_px

    @property
    def is_portrait(self) -> bool:
        return self.height_px > self.width_px

    def px(self, length: float) -> int:
        """Return `length` (pixels at 720) in this clip's pixels, at least 1."""
        return max(1, round(length * self.unit))

    def row(self, share: float) -> int:
        """Return the canvas row that lies `share` (0 top, 1 bottom) down the resting frame."""
        return round(self.margin_y_px + share * self.height_px)

    def col(self, share: float) -> int:
        """Return the canvas column that lies `share` (0 left, 1 right) across the frame."""
        return round(self.margin_x_px + share * self.width_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera looks at one instant."""

    #: -1 to 1: how far into the canvas's margin, for the nearest layer.
    x: float = 0.0
    y: float = 0.0
    #: 1 or more.
    zoom: float = 1.0

    def zoom_at(self, depth: float) -> float:
        """Return how much a layer is enlarged; the sky (depth 0) is too far away to grow."""
        return 1.0 + (self.zoom - 1.0) * depth**0.5

    def corner(self, stage: Stage, depth: float) -> tuple[float, float]:
        """Return the canvas column and row at the frame's upper left, for a layer at `depth`."""
        zoom = self.zoom_at(depth)
        left = (stage.canvas_width_px - stage.width_px / zoom) / 2
        top = (stage.canvas_height_px - stage.height_px / zoom) / 2
        reach = 0.98 * depth
        return left + self.x * stage.margin_x_px * reach, top + self.y * stage.margin_y_px * reach

    def place(
        self, stage: Stage, depth: float, x_px: float, y_px: float
    ) -> tuple[float, float, float]:
        """Return the frame x, y and enlargement of a canvas point at `depth`."""
        left, top = self.corner(stage, depth)
        zoom = self.zoom_at(depth)
        return (x_px - left) * zoom, (y_px - top) * zoom, zoom


class Part(Protocol):
    """Something on the stage that can draw itself."""

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        """Draw onto the RGB `frame` as seen by `view` at `at_s` seconds into the clip."""
        ...
