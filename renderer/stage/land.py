"""Draws land as layers that move at different speeds: mountain ridges, dunes, hills.

A "crest" is an array that holds, for each column of the canvas, the row where the land begins.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from renderer.script.colour import Colour, mix
from renderer.stage import noise
from renderer.stage.layer import Layer
from renderer.stage.pixels import (
    Floats,
    Reals,
    blend,
    grainy_image,
    grid,
    mask,
    shrunk,
    smoothstep,
)
from renderer.stage.stage import Shot


def _below(shot: Shot, crest: Reals) -> tuple[int, Floats]:
    """Return the first canvas row of the land, and the distance of each pixel below the crest."""
    top = max(0, int(crest.min()) - 2)
    _, y = grid(1, shot.canvas_px[1] - top)
    return top, (y + top) - crest.astype(np.float32)[None, :]


def _slope(crest: Reals, radius: int) -> Reals:
    """Return the slope of the smoothed crest; positive values mean that it falls to the right."""
    kernel = np.ones(2 * radius + 1) / (2 * radius + 1)
    return np.gradient(np.convolve(np.pad(crest, radius, mode="edge"), kernel, mode="valid"))


def silhouette(
    shot: Shot,
    crest: Reals,
    colours: tuple[Colour, Colour],
    *,
    depth: float,
    rng: np.random.Generator,
    fade_px: float,
) -> Layer:
    """Return the land below a crest; within `fade_px`, its colour fades from first to second."""
    top, below = _below(shot, crest)
    colour = grainy_image(blend(*colours, smoothstep(0.0, fade_px, below) * 0.85), rng)
    return Layer(stage=shot, colour=colour, mask=mask(below + 0.5), depth=depth, top_px=top)


def peaks(
    shot: Shot,
    crest: Reals,
    *,
    rock: Colour,
    lit: Colour,
    snow: Colour | None,
    foot: Colour,
    depth: float,
    rng: np.random.Generator,
    height_px: float,
    snow_reach: float,
) -> Layer:
    """Return mountains with a lit and a shaded side and a ragged snow line."""
    top, below = _below(shot, crest)
    height, width = below.shape
    x, _ = grid(width, 1)
    warp = noise.field(rng, (width, height), (height_px * 0.3, height_px * 0.42), octaves=5)
    # The brightness of a pixel comes from the slope of the crest above it, shifted by noise.
    source = x + (warp - 0.5) * height_px * 0.24 + np.maximum(below, 0) * 0.12
    index = np.clip(source, 0, width - 1).astype(np.int64)
    slope = _slope(crest, max(3, round(height_px / 15)))[index]
    shade = smoothstep(-0.34, 0.34, slope * 1.15 + (warp - 0.5) * 0.5)
    values = blend(rock, lit, shade)
    if snow is not None:
        # Snow reaches further down in shade and in gullies, so its lower edge is ragged.
        line = height_px * snow_reach * (0.35 + 0.9 * warp + 0.25 * (1.0 - shade))
        white = smoothstep(1.06, 0.8, below / np.maximum(line, 1.0)) * 0.92
        values = blend(values, blend(mix(snow, rock, 0.5), snow, shade), white)
    values = blend(values, foot, smoothstep(0.15, 1.05, below / height_px) * 0.9)
    colour = grainy_image(values, rng)
    return Layer(stage=shot, colour=colour, mask=mask(below + 0.5), depth=depth, top_px=top)


def dunes(
    shot: Shot,
    crest: Reals,
    *,
    lit: Colour,
    shade: Colour,
    depth: float,
    rng: np.random.Generator,
    height_px: float,
) -> Layer:
    """Return dunes: bright on the side facing the wind, dark below the crest; near dunes have
    ripples.
    """
    top, below = _below(shot, crest)
    height, width = below.shape
    x, _ = grid(width, 1)
    warp = noise.field(rng, (width, height), (height_px * 2.2, height_px * 0.7), octaves=3)
    source = np.clip(x - below * 1.5 + (warp - 0.5) * height_px, 0, width - 1).astype(np.int64)
    bright = smoothstep(0.16, -0.2, _slope(crest, 6)[source])
    bright = bright * smoothstep(height_px * 2.4, 0.0, below) * 0.8 + 0.12
    ripple = np.sin((below + 26 * warp * shot.unit) / (2.1 * shot.unit) * (0.35 + depth))
    colour = grainy_image(blend(shade, lit, np.clip(bright + ripple * (0.035 * depth), 0, 1)), rng)
    return Layer(stage=shot, colour=colour, mask=mask(below + 0.5), depth=depth, top_px=top)


def outline(shot: Shot, crest: Reals, top_px: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a mask of the ground below a crest, at twice a layer's resolution, and a pen for it.

    The caller draws more shapes with the pen and then shrinks the mask with `shrunk`. The mask
    starts at canvas row `top_px`.
    """
    shape = Image.new("L", (crest.shape[0] * 2, (shot.canvas_px[1] - top_px) * 2), 0)
    pen = ImageDraw.Draw(shape)
    ground = [(2.0 * i, 2.0 * (float(c) - top_px)) for i, c in enumerate(crest)]
    pen.polygon([*ground, (shape.width, shape.height), (0, shape.height)], fill=255)
    return shape, pen


def conifers(
    shot: Shot,
    crest: Reals,
    colours: tuple[Colour, Colour],
    *,
    depth: float,
    rng: np.random.Generator,
    tree_px: float,
    spacing_px: float,
) -> Layer:
    """Return a hill with fir trees along its crest, each about `tree_px` high."""
    width, reach = crest.shape[0], round(tree_px * 1.5)
    top = max(0, int(crest.min()) - reach)
    shape, pen = outline(shot, crest, top)
    at = 0.0
    while at < width:
        size = tree_px * float(rng.uniform(0.45, 1.25))
        base = float(crest[min(int(at), width - 1)]) - top + size * 0.06
        _fir(pen, at * 2, base * 2, size * 2, rng)
        # Trees stand in groups with gaps between the groups.
        gap = rng.exponential(1.0) if rng.random() < 0.85 else 3.0 + rng.random() * 3.0
        at += spacing_px * (0.35 + float(gap))
    _, y = grid(1, shape.height // 2)
    colour = grainy_image(blend(*colours, smoothstep(reach * 0.7, reach + tree_px * 2.2, y)), rng)
    return Layer(stage=shot, colour=colour, mask=shrunk(shape, 2), depth=depth, top_px=top)


def _fir(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    width = size * float(rng.uniform(0.17, 0.24))
    for tier in range(6):
        upper = base - size + size * 0.86 * (tier / 6) ** 1.05
        lower = base - size + size * 0.92 * ((tier + 1.35) / 6)
        half = width * (0.16 + 0.84 * (tier + 1) / 6) * float(rng.uniform(0.86, 1.12))
        corner = (x + half, min(lower + half * 0.1, base))
        pen.polygon([(x, upper), (x - half, lower), corner], fill=255)
    pen.rectangle((x - size * 0.018, base - size * 0.2, x + size * 0.018, base), fill=255)
