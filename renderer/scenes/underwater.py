"""Draws a scene under water: light from above, reefs, fish and bubbles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from renderer.script.colour import BLACK, WHITE, Colour, lit, mix
from renderer.stage import land, noise
from renderer.stage.atmosphere import shafts
from renderer.stage.figure import figure
from renderer.stage.flock import fish
from renderer.stage.layer import Layer, Part
from renderer.stage.particles import particles
from renderer.stage.pixels import blend, column, grainy_image, grid, shrunk
from renderer.stage.stage import Shot

_PLANTS: tuple[Colour, ...] = ((214, 92, 108), (232, 140, 84), (150, 92, 180), (66, 150, 140))


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the scene under water, farthest first."""
    tint, glow = shot.scene.tint, shot.palette.glow
    light = [0.25 + 0.75 * f for f in shot.palette.light]
    surface = mix(lit((132, 224, 232), light), glow, 0.12)
    middle, deep = lit((24, 118, 168), light), lit((6, 34, 78), light)
    if tint is not None:
        surface = mix(surface, tint, 0.45)
        middle = mix(middle, mix(tint, BLACK, 0.35), 0.45)
        deep = mix(deep, mix(tint, BLACK, 0.75), 0.45)
    parts: list[Part] = [_sea(shot, surface, middle, deep)]
    for i, (row, depth, far) in enumerate(((0.72, 0.15, 0.72), (0.8, 0.4, 0.42))):
        parts.append(_reef(shot, middle, deep, row=row, depth=depth, far=far, index=i))
        shade = mix(deep, middle, 0.5 - 0.3 * i)
        parts.append(fish(shot, f"shoal {i}", shade, row=0.36 + 0.16 * i))
    strength = 0.34 if shot.scene.sun_down else 0.78
    parts.append(shafts(shot, surface, strength=strength, source=(0.58, -0.35), reach=0.95))
    parts += figure(
        shot,
        body=mix(deep, BLACK, 0.35),
        rim=mix(surface, WHITE, 0.2),
        halo=mix(surface, middle, 0.3),
        ground=shot.wide_or_tall(0.84, 0.74),
        size=1.25,
    )
    bubble = mix(surface, WHITE, 0.5)
    return [
        *parts,
        _reef(shot, middle, deep, row=0.9, depth=0.85, far=0.06, index=2),
        particles(
            shot, "plankton", (bubble,), count=60, size=(0.8, 1.9), sway=14, blink=0.5,
            level=(0.15, 0.5),
        ),
        particles(
            shot, "bubbles", (bubble,), count=26, size=(3, 10), speed_x=(-4, 4),
            speed_y=(-92, -40), sway=9, level=(0.3, 0.7), ring=True,
        ),
    ]  # fmt: skip


def _sea(shot: Shot, surface: Colour, middle: Colour, deep: Colour) -> Layer:
    width, height = shot.canvas_px
    stops = ((0.0, surface), (0.16, mix(surface, middle, 0.55)), (0.5, middle), (1.0, deep))
    x, y = grid(width, height)
    distance = np.sqrt(((x - shot.col(0.58)) / 1.3) ** 2 + (y + 0.1 * height) ** 2)
    glow = np.exp(-distance / (0.34 * height)) * 0.85
    values = blend(column(stops, height), mix(surface, WHITE, 0.55), glow)
    return Layer(stage=shot, colour=grainy_image(values, shot.rng("sea")))


def _reef(
    shot: Shot, middle: Colour, deep: Colour, *, row: float, depth: float, far: float, index: int
) -> Layer:
    """Return a bank of rock with fan corals, finger corals and kelp on it."""
    rng = shot.rng(f"reef {index}")
    width = shot.canvas_px[0]
    bumps = noise.line(rng, width, shot.height_px * 0.45) * shot.height_px * 0.05
    crest = shot.row(row - shot.wide_or_tall(0.0, 0.045) * index) - bumps
    top = max(0, int(crest.min()) - round(shot.height_px * 0.3))
    shape, pen = land.outline(shot, crest, top)
    rock = mix(deep, middle, far)
    paint = Image.new("RGB", (width, shape.height // 2), rock)
    brush = ImageDraw.Draw(paint)
    for _ in range(round((26, 20, 13)[index] * width / (1500 * shot.unit))):
        x = float(rng.uniform(0, width - 1))
        base = float(crest[int(x)]) - top + 4
        size = shot.unit * float(rng.uniform(26, 80)) * (0.7, 1.0, 1.25)[index]
        plant = mix(_PLANTS[int(rng.integers(4))], deep, (0.35, 0.35, 0.55)[index])
        box = (x - size, base - size * 2.4, x + size, base)
        brush.rectangle(box, fill=mix(plant, middle, far))
        (_fingers, _fan, _kelp)[int(rng.integers(3))](pen, x * 2, base * 2, size * 2, rng)
    fade_px = shot.height_px * 0.16
    bank = land.silhouette(shot, crest, (rock, deep), depth=depth, rng=rng, fade_px=fade_px)
    # The rock is pasted over the lower ends of the plants.
    if isinstance(bank.colour, Image.Image):
        paint.paste(bank.colour, (0, bank.top_px - top), bank.mask)
    return Layer(stage=shot, colour=paint, mask=shrunk(shape, 2), depth=depth, top_px=top)


def _fingers(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    for _ in range(int(rng.integers(3, 7))):
        tall, wide = size * float(rng.uniform(0.4, 1.1)), size * float(rng.uniform(0.08, 0.14))
        at = x + size * float(rng.uniform(-0.5, 0.5))
        pen.rounded_rectangle((at - wide, base - tall, at + wide, base + wide), wide, fill=255)


def _fan(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    for angle in np.linspace(-1.0, 1.0, 11) + rng.normal(0, 0.05, 11):
        for bend in (0.0, 0.13, -0.13):
            tall = size * float(rng.uniform(0.6, 0.95))
            mid = (x + np.sin(angle * 0.8) * tall * 0.5, base - np.cos(angle * 0.8) * tall * 0.5)
            tip = (x + np.sin(angle + bend) * tall, base - np.cos(angle + bend) * tall)
            wide = max(2, round(size * 0.035))
            pen.line([(x, base), mid, tip], fill=255, width=wide, joint="curve")


def _kelp(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    for _ in range(int(rng.integers(2, 5))):
        tall, phase = size * float(rng.uniform(1.1, 2.3)), float(rng.uniform(0, 6.28))
        at = x + size * float(rng.uniform(-0.4, 0.4))
        steps = np.linspace(0, 1, 15)
        points = [(at + size * 0.16 * np.sin(s * 5 + phase), base - tall * s) for s in steps]
        for (x0, y0), (x1, y1), s in zip(points, points[1:], steps, strict=False):
            wide = size * 0.1 * (1.05 - s)
            blade = [(x0 - wide, y0), (x0 + wide, y0), (x1 + wide, y1), (x1 - wide, y1)]
            pen.polygon(blade, fill=255)
