"""The measures of a clip: frame, length, and the larger canvas that the camera moves over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from renderer.script.palette import Palette, paint
from renderer.script.prompt import Scene

#: Frames per second of every clip.
FPS = 24

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Measures of one clip. The canvas is the frame with a margin on each side."""

    width_px: int
    height_px: int
    seconds: int
    #: Length of the first act; None if the clip has only one.
    first_act_s: int | None = None

    @property
    def opening_s(self) -> int:
        """Length of the first camera move and the subject's path; then both come to rest."""
        return self.seconds if self.first_act_s is None else self.first_act_s

    @property
    def unit(self) -> float:
        """Pixels in this frame for one pixel of a frame whose shorter side is 720 px."""
        return min(self.width_px, self.height_px) / 720

    @property
    def margin_x_px(self) -> int:
        return round(0.10 * self.width_px + 0.03 * self.height_px)

    @property
    def margin_y_px(self) -> int:
        return round(0.09 * self.height_px)

    @property
    def canvas_px(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        return self.width_px + 2 * self.margin_x_px, self.height_px + 2 * self.margin_y_px

    def wide_or_tall(self, wide: _Choice, tall: _Choice) -> _Choice:
        """Return `tall` for a portrait frame, else `wide`."""
        return tall if self.height_px > self.width_px else wide

    def px(self, length: float) -> int:
        """Return `length` (pixels of a 720 px frame) in pixels of this clip, at least 1."""
        return max(1, round(length * self.unit))

    def row(self, share: float) -> int:
        """Return the canvas row at `share` (0 top, 1 bottom) of the frame's height, unmoved."""
        return round(self.margin_y_px + share * self.height_px)

    def col(self, share: float) -> int:
        """Return the canvas column at `share` (0 left, 1 right) of the frame's width, unmoved."""
        return round(self.margin_x_px + share * self.width_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Stage):
    """A stage with a scene and its colours."""

    scene: Scene
    palette: Palette

    @classmethod
    def of(cls, scene: Scene, stage: Stage) -> Shot:
        """Put a scene on a stage."""
        return cls(
            width_px=stage.width_px,
            height_px=stage.height_px,
            seconds=stage.seconds,
            first_act_s=stage.first_act_s,
            scene=scene,
            palette=paint(scene),
        )

    def rng(self, purpose: str) -> np.random.Generator:
        """See `Scene.rng`."""
        return self.scene.rng(purpose)

    def take_rng(self, purpose: str) -> np.random.Generator:
        """See `Scene.take_rng`."""
        return self.scene.take_rng(purpose)
