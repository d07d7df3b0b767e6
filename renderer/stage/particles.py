"""Draws many small moving dots: snow, dust, fireflies, bubbles, blurred lights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from renderer.script.colour import Colour
from renderer.stage.camera import View
from renderer.stage.layer import Part
from renderer.stage.pixels import Reals, dimmed, grid, mask, smoothstep
from renderer.stage.stage import Shot

_Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Particle:
    """One moving dot; its lengths are in pixels of the canvas, its times in seconds."""

    x: float
    y: float
    radius: float
    speed_x: float
    speed_y: float
    sway: float
    sway_rate: float
    phase: float
    depth: float
    level: float
    colour: Colour


def particles(
    shot: Shot,
    purpose: str,
    colours: tuple[Colour, ...],
    *,
    count: int,
    size: _Range,
    speed_x: _Range = (-5.0, 5.0),
    speed_y: _Range = (-5.0, 5.0),
    sway: float = 10.0,
    blink: float = 0.0,
    level: _Range = (0.3, 0.8),
    rows: _Range = (0.0, 1.0),
    ring: bool = False,
) -> Part:
    """Return a part that draws `count` moving dots.

    Radius and speed of each dot are drawn from the given ranges, in pixels of a frame whose shorter
    side is 720 px. Dots that leave the canvas enter again on the opposite side.

    blink  how much the dots dim at times, 0 to 1.
    rows   the upper and lower end of the area that the dots fill, as shares of the canvas's height.
    ring   draw rings with a hollow middle instead of soft dots.
    """
    rng = shot.take_rng(purpose)
    span_x, canvas_height = shot.canvas_px
    top, bottom = (canvas_height * r for r in rows)
    span_y = bottom - top

    def between(pair: _Range, scale: float = 1.0) -> float:
        return float(rng.uniform(*pair)) * scale

    swarm = [
        _Particle(
            x=between((0, span_x)),
            y=between((top, bottom)),
            radius=between(size, shot.unit),
            speed_x=between(speed_x, shot.unit),
            speed_y=between(speed_y, shot.unit),
            sway=between((0.5, 1.5), sway * shot.unit),
            sway_rate=between((0.4, 1.3)),
            phase=between((0, 6.28)),
            depth=between((0.35, 0.95)),
            level=between(level),
            colour=colours[int(rng.integers(len(colours)))],
        )
        for _ in range(count)
    ]
    dots: dict[tuple[int, int, int], Image.Image] = {}

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        for s in swarm:
            x = (s.x + s.speed_x * at_s + s.sway * math.sin(at_s * s.sway_rate + s.phase)) % span_x
            y = top + (s.y - top + s.speed_y * at_s) % span_y
            px, py, zoom = view.place(shot, s.depth, x, y)
            wave = math.sin(at_s * (1.1 + s.phase * 0.3) + s.phase * 5)
            light = s.level * (1.0 - blink * (0.5 + 0.5 * wave))
            if s.speed_y < 0 or bottom < span_y:
                # Dots fade near the upper and lower edge of their area, so that none appears or
                # disappears suddenly.
                light *= max(0.0, min(1.0, min(y - top, bottom - y) / (0.08 * span_y)))
            if light > 0.02:
                put(frame, s.colour, px, py, s.radius * zoom, light)

    def put(
        frame: Image.Image, colour: Colour, x: float, y: float, radius: float, light: float
    ) -> None:
        # The radius is rounded to quarters of a pixel, so that dots of equal size share one cached
        # mask.
        radius = max(0.25, round(radius * 4) / 4)
        reach = math.ceil(radius) + 1
        if not (-reach < x < frame.width + reach and -reach < y < frame.height + reach):
            return
        left, top = math.floor(x), math.floor(y)
        # The number of subpixel positions per axis at which a small dot can be drawn.
        places = 4 if radius < 6 else 1
        key = (round(radius * 4), int((x - left) * places), int((y - top) * places))
        dot = dots.get(key)
        if dot is None:
            dot = mask(_dot(radius, reach, key[1] / places, key[2] / places, ring=ring))
            dots[key] = dot
        frame.paste(colour, (left - reach, top - reach), dimmed(dot, round(light * 255)))

    return draw


def _dot(radius: float, reach: int, dx: float, dy: float, *, ring: bool) -> Reals:
    x, y = grid(2 * reach + 1, 2 * reach + 1)
    distance = np.sqrt((x - reach - dx) ** 2 + (y - reach - dy) ** 2)
    if ring:
        body = smoothstep(radius, radius - max(1.2, radius * 0.06), distance)
        return body * (0.42 + 0.58 * smoothstep(radius * 0.7, radius, distance))
    return smoothstep(radius + 0.7, radius * 0.25 - 0.3, distance)
