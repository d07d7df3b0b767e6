"""Draws flocks of birds and shoals of fish."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from renderer.script.colour import Colour
from renderer.stage.camera import View
from renderer.stage.layer import Part
from renderer.stage.pixels import shrunk
from renderer.stage.stage import Shot

#: Shapes are drawn this many times larger and then shrunk, which smooths their edges.
_OVERSAMPLING = 4
_DEPTH = 0.35
#: Draws one animal. Arguments: pen, x, y, size, heading (-1 left, 1 right), seconds into the clip,
#: phase of its movement.
_Shape = Callable[[ImageDraw.ImageDraw, float, float, float, int, float, float], None]


def birds(shot: Shot, colour: Colour, *, row: float) -> Part:
    """Return a part that draws a flock of birds crossing the sky; `row` is a share of the frame's
    height.
    """
    return _flock(shot, "flock", colour, row, 7, (120, 36), 13, 30, _bird)


def fish(shot: Shot, purpose: str, colour: Colour, *, row: float) -> Part:
    """Return a part that draws a shoal of fish; `row` is a share of the frame's height."""
    return _flock(shot, purpose, colour, row, 13, (150, 70), 11, 38, _fish)


def _flock(
    shot: Shot,
    purpose: str,
    colour: Colour,
    row: float,
    count: int,
    spread: tuple[int, int],
    size: int,
    pace: int,
    shape: _Shape,
) -> Part:
    rng = shot.take_rng(purpose)
    unit = shot.unit
    heading = 1 if rng.random() < 0.5 else -1
    members = [
        (
            float(rng.normal(0, spread[0])) * unit,
            float(rng.normal(0, spread[1])) * unit,
            float(rng.uniform(0.7, 1.3)) * size * unit,
            float(rng.uniform(0, 6.28)),
        )
        for _ in range(count)
    ]
    speed = pace * unit * heading
    start = shot.col(float(rng.uniform(0.34, 0.6))) - speed * shot.opening_s / 2
    # The flock leaves the canvas completely before it enters again on the opposite side.
    away = 4 * spread[0] * unit
    span = shot.canvas_px[0] + 2 * away

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        for dx, dy, large, phase in members:
            x = (start + dx + speed * at_s + away) % span - away + 6 * math.sin(at_s * 0.9 + phase)
            y = shot.row(row) + dy + 5 * unit * math.sin(at_s * 0.7 + phase * 2)
            px, py, zoom = view.place(shot, _DEPTH, x, y)
            reach = math.ceil(large * zoom * 1.3)
            if not (-reach < px < frame.width + reach and -reach < py < frame.height + reach):
                continue
            side = (2 * reach + 1) * _OVERSAMPLING
            sheet = Image.new("L", (side, side), 0)
            left, top = math.floor(px) - reach, math.floor(py) - reach
            at = ((px - left) * _OVERSAMPLING, (py - top) * _OVERSAMPLING)
            shape(ImageDraw.Draw(sheet), *at, large * zoom * _OVERSAMPLING, heading, at_s, phase)
            frame.paste(colour, (left, top), shrunk(sheet, _OVERSAMPLING))

    return draw


def _bird(
    pen: ImageDraw.ImageDraw, x: float, y: float, size: float, _: int, at_s: float, phase: float
) -> None:
    beat = at_s * 6.5 + phase
    # A bird alternates between gliding and beating its wings.
    lift = math.sin(beat) * (0.5 + 0.5 * math.sin(beat * 0.23))
    upper, lower = y - (0.26 + 0.12 * lift) * size, y - (0.14 + 0.1 * lift) * size
    for side in (-size, size):
        tip = (x + side, y - (0.088 + 0.12 * lift) * size)
        wing = [(x, y), (x + 0.45 * side, upper), tip, (x + 0.45 * side, lower)]
        pen.polygon([*wing, (x, y + 0.14 * size)], fill=215)


def _fish(
    pen: ImageDraw.ImageDraw,
    x: float,
    y: float,
    size: float,
    heading: int,
    at_s: float,
    phase: float,
) -> None:
    wag = 0.16 * size * math.sin(at_s * 7 + phase)
    pen.ellipse((x - 0.7 * size, y - 0.26 * size, x + 0.7 * size, y + 0.26 * size), fill=210)
    root, fin = x - heading * 0.6 * size, x - heading * 1.05 * size
    pen.polygon([(root, y), (fin, y - 0.3 * size + wag), (fin, y + 0.3 * size + wag)], fill=210)
