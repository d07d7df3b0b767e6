"""Under the sea: light from above, reefs like chimneys, fish and bubbles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from bot.providers.local import land, noise
from bot.providers.local.flock import Flock
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, column, grid, lit, mix, picture
from bot.providers.local.prompt import Scene, Time
from bot.providers.local.shafts import Shafts
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart

_PLANTS: tuple[Colour, ...] = ((214, 92, 108), (232, 140, 84), (150, 92, 180), (66, 150, 140))


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    light = tuple(0.25 + 0.75 * f for f in palette.light)
    surface = mix(lit((132, 224, 232), light), palette.glow, 0.12)
    middle = lit((24, 118, 168), light)
    deep = lit((6, 34, 78), light)
    if scene.tint is not None:
        surface, middle, deep = (
            mix(c, mix(scene.tint, (0, 0, 0), d), 0.45)
            for c, d in ((surface, 0.0), (middle, 0.35), (deep, 0.75))
        )
    parts: list[Part] = [_backdrop(scene, stage, surface, middle, deep)]
    for i, (row, depth, far) in enumerate(((0.72, 0.15, 0.72), (0.8, 0.4, 0.42))):
        parts.append(_reef(scene, stage, middle, deep, row=row, depth=depth, far=far, index=i))
        parts.append(
            Flock.of(
                scene, stage, mix(deep, middle, 0.5 - 0.3 * i), row=0.36 + 0.16 * i, fish=True,
                count=13, purpose=f"shoal {i}",
            )
        )  # fmt: skip
    strength = 0.34 if scene.time in (Time.NIGHT, Time.DUSK) else 0.78
    parts.append(Shafts.of(scene, stage, surface, strength=strength, source=(0.58, -0.35)))
    figure = SubjectPart.of(
        scene,
        stage,
        body=mix(deep, (0, 0, 0), 0.35),
        rim=mix(surface, (255, 255, 255), 0.2),
        halo=mix(surface, middle, 0.3),
        ground=0.84 if not stage.is_portrait else 0.74,
        size=1.25,
    )
    if figure is not None:
        parts.append(figure)
    parts.append(_reef(scene, stage, middle, deep, row=0.9, depth=0.85, far=0.06, index=2))
    bubble = mix(surface, (255, 255, 255), 0.5)
    parts += [
        Specks.swarm(
            scene, stage, "plankton", (bubble,), count=60, size=(0.8, 1.9), sway=14, blink=0.5,
            level=(0.15, 0.5),
        ),
        Specks.swarm(
            scene, stage, "bubbles", (bubble,), count=26, size=(3, 10), speed_x=(-4, 4),
            speed_y=(-92, -40), sway=9, level=(0.3, 0.7), ring=True,
        ),
    ]  # fmt: skip
    return parts


def _backdrop(scene: Scene, stage: Stage, surface: Colour, middle: Colour, deep: Colour) -> Layer:
    rng = scene.rng("sea")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    stops = ((0.0, surface), (0.16, mix(surface, middle, 0.55)), (0.5, middle), (1.0, deep))
    x, y = grid(width, height)
    values = np.broadcast_to(column(stops, height), (height, width, 3)).copy()
    centre, top = stage.col(0.58), -0.1 * height
    distance = np.sqrt(((x - centre) / 1.3) ** 2 + (y - top) ** 2)
    glow = np.exp(-distance / (0.34 * height))[..., None] * 0.85
    values += (np.asarray(mix(surface, (255, 255, 255), 0.55), dtype=np.float32) - values) * glow
    return Layer(stage=stage, colour=picture(values.astype(np.float32), rng))


def _reef(
    scene: Scene,
    stage: Stage,
    middle: Colour,
    deep: Colour,
    *,
    row: float,
    depth: float,
    far: float,
    index: int,
) -> Layer:
    """Return a bank of rock with corals: fans, fingers and kelp."""
    rng = scene.rng(f"reef {index}")
    width = stage.canvas_width_px
    bumps = noise.line(rng, width, cell_px=stage.height_px * 0.45, octaves=5)
    low = 0.045 if stage.is_portrait else 0.0
    crest = (stage.row(row - low * index) - bumps * stage.height_px * 0.05).astype(np.float32)
    reach = round(stage.height_px * 0.3)
    top = max(0, int(crest.min()) - reach)
    height = stage.canvas_height_px - top
    shape = Image.new("L", (width * 2, height * 2), 0)
    paint = Image.new("RGB", (width, height), mix(deep, middle, far))
    pen, brush = ImageDraw.Draw(shape), ImageDraw.Draw(paint)
    ground = [(2.0 * i, 2.0 * (float(c) - top)) for i, c in enumerate(crest)]
    pen.polygon([*ground, (shape.width, shape.height), (0, shape.height)], fill=255)
    count = round((26, 20, 13)[index] * width / (1500 * stage.unit))
    for _ in range(count):
        x = float(rng.uniform(0, width - 1))
        base = float(crest[int(x)]) - top + 4
        size = stage.unit * float(rng.uniform(26, 80)) * (0.7, 1.0, 1.25)[index]
        colour = mix(
            mix(_PLANTS[int(rng.integers(4))], deep, 0.35 + 0.2 * (index == 2)), middle, far
        )
        brush.rectangle((x - size, base - size * 2.4, x + size, base), fill=colour)
        (_fingers, _fan, _kelp)[int(rng.integers(3))](pen, x * 2, base * 2, size * 2, rng)
    mask = shape.resize((width, height), Image.Resampling.BOX)
    fade = land.silhouette(
        stage, crest, colour=mix(deep, middle, far), foot=deep, depth=depth, rng=rng,
        fade_px=stage.height_px * 0.16,
    )  # fmt: skip
    # The rock covers the plants' feet with its own gradient.
    if isinstance(fade.colour, Image.Image):
        paint.paste(fade.colour, (0, fade.top_px - top), fade.mask)
    return Layer(stage=stage, colour=paint, mask=mask, depth=depth, top_px=top)


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
            pen.line(
                [(x, base), mid, tip], fill=255, width=max(2, round(size * 0.035)), joint="curve"
            )


def _kelp(
    pen: ImageDraw.ImageDraw, x: float, base: float, size: float, rng: np.random.Generator
) -> None:
    for _ in range(int(rng.integers(2, 5))):
        tall, phase = size * float(rng.uniform(1.1, 2.3)), float(rng.uniform(0, 6.28))
        at = x + size * float(rng.uniform(-0.4, 0.4))
        steps = np.linspace(0, 1, 15)
        points = [(at + size * 0.16 * np.sin(s * 5 + phase), base - tall * s) for s in steps]
        for (x0, y0), (x1, y1), s in zip(points, points[1:], steps, strict=False):
            width = size * 0.1 * (1.05 - s)
            pen.polygon(
                [(x0 - width, y0), (x0 + width, y0), (x1 + width, y1), (x1 - width, y1)], fill=255
            )
