"""Draws the sky: its colours, sun or moon, stars, clouds and northern lights."""

from __future__ import annotations

import numpy as np
from PIL import Image

from renderer.script.prompt import Time, Weather
from renderer.stage import noise
from renderer.stage.camera import View
from renderer.stage.layer import Layer, Part
from renderer.stage.pixels import (
    Floats,
    Reals,
    add_light,
    blend,
    column,
    grainy_image,
    grid,
    mask,
    smoothstep,
)
from renderer.stage.stage import Shot

#: For each weather, a number from 0 to 1: the greater, the more sky is free of clouds.
_OPEN = {
    Weather.CLEAR: 0.62,
    Weather.CLOUDY: 0.36,
    Weather.RAIN: 0.24,
    Weather.STORM: 0.16,
    Weather.SNOW: 0.34,
    Weather.FOG: 0.4,
}
#: For each curtain of northern lights: the colour at its bottom, and the colour above.
_CURTAINS = (
    ((40, 220, 150), (80, 90, 210)),
    ((60, 210, 190), (140, 80, 220)),
    ((50, 240, 130), (50, 240, 130)),
)


def sky(shot: Shot, horizon_row: int) -> list[Part]:
    """Return the parts that draw the sky down to the canvas row `horizon_row`, farthest first."""
    parts: list[Part] = [_backdrop(shot, horizon_row)]
    if shot.scene.aurora:
        parts.append(_aurora(shot, horizon_row))
    if shot.palette.stars > 0.5:
        parts.append(twinkle(shot, horizon_row))
    if not shot.scene.aurora:
        parts.append(_clouds(shot, horizon_row))
    return parts


def disc_place(shot: Shot, horizon_row: int) -> tuple[int, int]:
    """Return the canvas column and row of the sun or moon.

    The column is in the right half, because the badge is in the upper left.
    """
    share = float(shot.rng("disc").uniform(0.56, 0.8))
    sky_px = horizon_row - shot.row(0.0)
    return shot.col(share), round(horizon_row - shot.palette.elevation * sky_px)


def _backdrop(shot: Shot, horizon_row: int) -> Layer:
    rng = shot.rng("sky")
    width, height = shot.canvas_px
    zenith, upper, lower, horizon = shot.palette.sky
    stops = ((0.0, zenith), (0.42, upper), (0.8, lower), (1.0, horizon))
    values = np.empty((height, width, 3), dtype=np.float32)
    values[:horizon_row] = column(stops, horizon_row)
    values[horizon_row:] = horizon
    if shot.palette.stars:
        _add_stars(shot, values, rng, horizon_row)
    _add_disc(shot, values, horizon_row)
    return Layer(stage=shot, colour=grainy_image(values, rng))


def _add_stars(shot: Shot, values: Floats, rng: np.random.Generator, horizon_row: int) -> None:
    width, _ = shot.canvas_px
    count = round(shot.palette.stars * 0.00125 * horizon_row * width / max(shot.unit, 0.4))
    x = rng.integers(1, width - 1, count)
    y = (rng.random(count) ** 1.25 * (horizon_row - 4) + 1).astype(np.int64)
    level = rng.random(count) ** 2.4 * 200 + 36
    warmth = rng.uniform(-0.12, 0.12, count)
    light = np.stack([level * (1 + warmth), level, level * (1 - warmth)], axis=-1)
    values[y, x] += light
    bright = level > 120
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        values[y[bright] + dy, x[bright] + dx] += light[bright] * 0.3


def _add_disc(shot: Shot, values: Floats, horizon_row: int) -> None:
    """Add the sun or moon and its glow to the picture of the sky."""
    scene, unit = shot.scene, shot.unit
    hidden = scene.rainy or scene.weather is Weather.FOG
    night = scene.time is Time.NIGHT
    column_px, row_px = disc_place(shot, horizon_row)
    height, width, _ = values.shape
    x, y = grid(width, height)
    distance = np.sqrt((x - column_px) ** 2 + (y - row_px) ** 2)
    wide = np.exp(-distance / (250 * unit)) * 0.55 + np.exp(-distance / (70 * unit)) * 0.5
    reach = wide * ((0.6 if night else 1.0) * (0.675 if hidden else 1.0))
    glow = np.asarray(shot.palette.glow, dtype=np.float32) / 255
    # Screen blending adds light, but the sum never exceeds white.
    values[:] = 255 - (255 - values) * (1 - np.clip(reach, 0, 1)[..., None] * glow)
    if scene.rainy:
        return
    radius = (34 if night else 44) * unit * (0.8 if scene.time is Time.DAY else 1.0)
    inside = smoothstep(radius + 1.2, radius - 1.2, distance) * (0.45 if hidden else 1.0)
    face = np.broadcast_to(np.asarray(shot.palette.disc, dtype=np.float32), values.shape)
    if night:
        seas = noise.field(shot.rng("moon"), (width, height), (26 * unit, 26 * unit))
        face = face * (1.0 - 0.16 * smoothstep(0.5, 0.85, seas))[..., None]
    values += (face - values) * inside[..., None]


def _clouds(shot: Shot, horizon_row: int) -> Layer:
    scene, rng = shot.scene, shot.take_rng("clouds")
    drift = (16.8 if scene.weather is Weather.STORM else 7.0) * shot.unit
    width = shot.canvas_px[0] + round(drift * shot.seconds) + 2
    cell, first_px = (520 * shot.unit, 150 * shot.unit), shot.canvas_px[0]
    shape = noise.band(rng, (width, horizon_row), cell, first_px=first_px, octaves=5, gain=0.55)
    _, y = grid(1, horizon_row)
    cover = _OPEN[scene.weather]
    opacity = smoothstep(cover, min(0.98, cover + 0.42), shape)
    opacity *= smoothstep(1.0, 0.72, y / horizon_row) * (0.85 if scene.rainy else 0.72)
    # A low sun lights clouds from below, a high sun from above.
    step = max(2, shot.px(10)) * (-1 if shot.palette.elevation < 0.3 else 1)
    shade = np.clip(0.5 + (shape - np.roll(shape, step, axis=0)) * 2.2, 0.0, 1.0)
    colour = grainy_image(
        blend(shot.palette.cloud_shade, shot.palette.cloud, shade), rng, grain=0.0
    )
    return Layer(stage=shot, colour=colour, mask=mask(opacity), drift_px_per_s=drift)


def twinkle(shot: Shot, horizon_row: int) -> Part:
    """Return a part that draws thirty bright flickering stars in the upper part of the sky."""
    rng = shot.take_rng("twinkle")
    stars = [
        (
            float(rng.uniform(0, shot.canvas_px[0])),
            float(rng.random() ** 1.3 * horizon_row * 0.85),
            float(rng.uniform(0, 6.28)),
            shot.px(float(rng.uniform(2.5, 5.0))),
        )
        for _ in range(30)
    ]

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        for column_px, row_px, phase, radius in stars:
            x, y, _ = view.place(shot, 0.0, column_px, row_px)
            light = 0.5 + 0.5 * np.sin(at_s * (2.0 + phase * 0.4) + phase * 7)
            level = mask(_flare(radius) * (0.25 + 0.75 * light))
            frame.paste((255, 250, 240), (round(x) - radius, round(y) - radius), level)

    return draw


def _flare(radius_px: int) -> Reals:
    dx, dy = (np.abs(side - radius_px) / radius_px for side in grid(*(2 * radius_px + 1,) * 2))
    cross = np.exp(-dx * 9) * np.exp(-dy * 2.4) + np.exp(-dy * 9) * np.exp(-dx * 2.4)
    core = np.exp(-(dx**2 + dy**2) * 14)
    return (cross * 0.55 + core) * np.clip(1.0 - np.maximum(dx, dy), 0, 1)


def _aurora(shot: Shot, horizon_row: int) -> Part:
    """Return a part that draws three curtains of northern lights, at low resolution and then
    enlarged.
    """
    p = shot.take_rng("aurora").uniform(0, 6.28, 9)
    columns, rows = 160, 60

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        left, top = view.corner(shot, 0.1)
        x, y = grid(columns, rows)
        x = (x / columns * shot.width_px + left) / shot.height_px
        total = np.zeros((rows, columns, 3), dtype=np.float32)
        for i, (low, high) in enumerate(_CURTAINS):
            wave = np.sin(x * (2.1 + i * 0.8) + at_s * (0.32 + 0.1 * i) + p[3 * i])
            wave = wave + 0.45 * np.sin(x * (5.3 + i) - at_s * 0.5 + p[3 * i + 1])
            above = 0.62 - 0.14 * i + 0.11 * wave - (y + 0.5) / rows
            curtain = np.exp(-np.clip(above, 0, None) * 3.6) * smoothstep(-0.07, 0.03, above)
            rays = 0.62 + 0.38 * np.sin(x * 26 + 3 * wave + at_s * 0.9 + p[3 * i + 2])
            strength = curtain * rays * (1.25 - 0.25 * i)
            total += blend(low, high, smoothstep(0.0, 0.4, above)) * strength[..., None]
        add_light(frame, total, (frame.width, min(max(8, round(horizon_row - top)), frame.height)))

    return draw
