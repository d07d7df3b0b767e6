"""Birds in the sky and fish in the sea: a few small shapes that keep together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from bot.providers.local.pixels import Colour
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View

#: Drawn this much larger and shrunk: smooth edges.
_OVER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Flock:
    """Members as (x, y, size, phase) around a centre that travels across the canvas."""

    stage: Stage
    members: tuple[tuple[float, float, float, float], ...]
    start: tuple[float, float]
    speed_px_per_s: float
    colour: Colour
    fish: bool
    depth: float

    @classmethod
    def of(
        cls,
        scene: Scene,
        stage: Stage,
        colour: Colour,
        *,
        row: float,
        fish: bool = False,
        count: int = 7,
        purpose: str = "flock",
    ) -> Flock:
        """Return a flock at `row` (share of the frame's height)."""
        rng = scene.rng(purpose)
        unit = stage.unit
        heading = 1 if rng.random() < 0.5 else -1
        spread = (150, 70) if fish else (120, 36)
        members = tuple(
            (
                float(rng.normal(0, spread[0])) * unit,
                float(rng.normal(0, spread[1])) * unit,
                float(rng.uniform(0.7, 1.3)) * (11 if fish else 13) * unit,
                float(rng.uniform(0, 6.28)),
            )
            for _ in range(count)
        )
        speed = (38 if fish else 30) * unit * heading
        middle = stage.col(float(rng.uniform(0.34, 0.6)))
        start = (middle - speed * stage.seconds / 2, stage.row(row))
        return cls(
            stage=stage, members=members, start=start, speed_px_per_s=speed, colour=colour,
            fish=fish, depth=0.35,
        )  # fmt: skip

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        x0, y0 = self.start
        heading = 1 if self.speed_px_per_s > 0 else -1
        for dx, dy, size, phase in self.members:
            x = x0 + dx + self.speed_px_per_s * at_s + 6 * math.sin(at_s * 0.9 + phase)
            y = y0 + dy + 5 * self.stage.unit * math.sin(at_s * 0.7 + phase * 2)
            px, py, zoom = view.place(self.stage, self.depth, x, y)
            reach = math.ceil(size * zoom * 1.3)
            if not (-reach < px < frame.width + reach and -reach < py < frame.height + reach):
                continue
            side = (2 * reach + 1) * _OVER
            shape = Image.new("L", (side, side), 0)
            pen = ImageDraw.Draw(shape)
            left, top = math.floor(px), math.floor(py)
            centre = ((px - left + reach) * _OVER, (py - top + reach) * _OVER)
            scale = size * zoom * _OVER
            if self.fish:
                _fish(pen, centre, scale, heading, at_s * 7 + phase)
            else:
                _bird(pen, centre, scale, at_s * 6.5 + phase)
            small = shape.resize((2 * reach + 1, 2 * reach + 1), Image.Resampling.BOX)
            frame.paste(self.colour, (left - reach, top - reach), small)


def _bird(pen: ImageDraw.ImageDraw, at: tuple[float, float], size: float, beat: float) -> None:
    x, y = at
    # Gliding for a while, then some strokes.
    lift = math.sin(beat) * (0.5 + 0.5 * math.sin(beat * 0.23))
    tip = -0.22 * size - 0.3 * size * lift
    for side in (-1, 1):
        wing = [
            (x, y),
            (x + side * 0.45 * size, y - 0.26 * size - 0.12 * size * lift),
            (x + side * size, y + tip * 0.4),
            (x + side * 0.45 * size, y - 0.14 * size - 0.1 * size * lift),
            (x, y + 0.14 * size),
        ]
        pen.polygon(wing, fill=215)


def _fish(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], size: float, heading: int, beat: float
) -> None:
    x, y = at
    wag = 0.16 * size * math.sin(beat)
    pen.ellipse((x - 0.7 * size, y - 0.26 * size, x + 0.7 * size, y + 0.26 * size), fill=210)
    root = x - heading * 0.6 * size
    fin = x - heading * 1.05 * size
    pen.polygon([(root, y), (fin, y - 0.3 * size + wag), (fin, y + 0.3 * size + wag)], fill=210)
