"""Land: ridges, dunes and hills as parallax layers."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from bot.providers.local import noise
from bot.providers.local.layer import Layer
from bot.providers.local.pixels import Colour, Floats, blend, grid, mask, mix, picture, smoothstep
from bot.providers.local.stage import Stage


def silhouette(
    stage: Stage,
    crest: Floats,
    *,
    colour: Colour,
    foot: Colour,
    depth: float,
    rng: np.random.Generator,
    fade_px: float,
) -> Layer:
    """Return land below `crest` (canvas row per column) that turns to `foot` over `fade_px`."""
    top = max(0, int(crest.min()) - 2)
    height = stage.canvas_height_px - top
    _, y = grid(1, height)
    below = (y + top) - crest[None, :]
    values = blend(colour, foot, smoothstep(0.0, fade_px, below) * 0.85)
    return Layer(
        stage=stage,
        colour=picture(values, rng),
        mask=mask(below + 0.5),
        depth=depth,
        top_px=top,
    )


def peaks(
    stage: Stage,
    crest: Floats,
    *,
    rock: Colour,
    lit: Colour,
    snow: Colour | None,
    foot: Colour,
    depth: float,
    rng: np.random.Generator,
    height_px: float,
    snow_reach: float = 0.4,
) -> Layer:
    """Return mountains with a lit and a shaded side, and snow above a ragged line."""
    top = max(0, int(crest.min()) - 2)
    height = stage.canvas_height_px - top
    width = crest.shape[0]
    x, y = grid(width, height)
    below = (y + top) - crest[None, :]
    warp = noise.field(
        rng, width, height, cell_x_px=height_px * 0.3, cell_y_px=height_px * 0.42, octaves=5
    )
    slope = np.gradient(_soft(crest, max(3, round(height_px / 15))))
    # A facet follows the slope of the crest above it, carried down and bent by noise.
    source = x + (warp - 0.5) * height_px * 0.24 + np.maximum(below, 0) * 0.12
    index = np.clip(source, 0, width - 1).astype(np.int64)
    shade = smoothstep(-0.34, 0.34, slope[index].astype(np.float32) * 1.15 + (warp - 0.5) * 0.5)
    values = blend(rock, lit, shade)
    if snow is not None:
        # Snow lies longest in the shade and in gullies: its edge is as ragged as the rock.
        line = height_px * snow_reach * (0.35 + 0.9 * warp + 0.25 * (1.0 - shade))
        white = smoothstep(1.06, 0.8, below / np.maximum(line, 1.0)).astype(np.float32)
        shadow = mix(snow, rock, 0.5)
        values = blend(values, blend(shadow, snow, shade), white * np.float32(0.92))
    values = blend(values, foot, smoothstep(0.15, 1.05, below / height_px) * np.float32(0.9))
    return Layer(
        stage=stage,
        colour=picture(values, rng),
        mask=mask(below + 0.5),
        depth=depth,
        top_px=top,
    )


def _soft(crest: Floats, radius: int) -> Floats:
    kernel = np.ones(2 * radius + 1) / (2 * radius + 1)
    padded = np.pad(crest.astype(np.float64), radius, mode="edge")
    return np.convolve(padded, kernel, mode="valid").astype(np.float32)


def dunes(
    stage: Stage,
    crest: Floats,
    *,
    lit: Colour,
    shade: Colour,
    depth: float,
    rng: np.random.Generator,
    height_px: float,
) -> Layer:
    """Return sand: bright on the windward side, dark under the crest, rippled up close."""
    top = max(0, int(crest.min()) - 2)
    height = stage.canvas_height_px - top
    width = crest.shape[0]
    x, y = grid(width, height)
    below = (y + top) - crest[None, :]
    slope = np.gradient(_soft(crest, 6))
    warp = noise.field(
        rng, width, height, cell_x_px=height_px * 2.2, cell_y_px=height_px * 0.7, octaves=3
    )
    source = np.clip(x - below * 1.5 + (warp - 0.5) * height_px, 0, width - 1).astype(np.int64)
    bright = smoothstep(0.16, -0.2, slope[source].astype(np.float32))
    bright = bright * smoothstep(height_px * 2.4, 0.0, below) * 0.8 + 0.12
    ripple = np.sin((below * 1.0 + 26 * warp * stage.unit) / (2.1 * stage.unit) * (0.35 + depth))
    bright = bright + ripple * np.float32(0.035 * depth)
    values = blend(shade, lit, np.clip(bright, 0, 1).astype(np.float32))
    return Layer(
        stage=stage,
        colour=picture(values, rng),
        mask=mask(below + 0.5),
        depth=depth,
        top_px=top,
    )


def conifers(
    stage: Stage,
    crest: Floats,
    *,
    colour: Colour,
    depth: float,
    rng: np.random.Generator,
    tree_px: float,
    spacing_px: float,
    foot: Colour | None = None,
) -> Layer:
    """Return a hill whose crest is planted with firs of about `tree_px`."""
    reach = round(tree_px * 1.5)
    top = max(0, int(crest.min()) - reach)
    height = stage.canvas_height_px - top
    # Drawn twice as large and shrunk: smooth edges.
    canvas = Image.new("L", (crest.shape[0] * 2, height * 2), 0)
    pen = ImageDraw.Draw(canvas)
    ground = [(2.0 * i, 2.0 * (float(c) - top)) for i, c in enumerate(crest)]
    pen.polygon([*ground, (canvas.width, canvas.height), (0, canvas.height)], fill=255)
    at = 0.0
    while at < crest.shape[0]:
        size = tree_px * float(rng.uniform(0.45, 1.25))
        base = float(crest[min(int(at), crest.shape[0] - 1)]) - top + size * 0.06
        _fir(pen, at * 2, base * 2, size * 2, rng)
        # Trees stand in groups: mostly close together, now and then a clearing.
        gap = rng.exponential(1.0) if rng.random() < 0.85 else 3.0 + rng.random() * 3.0
        at += spacing_px * (0.35 + float(gap))
    small = canvas.resize((crest.shape[0], height), Image.Resampling.BOX)
    paint: Image.Image | Colour = colour
    if foot is not None:
        _, y = grid(1, height)
        share = smoothstep(reach * 0.7, reach + tree_px * 2.2, y)
        paint = picture(blend(colour, foot, share), rng, grain=0.0)
    return Layer(stage=stage, colour=paint, mask=small, depth=depth, top_px=top)


def _fir(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    width = size * float(rng.uniform(0.17, 0.24))
    tiers = 6
    for tier in range(tiers):
        upper = base - size + size * 0.86 * (tier / tiers) ** 1.05
        lower = base - size + size * 0.92 * ((tier + 1.35) / tiers)
        half = width * (0.16 + 0.84 * (tier + 1) / tiers) * float(rng.uniform(0.86, 1.12))
        pen.polygon(
            [(x, upper), (x - half, lower), (x + half, min(lower + half * 0.1, base))], fill=255
        )
    pen.rectangle((x - size * 0.018, base - size * 0.2, x + size * 0.018, base), fill=255)
