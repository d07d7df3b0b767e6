"""Specks: many small soft dots that move: snow, motes, fireflies, bubbles, bokeh discs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bot.providers.local.pixels import Colour, Floats, grid, mask, smoothstep
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View

#: Positions between two pixels that a small dot is drawn at, in each direction.
_PHASES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Speck:
    """One dot; lengths in pixels of the canvas, times in seconds."""

    x: float
    y: float
    radius: float
    speed_x: float
    speed_y: float
    sway: float
    sway_rate: float
    phase: float
    blink: float
    depth: float
    level: float
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Specks:
    """A swarm that fills the canvas and comes in again where it left."""

    stage: Stage
    specks: tuple[Speck, ...]
    dots: dict[tuple[int, int, int], Image.Image]
    #: Rows of the canvas that the swarm lives in.
    top: float
    bottom: float
    #: A ring with a hollow middle instead of a soft dot.
    ring: bool = False

    @classmethod
    def falling(
        cls, scene: Scene, stage: Stage, purpose: str, colour: Colour, *, count: int, size: float,
        speed: float,
    ) -> Specks:  # fmt: skip
        """Return snow."""
        return cls.swarm(
            scene, stage, purpose, (colour,), count=count, size=(size * 0.6, size * 1.3),
            speed_x=(-0.25 * speed, -0.05 * speed), speed_y=(0.7 * speed, 1.2 * speed),
            sway=speed * 0.16, level=(0.45, 0.9),
        )  # fmt: skip

    @classmethod
    def swarm(
        cls,
        scene: Scene,
        stage: Stage,
        purpose: str,
        colours: tuple[Colour, ...],
        *,
        count: int,
        size: tuple[float, float],
        speed_x: tuple[float, float] = (-5.0, 5.0),
        speed_y: tuple[float, float] = (-5.0, 5.0),
        sway: float = 10.0,
        blink: float = 0.0,
        level: tuple[float, float] = (0.3, 0.8),
        rows: tuple[float, float] = (0.0, 1.0),
        ring: bool = False,
    ) -> Specks:
        """Return `count` dots of `size` (radius), moving at speeds within the ranges (at 720 px).

        `blink` 0 to 1 is how far they go dark; `rows` the part of the canvas that they fill.
        """
        rng = scene.rng(purpose)
        unit = stage.unit
        # A portrait frame has the same area, in another shape: the same count looks alike.
        top, bottom = (stage.canvas_height_px * r for r in rows)

        def between(pair: tuple[float, float]) -> float:
            return float(rng.uniform(*pair))

        specks = tuple(
            Speck(
                x=between((0, stage.canvas_width_px)),
                y=between((top, bottom)),
                radius=between(size) * unit,
                speed_x=between(speed_x) * unit,
                speed_y=between(speed_y) * unit,
                sway=sway * unit * between((0.5, 1.5)),
                sway_rate=between((0.4, 1.3)),
                phase=between((0, 6.28)),
                blink=blink,
                depth=between((0.35, 0.95)),
                level=between(level),
                colour=colours[int(rng.integers(len(colours)))],
            )
            for _ in range(count)
        )
        return cls(stage=stage, specks=specks, dots={}, top=top, bottom=bottom, ring=ring)

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        span_x, span_y = self.stage.canvas_width_px, self.bottom - self.top
        for s in self.specks:
            sway = s.sway * math.sin(at_s * s.sway_rate + s.phase)
            x = (s.x + s.speed_x * at_s + sway) % span_x
            y = self.top + (s.y - self.top + s.speed_y * at_s) % span_y
            px, py, zoom = view.place(self.stage, s.depth, x, y)
            light = s.level
            if s.blink:
                light *= 1.0 - s.blink * (
                    0.5 + 0.5 * math.sin(at_s * (1.1 + s.phase * 0.3) + s.phase * 5)
                )
            # Nothing pops in or out where the swarm wraps round.
            edge = min(y - self.top, self.bottom - y) / (0.08 * span_y)
            light *= max(0.0, min(1.0, edge)) if s.speed_y < 0 or self.bottom < span_y else 1.0
            if light > 0.02:
                self._put(frame, s, px, py, s.radius * zoom, light)

    def _put(
        self, frame: Image.Image, speck: Speck, x: float, y: float, radius: float, light: float
    ) -> None:
        reach = math.ceil(radius) + 1
        if not (-reach < x < frame.width + reach and -reach < y < frame.height + reach):
            return
        left, top = math.floor(x), math.floor(y)
        phases = _PHASES if radius < 6 else 1
        key = (round(radius * 4), int((x - left) * phases), int((y - top) * phases))
        dot = self.dots.get(key)
        if dot is None:
            dot = mask(_dot(radius, reach, key[1] / phases, key[2] / phases, ring=self.ring))
            self.dots[key] = dot
        level = round(light * 255)
        # `point` with a table is the cheapest way to dim a small mask.
        dimmed = dot.point([v * level // 255 for v in range(256)])
        frame.paste(speck.colour, (left - reach, top - reach), dimmed)


def _dot(radius: float, reach: int, dx: float, dy: float, *, ring: bool) -> Floats:
    x, y = grid(2 * reach + 1, 2 * reach + 1)
    distance = np.sqrt((x - reach - dx) ** 2 + (y - reach - dy) ** 2).astype(np.float32)
    if ring:
        body = smoothstep(radius, radius - max(1.2, radius * 0.06), distance)
        rim = smoothstep(radius * 0.7, radius, distance)
        return np.asarray(body * (0.42 + 0.58 * rim), dtype=np.float32)
    return smoothstep(radius + 0.7, radius * 0.25 - 0.3, distance)
