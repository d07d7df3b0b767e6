"""Draws a warm room out of focus: discs of light above a table."""

from __future__ import annotations

import numpy as np

from renderer.script.colour import BLACK, WHITE, Colour, mix
from renderer.script.prompt import Motion, Time
from renderer.stage import noise
from renderer.stage.figure import figure
from renderer.stage.layer import Layer, Part
from renderer.stage.particles import particles
from renderer.stage.pixels import blend, column, grainy_image, grid, mask, smoothstep
from renderer.stage.stage import Shot

#: For each room: its dark, middle and bright colour, and the colours of its lights.
_ROOMS: tuple[tuple[Colour, Colour, Colour, tuple[Colour, ...]], ...] = (
    ((44, 20, 26), (128, 60, 48), (232, 150, 92),
     ((255, 202, 132), (255, 156, 96), (255, 226, 182), (150, 180, 230))),
    ((22, 24, 44), (60, 62, 104), (206, 140, 120),
     ((255, 190, 130), (140, 190, 255), (255, 140, 170), (255, 230, 190))),
    ((14, 34, 40), (40, 92, 92), (214, 190, 132),
     ((255, 220, 150), (150, 230, 200), (255, 180, 120), (230, 240, 255))),
)  # fmt: skip
_DAYLIGHT = (
    (116, 96, 84), (196, 174, 150), (250, 238, 214),
    ((255, 255, 246), (255, 236, 200), (226, 240, 250), (246, 220, 190)),
)  # fmt: skip


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the room, farthest first."""
    scene, tint = shot.scene, shot.scene.tint
    room = _ROOMS[0 if scene.time is Time.SUNSET else scene.seed // 7 % len(_ROOMS)]
    dark, middle, lamp, lights = _DAYLIGHT if scene.time in (Time.DAY, Time.DAWN) else room
    if tint is not None:
        dark = mix(dark, mix(tint, BLACK, 0.7), 0.55)
        middle = mix(middle, mix(tint, BLACK, 0.35), 0.55)
        lamp = mix(lamp, tint, 0.55)
        lights = (*lights, tint, mix(tint, WHITE, 0.5))
    grounded = scene.subject is not None and scene.subject.motion in (Motion.STILL, Motion.WALK)
    subject = figure(
        shot,
        body=mix(dark, BLACK, 0.55),
        rim=mix(lamp, WHITE, 0.2),
        halo=mix(lamp, middle, 0.3),
        ground=shot.wide_or_tall(0.885, 0.785),
        size=1.7 if grounded else 1.3,
    )
    discs = [
        particles(
            shot, f"discs {i}", lights, count=count, size=size, speed_x=(-9, 9),
            speed_y=(-12, -2), sway=12, blink=0.35, level=level, rows=(-0.1, 0.86), ring=True,
        )
        for i, (count, size, level) in enumerate(
            ((44, (8, 22), (0.4, 0.9)), (26, (26, 50), (0.26, 0.6)), (10, (60, 100), (0.16, 0.36)))
        )
    ]  # fmt: skip
    dust = particles(
        shot, "dust", (mix(shot.palette.disc, lamp, 0.4),), count=40, size=(0.9, 2.4),
        speed_y=(-10, 2), sway=16, blink=0.7, level=(0.2, 0.6),
    )  # fmt: skip
    table = _table(shot, dark, middle, lamp)
    return [_room(shot, dark, middle, lamp), *discs, table, *subject, dust]


def _room(shot: Shot, dark: Colour, middle: Colour, lamp: Colour) -> Layer:
    rng = shot.rng("room")
    cloud = noise.field(rng, shot.canvas_px, (560 * shot.unit, 480 * shot.unit), octaves=2)
    values = blend(dark, middle, smoothstep(0.1, 0.95, cloud))
    x, y = grid(*shot.canvas_px)
    for _ in range(3):
        cx, cy = shot.col(float(rng.uniform(0.1, 0.95))), shot.row(float(rng.uniform(0.05, 0.6)))
        reach = shot.unit * float(rng.uniform(110, 250))
        glow = np.exp(-(((x - cx) ** 2 + (y - cy) ** 2) / reach**2)) * float(rng.uniform(0.4, 0.75))
        values = blend(values, lamp, glow)
    return Layer(stage=shot, colour=grainy_image(values, rng), depth=0.1)


def _table(shot: Shot, dark: Colour, middle: Colour, lamp: Colour) -> Layer:
    rng = shot.rng("table")
    top = shot.row(shot.wide_or_tall(0.8, 0.76))
    width, height = shot.canvas_px[0], shot.canvas_px[1] - top
    wood = noise.field(rng, (width, height), (700 * shot.unit, 16 * shot.unit), octaves=3)
    edge, board = mix(middle, lamp, 0.45), mix(middle, dark, 0.25)
    stops = ((0.0, edge), (0.12, board), (1.0, mix(dark, BLACK, 0.3)))
    values = column(stops, height) * (0.86 + 0.22 * wood)[..., None]
    _, y = grid(width, height)
    shape = mask(smoothstep(0, shot.px(10), y) * np.ones((1, width)))
    return Layer(stage=shot, colour=grainy_image(values, rng), mask=shape, depth=0.75, top_px=top)
