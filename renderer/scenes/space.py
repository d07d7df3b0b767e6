"""Draws space: a nebula, stars at three depths, and a turning planet, often with a ring."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from renderer.script.colour import WHITE, Colour, mix
from renderer.stage import noise
from renderer.stage.camera import View
from renderer.stage.figure import figure
from renderer.stage.layer import Layer, Part
from renderer.stage.particles import particles
from renderer.stage.pixels import Floats, blend, grainy_image, grid, mask, smoothstep, to_image
from renderer.stage.sky import twinkle
from renderer.stage.stage import Shot

#: The colours of a nebula: its dark parts, its bright parts, and its brightest threads.
_NEBULAE: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((40, 24, 96), (150, 44, 120), (255, 150, 170)),
    ((14, 44, 96), (30, 110, 150), (140, 230, 220)),
    ((52, 22, 60), (180, 76, 60), (255, 196, 130)),
)
#: The colours of a planet: its low, middle and high clouds, and its atmosphere.
_PLANETS: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((150, 62, 58), (226, 146, 112), (248, 214, 178), (255, 176, 130)),
    ((36, 66, 130), (92, 150, 200), (206, 230, 240), (120, 190, 255)),
    ((128, 92, 60), (206, 168, 112), (244, 226, 180), (255, 220, 160)),
    ((60, 46, 110), (134, 96, 176), (220, 186, 226), (200, 150, 255)),
)
#: Tilt of the planet's axis against the vertical, in radians.
_LEAN = -0.32


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw space, farthest first."""
    subject = figure(
        shot,
        body=(16, 16, 34),
        rim=mix(shot.palette.disc, (255, 214, 180), 0.3),
        halo=(120, 120, 190),
        ground=0.7,
        size=1.25,
    )
    dust = particles(
        shot, "dust", ((210, 214, 255),), count=30, size=(0.8, 2.0), speed_x=(-26, -8),
        level=(0.2, 0.6), blink=0.4,
    )  # fmt: skip
    far, near = _stars(shot, 0, 420, 0.2), _stars(shot, 1, 120, 0.45)
    lights = twinkle(shot, shot.canvas_px[1])
    return [_nebula(shot), lights, far, near, _planet(shot), *subject, dust]


def _nebula(shot: Shot) -> Layer:
    rng, tint = shot.rng("nebula"), shot.scene.tint
    low, high, vein = _NEBULAE[int(rng.integers(len(_NEBULAE)))]
    if tint is not None:
        low, high, vein = mix(low, tint, 0.4), tint, mix(tint, WHITE, 0.5)

    def gas(octaves: int, gain: float = 0.55) -> Floats:
        cell = (620 * shot.unit, 465 * shot.unit)
        return noise.field(rng, shot.canvas_px, cell, octaves=octaves, gain=gain)

    cloud, hue, fine = gas(6), gas(3), gas(6, 0.62)
    density = smoothstep(0.38, 0.95, cloud)
    values = blend((5, 6, 16), blend(low, high, smoothstep(0.25, 0.8, hue)), density * 0.8)
    values = blend(values, vein, np.exp(-((np.abs(fine - 0.5) / 0.05) ** 2)) * density * 0.35)
    # Dark streaks of dust run through the nebula.
    values *= (1.0 - 0.55 * smoothstep(0.55, 0.85, gas(5)))[..., None]
    return Layer(stage=shot, colour=grainy_image(values, rng))


def _stars(shot: Shot, index: int, count: int, depth: float) -> Layer:
    rng = shot.rng(f"stars {index}")
    width, height = shot.canvas_px
    light = np.zeros((height, width), dtype=np.float32)
    count = round(count * width * height / (1520 * 850 * shot.unit**2))
    x, y = rng.integers(1, width - 1, count), rng.integers(1, height - 1, count)
    light[y, x] = level = rng.random(count) ** 2.2 * 0.85 + 0.15
    large = rng.random(count) < 0.2 + 0.3 * index
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        at = (y[large] + dy, x[large] + dx)
        light[at] = np.maximum(light[at], level[large] * 0.45)
    return Layer(stage=shot, colour=(250, 248, 255), mask=mask(light), depth=depth)


def _planet(shot: Shot) -> Part:
    """Return a part that draws a turning planet in the upper left of the picture.

    Its light comes from the upper left, too.
    """
    scene, rng = shot.scene, shot.rng("planet")
    low, middle, high, air = _PLANETS[int(rng.integers(len(_PLANETS)))]
    if scene.tint is not None:
        low, middle, air = mix(low, scene.tint, 0.4), mix(middle, scene.tint, 0.5), scene.tint
    radius = round(shot.wide_or_tall(190, 215) * shot.unit * rng.uniform(0.9, 1.15))
    rows, columns = 2 * radius, 4 * radius
    skin = _surface(rng, rows, columns, (low, middle, high))

    # For each pixel of the planet's disc, compute which point of the surface map it shows and how
    # bright it is.
    nx, ny = ((side - radius - 1) / radius for side in grid(2 * radius + 3, 2 * radius + 3))
    nz = np.sqrt(np.clip(1.0 - nx**2 - ny**2, 0.0, 1.0))
    ax = nx * math.cos(_LEAN) + ny * math.sin(_LEAN)
    ay = ny * math.cos(_LEAN) - nx * math.sin(_LEAN)
    row = (np.arcsin(np.clip(ay, -1, 1)) / math.pi + 0.5) * rows
    latitude = np.clip(row, 0, rows - 1).astype(np.int64)
    longitude = np.arctan2(ax, np.maximum(nz, 1e-4)) / (2 * math.pi) * columns
    sun = np.clip(-0.62 * nx - 0.42 * ny + 0.58 * nz, 0.0, 1.0)
    rim = np.clip(1.0 - nz, 0, 1) ** 3 * smoothstep(-0.1, 0.5, sun)
    shade = (0.03 + 1.02 * sun**0.8 * (0.75 + 0.25 * nz) + 0.35 * rim)[..., None]
    body = mask(radius - np.sqrt(nx**2 + ny**2) * radius + 0.5)

    x, y = (side - 1.5 * radius for side in grid(3 * radius, 3 * radius))
    beyond = np.clip(np.sqrt(x**2 + y**2) - radius, 0, None)
    sunny = smoothstep(-0.5, 0.9, (-x - 0.7 * y) / (radius * 1.6))
    halo = mask(np.exp(-beyond / (0.09 * radius)) * 0.6 * sunny)

    halves = (False, True) if scene.seed % 3 != 0 or scene.ringed else ()
    ring = [_ring(radius, middle, high, front=front) for front in halves]

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        turned = (longitude + at_s * 7.0 * shot.unit).astype(np.int64) % columns
        ball = to_image(skin[latitude, turned] * shade)
        at = (shot.col(shot.wide_or_tall(0.3, 0.4)), shot.row(shot.wide_or_tall(0.37, 0.32)))
        for paint, shape in ((air, halo), *ring[:1], (ball, body), *ring[1:]):
            _put(frame, paint, shape, *view.place(shot, 0.3, *at))

    return draw


def _put(
    frame: Image.Image,
    paint: Image.Image | Colour,
    shape: Image.Image,
    x: float,
    y: float,
    zoom: float,
) -> None:
    """Paste a picture or colour through a mask, centred on x, y with subpixel precision."""
    left, top = x - shape.width * zoom / 2, y - shape.height * zoom / 2
    at = (math.ceil(left), math.ceil(top))
    size = (math.floor(shape.width * zoom) - 1, math.floor(shape.height * zoom) - 1)
    skip = ((at[0] - left) / zoom, (at[1] - top) / zoom)
    box = (*skip, skip[0] + size[0] / zoom, skip[1] + size[1] / zoom)
    if isinstance(paint, Image.Image):
        paint = paint.resize(size, Image.Resampling.BILINEAR, box=box)
    placed = shape.resize(size, Image.Resampling.BILINEAR, box=box)
    frame.paste(paint, (*at, at[0] + size[0], at[1] + size[1]), placed)


def _surface(
    rng: np.random.Generator, rows: int, columns: int, colours: tuple[Colour, Colour, Colour]
) -> Floats:
    """Return the colours of the planet's surface as a seamless array of (rows, columns, 3)."""
    half = columns // 2
    swirl = noise.field(rng, (half, rows), (half / 5, rows / 9), octaves=5) - 0.5
    swirl = np.concatenate((swirl, swirl[:, ::-1]), axis=1)
    bands = noise.line(rng, rows * 2, rows / 4.5, octaves=4, gain=0.6)
    y = np.arange(rows)[:, None] + swirl * rows * 0.07
    band = bands[np.clip(y + rows / 2, 0, rows * 2 - 1).astype(np.int64)]
    value = band * 0.9 + swirl * 0.35
    lower = blend(colours[0], colours[1], smoothstep(-0.7, 0.15, value))
    return blend(lower, colours[2], smoothstep(0.1, 0.75, value))


def _ring(
    radius: int, middle: Colour, high: Colour, *, front: bool
) -> tuple[Image.Image, Image.Image]:
    """Return one half of the planet's ring as a picture and its mask, centred on the planet."""
    half = round(radius * 2.35)
    x, y = (side - half for side in grid(2 * half, 2 * half))
    along = x * math.cos(_LEAN) + y * math.sin(_LEAN)
    across = (y * math.cos(_LEAN) - x * math.sin(_LEAN)) / 0.27
    distance = np.sqrt(along**2 + across**2) / radius
    grooves = noise.line(np.random.default_rng(7), 512, 60, gain=0.7)
    light = grooves[np.clip((distance - 1.3) * 511, 0, 511).astype(np.int64)]
    opacity = smoothstep(1.32, 1.4, distance) * smoothstep(2.25, 2.14, distance)
    gap = np.exp(-(((distance - 1.86) / 0.03) ** 2))
    opacity = opacity * (0.52 + 0.42 * light) * (1 - 0.85 * gap)
    opacity = opacity * smoothstep(-2, 2, across if front else -across)
    # The planet casts a shadow on the part of the ring behind it, on the side away from the sun.
    shadow = smoothstep(0.5, 0.05, np.abs(across / radius + 0.9 - along / radius * 0.5) * 0.6)
    dim = 1.0 - (0.0 if front else 0.8) * shadow * (along > 0)
    values = blend(middle, high, np.clip(0.5 + light, 0, 1)) * (0.9 * dim)[..., None]
    # Crop the empty rows above and below the planet's ring.
    rows = np.flatnonzero((opacity > 0.004).any(axis=1))
    reach = int(max(half - rows[0], rows[-1] - half)) + 3
    band = slice(max(0, half - reach), half + reach)
    return to_image(values[band]), mask(opacity[band])
