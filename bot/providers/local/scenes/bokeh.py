"""A warm room out of focus: discs of light over a table top."""

from __future__ import annotations

import numpy as np

from bot.providers.local import noise
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, blend, column, grid, mask, mix, picture, smoothstep
from bot.providers.local.prompt import Gait, Scene, Time
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart

#: Dark, middle, bright, and the colours of the lights.
_ROOMS: tuple[tuple[Colour, Colour, Colour, tuple[Colour, ...]], ...] = (
    ((44, 20, 26), (128, 60, 48), (232, 150, 92),
     ((255, 202, 132), (255, 156, 96), (255, 226, 182), (150, 180, 230))),
    ((22, 24, 44), (60, 62, 104), (206, 140, 120),
     ((255, 190, 130), (140, 190, 255), (255, 140, 170), (255, 230, 190))),
    ((14, 34, 40), (40, 92, 92), (214, 190, 132),
     ((255, 220, 150), (150, 230, 200), (255, 180, 120), (230, 240, 255))),
)  # fmt: skip
_DAYLIGHT = (
    (116, 96, 84),
    (196, 174, 150),
    (250, 238, 214),
    ((255, 255, 246), (255, 236, 200), (226, 240, 250), (246, 220, 190)),
)


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    bright = scene.time in (Time.DAY, Time.DAWN)
    warm = 0 if scene.time is Time.SUNSET else scene.seed // 7 % len(_ROOMS)
    dark, middle, lamp, lights = _DAYLIGHT if bright else _ROOMS[warm]
    if scene.tint is not None:
        dark, middle, lamp = (
            mix(c, mix(scene.tint, (0, 0, 0), d), 0.55)
            for c, d in ((dark, 0.7), (middle, 0.35), (lamp, 0.0))
        )
        lights = (*lights, scene.tint, mix(scene.tint, (255, 255, 255), 0.5))
    top = 0.8 if not stage.is_portrait else 0.76
    parts: list[Part] = [_room(scene, stage, dark, middle, lamp)]
    parts += [
        Specks.swarm(
            scene, stage, f"discs {i}", lights, count=count, size=size, speed_x=(-9, 9),
            speed_y=(-12, -2), sway=12, blink=0.35, level=level, rows=(-0.1, 0.86), ring=True,
        )
        for i, (count, size, level) in enumerate(
            ((44, (8, 22), (0.4, 0.9)), (26, (26, 50), (0.26, 0.6)), (10, (60, 100), (0.16, 0.36)))
        )
    ]  # fmt: skip
    parts.append(_table(scene, stage, dark, middle, lamp, top))
    ground = top + (0.085 if not stage.is_portrait else 0.025)
    still = scene.subject is not None and scene.subject.gait in (Gait.STILL, Gait.WALK)
    figure = SubjectPart.of(
        scene, stage, body=mix(dark, (0, 0, 0), 0.55), rim=mix(lamp, (255, 255, 255), 0.2),
        halo=mix(lamp, middle, 0.3), ground=ground, size=1.7 if still else 1.3,
    )  # fmt: skip
    if figure is not None:
        parts.append(figure)
    dust = mix(palette.disc, lamp, 0.4)
    parts.append(
        Specks.swarm(
            scene, stage, "dust", (dust,), count=40, size=(0.9, 2.4), speed_y=(-10, 2), sway=16,
            blink=0.7, level=(0.2, 0.6),
        )
    )  # fmt: skip
    return parts


def _room(scene: Scene, stage: Stage, dark: Colour, middle: Colour, lamp: Colour) -> Layer:
    rng = scene.rng("room")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    cloud = noise.field(
        rng, width, height, cell_x_px=560 * stage.unit, cell_y_px=480 * stage.unit, octaves=2
    )
    values = blend(dark, middle, smoothstep(0.1, 0.95, cloud))
    x, y = grid(width, height)
    for _ in range(3):
        cx, cy = stage.col(float(rng.uniform(0.1, 0.95))), stage.row(float(rng.uniform(0.05, 0.6)))
        reach = stage.unit * float(rng.uniform(110, 250))
        glow = np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / reach**2)) * float(rng.uniform(0.4, 0.75))
        values = blend(values, lamp, glow.astype(np.float32))
    return Layer(stage=stage, colour=picture(values, rng), depth=0.1)


def _table(
    scene: Scene, stage: Stage, dark: Colour, middle: Colour, lamp: Colour, top: float
) -> Layer:
    rng = scene.rng("table")
    first = stage.row(top)
    height = stage.canvas_height_px - first
    width = stage.canvas_width_px
    wood = noise.field(
        rng, width, height, cell_x_px=700 * stage.unit, cell_y_px=16 * stage.unit, octaves=3
    )
    stops = (
        (0.0, mix(middle, lamp, 0.45)),
        (0.12, mix(middle, dark, 0.25)),
        (1.0, mix(dark, (0, 0, 0), 0.3)),
    )
    values = column(stops, height) * (0.86 + 0.22 * wood)[..., None]
    _, y = grid(1, height)
    edge = smoothstep(0, stage.px(10), y) * np.ones((1, width), dtype=np.float32)
    return Layer(
        stage=stage, colour=picture(values.astype(np.float32), rng), mask=mask(edge), depth=0.75,
        top_px=first,
    )  # fmt: skip
