"""Draws a forest: rows of trunks with light between them, and ferns in front."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from renderer.script.colour import BLACK, WHITE, Colour, lit, mix
from renderer.script.prompt import Time
from renderer.stage import land, noise
from renderer.stage.atmosphere import fog, shafts
from renderer.stage.figure import figure
from renderer.stage.layer import Layer, Part
from renderer.stage.particles import particles
from renderer.stage.pixels import blend, column, grainy_image, grid, mask, shrunk, smoothstep
from renderer.stage.stage import Shot


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the forest, farthest first."""
    scene, palette = shot.scene, shot.palette
    leaf = lit((74, 118, 70), palette.light)
    bright = mix(palette.sky[3], palette.glow, 0.3)
    air = mix(mix(palette.haze, palette.sky[3], 0.5), leaf, 0.22)
    near = mix(palette.near, (8, 14, 10), 0.3)
    parts: list[Part] = [_glade(shot, bright, air, leaf)]
    for i, far in enumerate((0.72, 0.46, 0.2)):
        bark = mix(near, air, far)
        parts.append(_trunks(shot, (bark, mix(bark, leaf, 0.25)), i))
        if i < 2:
            parts.append(fog(shot, air, height=0.7 + 0.06 * i, share=0.5 - 0.15 * i))
    if scene.time is not Time.NIGHT and not scene.rainy:
        parts.append(shafts(shot, bright, strength=0.5, source=(0.66, -0.3), reach=0.9))
    parts.append(_floor(shot, mix(near, leaf, 0.12), row=0.84, depth=0.72))
    parts += figure(
        shot,
        body=mix(near, BLACK, 0.4),
        rim=mix(bright, palette.disc, 0.4),
        halo=mix(air, bright, 0.4),
        ground=shot.wide_or_tall(0.87, 0.775),
    )
    parts.append(_floor(shot, near, row=0.93, depth=0.95))
    if scene.sun_down:
        # Fireflies are drawn twice with the same random numbers: small bright dots, then a large
        # faint glow around each.
        return parts + [
            particles(
                shot, "fireflies", ((255, 236, 130), (214, 255, 140)), count=44, size=size,
                sway=34, blink=0.9, level=(0.7 * level, level), rows=(0.3, 1.0),
            )
            for size, level in (((2.4, 4.4), 0.95), ((14, 26), 0.3))
        ]  # fmt: skip
    pollen = particles(
        shot, "pollen", (mix(bright, WHITE, 0.5),), count=60, size=(1.0, 2.8), sway=20, blink=0.6,
        level=(0.25, 0.7),
    )  # fmt: skip
    return [*parts, pollen]


def _glade(shot: Shot, bright: Colour, air: Colour, leaf: Colour) -> Layer:
    rng = shot.rng("glade")
    width, height = shot.canvas_px
    x, y = grid(width, height)
    stops = ((0.0, mix(air, leaf, 0.5)), (0.45, air), (0.75, mix(air, leaf, 0.25)), (1.0, leaf))
    distance = np.sqrt(((x - shot.col(0.62)) / 1.1) ** 2 + (y - shot.row(0.3)) ** 2)
    light = np.exp(-distance / (0.3 * max(shot.width_px * 0.6, shot.height_px * 0.7))) * 0.95
    values = blend(column(stops, height), mix(bright, WHITE, 0.25), light)
    leaves = noise.field(rng, (width, height), (90 * shot.unit, 80 * shot.unit), gain=0.7)
    crown = smoothstep(0.42, 0.62, leaves) * smoothstep(shot.row(0.55), shot.row(0.0), y) * 0.55
    return Layer(stage=shot, colour=grainy_image(blend(values, mix(air, leaf, 0.55), crown), rng))


def _trunks(shot: Shot, colours: tuple[Colour, Colour], index: int) -> Layer:
    """Return a row of trees; their crowns reach above the upper edge of the frame."""
    rng = shot.rng(f"trunks {index}")
    width, height = shot.canvas_px
    count = max(4, round((22, 14, 8)[index] * shot.width_px / (1280 * shot.unit)))
    foot = shot.row(0.8 + 0.05 * index)
    trees = Image.new("L", (width * 2, height * 2), 0)
    pen = ImageDraw.Draw(trees)
    for i in range(count):
        x = 2 * width * (i + float(rng.uniform(0.1, 0.9))) / count
        half = (15, 26, 46)[index] * shot.unit * float(rng.uniform(0.6, 1.25))
        lean = float(rng.normal(0, 0.015)) * trees.height
        base, flare = 2.0 * foot, half * 1.5
        left = [(x - flare, base + 6), (x - half, base - flare * 2.5), (x + lean - half * 0.6, 0)]
        right = [(x + lean + half * 0.6, 0), (x + half, base - flare * 2.5), (x + flare, base + 6)]
        pen.polygon(left + right, fill=255)
        for _ in range(int(rng.integers(2, 6))):
            _branch(pen, x + lean * 0.6, float(rng.uniform(0.04, 0.5)) * trees.height, half, rng)
    hills = noise.line(rng, width, shot.height_px * 0.4, octaves=3) * 8 * shot.unit
    soil, _ = land.outline(shot, foot - hills, 0)
    trees.paste(255, (0, 0), soil)
    shape = shrunk(trees, 2)
    shape.paste(255, (0, 0), _leaves(shot, rng, index))
    _, y = grid(1, height)
    values = blend(*colours, smoothstep(shot.row(0.3), shot.row(0.0), y) * 0.8)
    depth = (0.14, 0.34, 0.6)[index]
    return Layer(stage=shot, colour=grainy_image(values, rng), mask=shape, depth=depth)


def _branch(
    pen: ImageDraw.ImageDraw, x: float, y: float, half: float, rng: np.random.Generator
) -> None:
    side = 1 if rng.random() < 0.5 else -1
    length = half * float(rng.uniform(4, 9))
    angle = float(rng.uniform(0.2, 0.75))
    # The twigs of a branch. For each: its start along the branch, its length, its angle, its
    # thickness.
    for out, share, turn, thick in (
        (0.0, 1.0, 0.0, 0.24), (0.45, 0.55, 0.45, 0.13), (0.45, 0.4, -0.4, 0.1),
    ):  # fmt: skip
        root_x = x + side * math.cos(angle) * length * out
        root_y = y - math.sin(angle) * length * out
        tip_x = root_x + side * math.cos(angle + turn) * length * share
        tip_y = root_y - math.sin(angle + turn) * length * share
        wide = half * thick
        twig = [(root_x, root_y - wide), (root_x, root_y + wide), (tip_x, tip_y)]
        pen.polygon(twig, fill=255)


def _leaves(shot: Shot, rng: np.random.Generator, index: int) -> Image.Image:
    """Return a mask of leaves that hang into the picture from the upper edge."""
    unit, size = shot.unit * (0.8 + 0.35 * index), shot.canvas_px
    boughs = noise.field(rng, size, (230 * unit, 120 * unit), octaves=2)
    leaves = noise.field(rng, size, (26 * unit, 20 * unit), octaves=3, gain=0.7)
    _, y = grid(*size)
    hang = shot.row(0.0) + shot.height_px * (0.02 + 0.2 * boughs**2 + 0.1 * (leaves - 0.5))
    return mask(smoothstep(0.0, 0.9, (hang - y) / (9 * unit) + (leaves - 0.5) * 9))


def _floor(shot: Shot, colour: Colour, *, row: float, depth: float) -> Layer:
    """Return the forest floor, with grass and ferns."""
    rng = shot.rng(f"floor {row}")
    width = shot.canvas_px[0]
    hills = noise.line(rng, width, shot.height_px * 0.5, octaves=3) * (shot.height_px * 0.02)
    crest = shot.row(shot.wide_or_tall(row, row - 0.06)) - hills
    colours, fade_px = (colour, mix(colour, BLACK, 0.5)), shot.height_px * 0.15
    soil = land.silhouette(shot, crest, colours, depth=depth, rng=rng, fade_px=fade_px)
    top = max(0, int(crest.min()) - shot.px(80))
    plants, pen = land.outline(shot, crest, top)

    def spot() -> tuple[float, float]:
        x = float(rng.uniform(0, width - 1))
        return x * 2, (float(crest[int(x)]) - top + 4) * 2

    for _ in range(round(width / (7 * shot.unit))):
        x, y = spot()
        size = shot.unit * 2 * float(rng.uniform(8, 26)) * (0.6 + 0.5 * depth)
        bend = float(rng.normal(0, 0.4)) * size
        pen.polygon([(x - size * 0.07, y), (x + size * 0.07, y), (x + bend, y - size)], fill=255)
    for _ in range(round(width / (120 * shot.unit))):
        x, y = spot()
        for angle in np.linspace(-1.25, 1.25, 9):
            _frond(pen, x, y, shot.unit * 2 * float(rng.uniform(26, 52)) * depth, float(angle))
    paint = Image.new("RGB", (width, plants.height // 2), colour)
    if isinstance(soil.colour, Image.Image):
        paint.paste(soil.colour.resize((width, soil.colour.height)), (0, soil.top_px - top))
    return Layer(stage=shot, colour=paint, mask=shrunk(plants, 2), depth=depth, top_px=top)


def _frond(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, angle: float) -> None:
    last = (x, y)
    for share in (i / 12 for i in range(1, 13)):
        fall = share - 0.55 * share**2 * abs(angle)
        here = (x + math.sin(angle) * size * share, y - math.cos(angle * 0.6) * size * fall)
        leaflet = size * 0.17 * (1 - share) + 1
        pen.line([last, here], fill=255, width=3)
        for side in (-1, 1):
            end = (here[0] + leaflet * 0.5 * math.sin(angle), here[1] + side * leaflet)
            pen.polygon([last, here, end], fill=255)
        last = here
