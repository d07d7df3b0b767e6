"""Shafts of light that fall from above, through leaves or water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from bot.providers.local.pixels import Colour, grid
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Shafts:
    """Beams from one point above the frame, computed small and drawn large."""

    stage: Stage
    colour: Colour
    #: 0 to 1.
    strength: float
    #: Where the beams come from: shares of the frame's width and height.
    source: tuple[float, float]
    #: Share of the frame's height where they have faded.
    reach: float
    phases: tuple[float, ...]

    @classmethod
    def of(
        cls,
        scene: Scene,
        stage: Stage,
        colour: Colour,
        *,
        strength: float,
        source: tuple[float, float],
        reach: float = 0.95,
    ) -> Shafts:
        """Return beams with widths from the scene's seed."""
        phases = tuple(float(p) for p in scene.rng("shafts").uniform(0, 6.28, 4))
        return cls(
            stage=stage, colour=colour, strength=strength, source=source, reach=reach, phases=phases
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        columns, rows = 128, 72
        height = round(frame.height * self.reach)
        x, y = grid(columns, rows)
        aspect = frame.width / height
        dx = (x / columns - self.source[0] + 0.06 * view.x) * aspect
        dy = y / rows - self.source[1]
        angle = np.arctan2(dx, dy)
        p = self.phases
        beams = (
            np.sin(angle * 17 + at_s * 0.28 + p[0])
            + np.sin(angle * 29 - at_s * 0.41 + p[1])
            + np.sin(angle * 7 + at_s * 0.17 + p[2])
        )
        light = np.clip(beams / 3 + 0.18, 0, 1) ** 1.4
        light = light * np.clip(1.0 - y / rows, 0, 1) ** 1.15
        light = light * np.exp(-((angle / 0.85) ** 2)) * self.strength
        values = light[..., None] * np.asarray(self.colour, dtype=np.float32)
        small = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
        large = small.resize((frame.width, height), Image.Resampling.BILINEAR)
        where = (0, 0, frame.width, height)
        frame.paste(ImageChops.screen(frame.crop(where), large), where)
