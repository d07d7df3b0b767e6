"""The measures of a clip: its frame, its length, and the larger canvas over which the camera
moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from renderer.script.palette import Palette, paint
from renderer.script.prompt import Scene

#: Frames per second of every preview clip.
FPS = 24

_Choice = TypeVar("_Choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The measures of one clip. The canvas is the frame plus a margin on each side."""

    width_px: int
    height_px: int
    seconds: int
    #: Length of the first act in seconds; None if the clip has only one act.
    first_act_s: int | None = None

    @property
    def opening_s(self) -> int:
        """Return the seconds for which the first camera move and the subject's movement last."""
        return self.seconds if self.first_act_s is None else self.first_act_s

    @property
    def unit(self) -> float:
        """Return how many pixels of this frame equal one pixel of a frame whose shorter side is
        720 px.
        """
        return min(self.width_px, self.height_px) / 720

    @property
    def margin_x_px(self) -> int:
        return round(0.10 * self.width_px + 0.03 * self.height_px)

    @property
    def margin_y_px(self) -> int:
        return round(0.09 * self.height_px)

    @property
    def canvas_px(self) -> tuple[int, int]:
        return self.width_px + 2 * self.margin_x_px, self.height_px + 2 * self.margin_y_px

    def wide_or_tall(self, wide: _Choice, tall: _Choice) -> _Choice:
        """Return the value `tall` if the frame is higher than wide, else the value `wide`."""
        return tall if self.height_px > self.width_px else wide

    def px(self, length: float) -> int:
        """Convert a length from pixels of a 720 px frame to pixels of this frame; the result is at
        least 1.
        """
        return max(1, round(length * self.unit))

    def row(self, share: float) -> int:
        """Return the canvas row for a share of the frame's height (0 top, 1 bottom), with the
        camera centred.
        """
        return round(self.margin_y_px + share * self.height_px)

    def col(self, share: float) -> int:
        """Return the canvas column for a share of the frame's width (0 left, 1 right), with the
        camera centred.
        """
        return round(self.margin_x_px + share * self.width_px)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot(Stage):
    """The measures of a clip together with one scene and the scene's colours."""

    scene: Scene
    palette: Palette

    @classmethod
    def of(cls, scene: Scene, stage: Stage) -> Shot:
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
