"""Trunks behind trunks, light between them, ferns in front."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from bot.providers.local import land, noise
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import (
    Colour,
    blend,
    column,
    grid,
    lit,
    mask,
    mix,
    picture,
    smoothstep,
)
from bot.providers.local.prompt import Scene, Time, Weather
from bot.providers.local.shafts import Shafts
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart
from bot.providers.local.weather import fog


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    leaf = lit((74, 118, 70), palette.light)
    bright = mix(palette.sky[3], palette.glow, 0.3)
    air = mix(mix(palette.haze, palette.sky[3], 0.5), leaf, 0.22)
    parts: list[Part] = [_glade(scene, stage, bright, air, leaf)]
    near = mix(palette.near, (8, 14, 10), 0.3)
    for i, (count, wide, depth, far) in enumerate(
        ((22, 15, 0.14, 0.72), (14, 26, 0.34, 0.46), (8, 46, 0.6, 0.2))
    ):
        colour = mix(near, air, far)
        parts.append(
            _trunks(scene, stage, colour, mix(colour, leaf, 0.25), count=count, wide=wide,
                    depth=depth, index=i)
        )  # fmt: skip
        if i < 2:
            parts.append(fog(scene, stage, air, height=0.7 + 0.06 * i, share=0.5 - 0.15 * i))
    if scene.time is not Time.NIGHT and scene.weather not in (Weather.RAIN, Weather.STORM):
        parts.append(Shafts.of(scene, stage, bright, strength=0.5, source=(0.66, -0.3), reach=0.9))
    parts.append(_floor(scene, stage, mix(near, leaf, 0.12), row=0.84, depth=0.72))
    figure = SubjectPart.of(
        scene, stage, body=mix(near, (0, 0, 0), 0.4), rim=mix(bright, palette.disc, 0.4),
        halo=mix(air, bright, 0.4), ground=0.87 if not stage.is_portrait else 0.775,
    )  # fmt: skip
    if figure is not None:
        parts.append(figure)
    parts.append(_floor(scene, stage, near, row=0.93, depth=0.95))
    if scene.time in (Time.NIGHT, Time.DUSK):
        for purpose, size, level in (("fireflies", (2.4, 4.4), 0.95), ("fireflies", (14, 26), 0.3)):
            # The same seed twice: each light and the glow around it.
            parts.append(
                Specks.swarm(
                    scene, stage, purpose, ((255, 236, 130), (214, 255, 140)), count=44, size=size,
                    sway=34, blink=0.9, level=(0.7 * level, level), rows=(0.3, 1.0),
                )
            )  # fmt: skip
    else:
        pollen = mix(bright, (255, 255, 255), 0.5)
        parts.append(
            Specks.swarm(
                scene, stage, "pollen", (pollen,), count=60, size=(1.0, 2.8), sway=20, blink=0.6,
                level=(0.25, 0.7),
            )
        )  # fmt: skip
    return parts


def _glade(scene: Scene, stage: Stage, bright: Colour, air: Colour, leaf: Colour) -> Layer:
    rng = scene.rng("glade")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    x, y = grid(width, height)
    stops = ((0.0, mix(air, leaf, 0.5)), (0.45, air), (0.75, mix(air, leaf, 0.25)), (1.0, leaf))
    values = np.broadcast_to(column(stops, height), (height, width, 3)).copy()
    distance = np.sqrt(((x - stage.col(0.62)) / 1.1) ** 2 + (y - stage.row(0.3)) ** 2)
    light = np.exp(-distance / (0.3 * max(stage.width_px * 0.6, stage.height_px * 0.7)))
    values = blend(values, mix(bright, (255, 255, 255), 0.25), (light * 0.95).astype(np.float32))
    leaves = noise.field(
        rng,
        width,
        height,
        cell_x_px=90 * stage.unit,
        cell_y_px=80 * stage.unit,
        octaves=4,
        gain=0.7,
    )
    crown = smoothstep(0.42, 0.62, leaves) * smoothstep(stage.row(0.55), stage.row(0.0), y)
    values = blend(values, mix(air, leaf, 0.55), crown * np.float32(0.55))
    return Layer(stage=stage, colour=picture(values, rng))


def _trunks(
    scene: Scene, stage: Stage, colour: Colour, crown: Colour, *, count: int, wide: float,
    depth: float, index: int,
) -> Layer:  # fmt: skip
    """Return a row of trees whose crowns close the upper edge."""
    rng = scene.rng(f"trunks {index}")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    shape = Image.new("L", (width * 2, height * 2), 0)
    pen = ImageDraw.Draw(shape)
    count = max(4, round(count * stage.width_px / (1280 * stage.unit)))
    foot = 2.0 * stage.row(0.8 + 0.05 * index)
    for i in range(count):
        x = 2 * width * (i + float(rng.uniform(0.1, 0.9))) / count
        half = wide * stage.unit * float(rng.uniform(0.6, 1.25))
        lean = float(rng.normal(0, 0.015)) * shape.height
        flare = half * 1.5
        pen.polygon(
            [
                (x + lean - half * 0.6, 0),
                (x + lean + half * 0.6, 0),
                (x + half, foot - flare * 2.5),
                (x + flare, foot + 6),
                (x - flare, foot + 6),
                (x - half, foot - flare * 2.5),
            ],
            fill=255,
        )
        for _ in range(int(rng.integers(2, 6))):
            _branch(pen, x + lean * 0.6, float(rng.uniform(0.04, 0.5)) * shape.height, half, rng)
    ground = noise.line(rng, width, cell_px=stage.height_px * 0.4, octaves=3) * 8 * stage.unit
    points = [(2.0 * i, foot - 2 * float(g)) for i, g in enumerate(ground)]
    pen.polygon([*points, (shape.width, shape.height), (0, shape.height)], fill=255)
    trees = shape.resize((width, height), Image.Resampling.BOX)
    trees.paste(255, (0, 0), _leaves(rng, stage, width, height, index))
    _, y = grid(1, height)
    share = smoothstep(stage.row(0.3), stage.row(0.0), y) * 0.8
    return Layer(
        stage=stage,
        colour=picture(blend(colour, crown, share), rng),
        mask=trees,
        depth=depth,
    )


def _branch(
    pen: ImageDraw.ImageDraw, x: float, y: float, half: float, rng: np.random.Generator
) -> None:
    side = 1 if rng.random() < 0.5 else -1
    length = half * float(rng.uniform(4, 9))
    angle = float(rng.uniform(0.2, 0.75))
    for share, turn, thick in ((1.0, 0.0, 0.24), (0.55, 0.45, 0.13), (0.4, -0.4, 0.1)):
        start = (x, y) if share == 1.0 else (
            x + side * math.cos(angle) * length * 0.45, y - math.sin(angle) * length * 0.45
        )  # fmt: skip
        tip = (
            start[0] + side * math.cos(angle + turn) * length * share,
            start[1] - math.sin(angle + turn) * length * share,
        )
        wide = half * thick
        pen.polygon([(start[0], start[1] - wide), (start[0], start[1] + wide), tip], fill=255)


def _leaves(
    rng: np.random.Generator, stage: Stage, width: int, height: int, index: int
) -> Image.Image:
    """Return the crowns' leaves, a ragged mask that hangs from the upper edge."""
    unit = stage.unit * (0.8 + 0.35 * index)
    boughs = noise.field(rng, width, height, cell_x_px=230 * unit, cell_y_px=120 * unit, octaves=2)
    leaves = noise.field(
        rng, width, height, cell_x_px=26 * unit, cell_y_px=20 * unit, octaves=3, gain=0.7
    )
    _, y = grid(1, height)
    hang = stage.row(0.0) + stage.height_px * (0.02 + 0.2 * boughs**2 + 0.1 * (leaves - 0.5))
    edge = (hang - y) / (9 * unit) + (leaves - 0.5) * 9
    return mask(smoothstep(0.0, 0.9, edge.astype(np.float32)))


def _floor(scene: Scene, stage: Stage, colour: Colour, *, row: float, depth: float) -> Layer:
    """Return ground with grass and ferns."""
    rng = scene.rng(f"floor {row}")
    if stage.is_portrait:
        row -= 0.06
    width = stage.canvas_width_px
    crest = stage.row(row) - noise.line(rng, width, cell_px=stage.height_px * 0.5, octaves=3) * (
        stage.height_px * 0.02
    )
    base = land.silhouette(
        stage, crest.astype(np.float32), colour=colour, foot=mix(colour, (0, 0, 0), 0.5),
        depth=depth, rng=rng, fade_px=stage.height_px * 0.15,
    )  # fmt: skip
    reach = stage.px(80)
    top = max(0, int(crest.min()) - reach)
    shape = Image.new("L", (width * 2, (stage.canvas_height_px - top) * 2), 0)
    pen = ImageDraw.Draw(shape)
    ground = [(2.0 * i, 2.0 * (float(c) - top)) for i, c in enumerate(crest)]
    pen.polygon([*ground, (shape.width, shape.height), (0, shape.height)], fill=255)
    for _ in range(round(width / (7 * stage.unit))):
        x = float(rng.uniform(0, width - 1))
        y = (float(crest[int(x)]) - top + 4) * 2
        _blade(pen, x * 2, y, stage.unit * 2 * float(rng.uniform(8, 26)) * (0.6 + 0.5 * depth), rng)
    for _ in range(round(width / (120 * stage.unit))):
        x = float(rng.uniform(0, width - 1))
        y = (float(crest[int(x)]) - top + 4) * 2
        for angle in np.linspace(-1.25, 1.25, 9):
            _frond(pen, x * 2, y, stage.unit * 2 * float(rng.uniform(26, 52)) * depth, float(angle))
    plants = shape.resize((width, shape.height // 2), Image.Resampling.BOX)
    paint = Image.new("RGB", plants.size, colour)
    if isinstance(base.colour, Image.Image):
        paint.paste(base.colour.resize((width, base.colour.height)), (0, base.top_px - top))
    return Layer(stage=stage, colour=paint, mask=plants, depth=depth, top_px=top)


def _blade(
    pen: ImageDraw.ImageDraw, x: float, y: float, size: float, rng: np.random.Generator
) -> None:
    bend = float(rng.normal(0, 0.4)) * size
    pen.polygon([(x - size * 0.07, y), (x + size * 0.07, y), (x + bend, y - size)], fill=255)


def _frond(pen: ImageDraw.ImageDraw, x: float, y: float, size: float, angle: float) -> None:
    """Draw one leaf of a fern, bent by its weight."""
    last = (x, y)
    for i in range(1, 13):
        share = i / 12
        here = (
            x + math.sin(angle) * size * share,
            y - math.cos(angle * 0.6) * size * (share - 0.55 * share**2 * abs(angle)),
        )
        leaflet = size * 0.17 * (1 - share) + 1
        pen.line([last, here], fill=255, width=3)
        for side in (-1, 1):
            end = (here[0] + leaflet * 0.5 * math.sin(angle), here[1] + side * leaflet)
            pen.polygon([last, here, end], fill=255)
        last = here
