"""Space: nebulae, stars at three distances, a planet that turns."""

from __future__ import annotations

import numpy as np

from bot.providers.local import noise
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, Floats, blend, mask, mix, picture, smoothstep
from bot.providers.local.planet import Planet
from bot.providers.local.prompt import Scene
from bot.providers.local.sky import Twinkle
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart

#: Colours of the gas: low, high, and its brightest veins.
_NEBULAE: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((40, 24, 96), (150, 44, 120), (255, 150, 170)),
    ((14, 44, 96), (30, 110, 150), (140, 230, 220)),
    ((52, 22, 60), (180, 76, 60), (255, 196, 130)),
)


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    parts: list[Part] = [
        _nebula(scene, stage),
        Twinkle.of(scene, stage, stage.canvas_height_px),
    ]
    for i, (count, depth) in enumerate(((420, 0.2), (120, 0.45))):
        parts.append(_stars(scene, stage, count=count, depth=depth, index=i))
    parts.append(Planet.of(scene, stage))
    figure = SubjectPart.of(
        scene, stage, body=(16, 16, 34), rim=mix(palette.disc, (255, 214, 180), 0.3),
        halo=(120, 120, 190), size=1.25, ground=0.7,
    )  # fmt: skip
    if figure is not None:
        parts.append(figure)
    parts.append(
        Specks.swarm(
            scene, stage, "dust", ((210, 214, 255),), count=30, size=(0.8, 2.0),
            speed_x=(-26, -8), level=(0.2, 0.6), blink=0.4,
        )
    )  # fmt: skip
    return parts


def _nebula(scene: Scene, stage: Stage) -> Layer:
    rng = scene.rng("nebula")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    low, high, vein = _NEBULAE[int(rng.integers(len(_NEBULAE)))]
    if scene.tint is not None:
        low, high, vein = (
            mix(low, scene.tint, 0.4),
            scene.tint,
            mix(scene.tint, (255, 255, 255), 0.5),
        )
    cell = 620 * stage.unit

    def gas(octaves: int, gain: float = 0.55) -> Floats:
        return noise.field(
            rng, width, height, cell_x_px=cell, cell_y_px=cell * 0.75, octaves=octaves, gain=gain
        )

    cloud, hue, fine = gas(6), gas(3), gas(6, 0.62)
    density = smoothstep(0.38, 0.95, cloud)
    values = blend(
        (5, 6, 16), blend(low, high, smoothstep(0.25, 0.8, hue)), density * np.float32(0.8)
    )
    veins = np.exp(-((np.abs(fine - 0.5) / 0.05) ** 2)) * density * 0.35
    values = blend(values, vein, veins.astype(np.float32))
    # Dust lanes take light away.
    values *= (1.0 - 0.55 * smoothstep(0.55, 0.85, gas(5)))[..., None]
    return Layer(stage=stage, colour=picture(values, rng))


def _stars(scene: Scene, stage: Stage, *, count: int, depth: float, index: int) -> Layer:
    rng = scene.rng(f"stars {index}")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    light = np.zeros((height, width), dtype=np.float32)
    count = round(count * width * height / (1520 * 850 * stage.unit**2))
    x, y = rng.integers(1, width - 1, count), rng.integers(1, height - 1, count)
    level = (rng.random(count) ** 2.2 * 0.85 + 0.15).astype(np.float32)
    light[y, x] = level
    large = rng.random(count) < 0.2 + 0.3 * index
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        light[y[large] + dy, x[large] + dx] = np.maximum(
            light[y[large] + dy, x[large] + dx], level[large] * 0.45
        )
    return Layer(stage=stage, colour=(250, 248, 255), mask=mask(light), depth=depth)
