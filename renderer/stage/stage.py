"""The stage: how large the frame is, how far the camera may wander, and what is played on it."""

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
    """Measures of one clip. The canvas is the frame and a margin on each side."""

    width_px: int
    height_px: int
    seconds: int
    #: How long the camera's first move and the subject's way take; None for the whole clip.
    first_act_s: int | None = None

    @property
    def opening_s(self) -> int:
        """After so many seconds camera and subject come to rest, and only life goes on."""
        return self.seconds if self.first_act_s is None else self.first_act_s

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
    def canvas_px(self) -> tuple[int, int]:
        """Width and height of the canvas."""
        return self.width_px + 2 * self.margin_x_px, self.height_px + 2 * self.margin_y_px

    def wide_or_tall(self, wide: _Choice, tall: _Choice) -> _Choice:
        """Return `tall` for a portrait frame, else `wide`."""
        return tall if self.height_px > self.width_px else wide

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
class Shot(Stage):
    """A stage with a scene on it, in its colours."""

    scene: Scene
    palette: Palette

    @classmethod
    def of(cls, scene: Scene, stage: Stage) -> Shot:
        """Return the scene on a stage."""
        return cls(
            width_px=stage.width_px,
            height_px=stage.height_px,
            seconds=stage.seconds,
            first_act_s=stage.first_act_s,
            scene=scene,
            palette=paint(scene),
        )

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the scene's random numbers for one purpose; the same at every call."""
        return self.scene.rng(purpose)

    def take_rng(self, purpose: str) -> np.random.Generator:
        """Return random numbers as `rng` does, but others in another take of the scene."""
        return self.scene.take_rng(purpose)
