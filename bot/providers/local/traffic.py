"""Lamps of cars that pass on the street, out of focus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from bot.providers.local.pixels import Colour, grid, mask
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View

_DEPTH = 0.62
_COMING: Colour = (255, 244, 214)
_GOING: Colour = (255, 66, 56)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Cars as (start column, speed) pairs; each shows two lamps and their light on the road."""

    stage: Stage
    row: int
    cars: tuple[tuple[float, float], ...]
    lamp: Image.Image
    streak: Image.Image

    @classmethod
    def of(cls, scene: Scene, stage: Stage, *, row: float) -> Traffic:
        """Return nine cars at `row` (share of the frame's height)."""
        rng = scene.rng("traffic")
        radius = stage.px(11)
        x, y = grid(2 * radius + 1, 2 * radius + 1)
        distance = np.sqrt((x - radius) ** 2 + (y - radius) ** 2) / radius
        dot = np.exp(-((distance * 1.9) ** 2)) + 0.9 * np.exp(-((distance * 4.2) ** 2))
        tall = stage.px(58)
        sx, sy = grid(2 * radius + 1, tall)
        road = np.exp(-((((sx - radius) / radius) * 2.4) ** 2)) * (1 - sy / tall) ** 1.5 * 0.5
        cars = tuple(
            (
                float(rng.uniform(0, stage.canvas_width_px)),
                float(rng.uniform(60, 150)) * stage.unit * (1 if i % 2 else -1),
            )
            for i in range(9)
        )
        return cls(
            stage=stage,
            row=stage.row(row) + stage.px(2),
            cars=cars,
            lamp=mask(dot.astype(np.float32)),
            streak=mask(road.astype(np.float32)),
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        span = self.stage.canvas_width_px + 2 * self.stage.px(80)
        radius = self.lamp.width // 2
        for start, speed in self.cars:
            column = (start + speed * at_s) % span - self.stage.px(80)
            colour = _COMING if speed < 0 else _GOING
            lane = self.stage.px(5) if speed > 0 else 0
            for pair in (0, self.stage.px(17)):
                x, y, _ = view.place(self.stage, _DEPTH, column + pair, self.row + lane)
                at = (round(x) - radius, round(y) - radius)
                frame.paste(colour, (at[0], round(y)), self.streak)
                frame.paste(colour, at, self.lamp)
