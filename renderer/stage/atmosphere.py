"""Draws weather and light between the scenery and the camera: rain, snow, fog, lightning, light
beams.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from renderer.script.colour import WHITE, Colour, mix
from renderer.script.prompt import Weather
from renderer.stage import noise
from renderer.stage.camera import View
from renderer.stage.layer import Layer, Part
from renderer.stage.particles import particles
from renderer.stage.pixels import add_light, grid, mask, smoothstep
from renderer.stage.stage import Shot


def weather(shot: Shot) -> list[Part]:
    """Return the parts that draw the scene's weather; no parts for clear or cloudy weather."""
    match shot.scene.weather:
        case Weather.RAIN:
            return _rain(shot, slant=0.14, count=110)
        case Weather.STORM:
            return [_lightning(shot), *_rain(shot, slant=0.3, count=170)]
        case Weather.SNOW:
            return _snow(shot)
        case Weather.FOG:
            return [fog(shot, mix(shot.palette.haze, WHITE, 0.15), height=0.62, share=0.6)]
        case Weather.CLEAR | Weather.CLOUDY:
            return []


def fog(shot: Shot, colour: Colour, *, height: float, share: float) -> Layer:
    """Return a bank of drifting fog. `height` is its middle, as a share of the frame's height."""
    rng = shot.take_rng(f"fog {height}")
    drift = 16.0 * shot.unit
    middle, sigma = shot.row(height), shot.height_px * 0.15
    top = max(0, round(middle - 2.2 * sigma))
    rows = min(shot.canvas_px[1], round(middle + 2.2 * sigma)) - top
    width = shot.canvas_px[0] + round(drift * shot.seconds) + 2
    cell = (620 * shot.unit, 130 * shot.unit)
    shape = noise.band(rng, (width, rows), cell, first_px=shot.canvas_px[0])
    _, y = grid(1, rows)
    band = np.clip(np.exp(-(((y + top - middle) / sigma) ** 2)) - np.exp(-(2.2**2)), 0.0, 1.0)
    opacity = mask(band * (0.35 + 0.65 * smoothstep(0.25, 0.9, shape)) * share)
    return Layer(
        stage=shot, colour=colour, mask=opacity, depth=0.5, top_px=top, drift_px_per_s=drift
    )


def _snow(shot: Shot) -> list[Part]:
    flake: Colour = (214, 224, 246) if shot.scene.sun_down else WHITE
    return [
        particles(
            shot, purpose, (flake,), count=count, size=(size * 0.6, size * 1.3),
            speed_x=(-0.25 * speed, -0.05 * speed), speed_y=(0.7 * speed, 1.2 * speed),
            sway=speed * 0.16, level=(0.45, 0.9),
        )
        for purpose, count, size, speed in (
            ("far snow", 150, 2.1, 62), ("snow", 60, 4.2, 118), ("near snow", 12, 11.0, 210)
        )
    ]  # fmt: skip


def _rain(shot: Shot, *, slant: float, count: int) -> list[Part]:
    """Return two layers of rain streaks that fall and repeat without a visible seam."""
    width, height = shot.width_px, shot.height_px
    paint = Image.new("RGB", (width, height), (206, 220, 240))

    def fall(purpose: str, count: int, *, length: int, level: int, speed: int) -> Part:
        rng = shot.take_rng(purpose)
        sheet = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(sheet)
        for _ in range(count):
            x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
            drop = length * shot.unit * float(rng.uniform(0.6, 1.3))
            bright = round(level * float(rng.uniform(0.5, 1.3)))
            # A streak that crosses an edge of the picture continues at the opposite edge.
            for left in (x - width, x, x + width):
                for top in (y - height, y):
                    end = (left - drop * slant, top + drop)
                    pen.line(((left, top), end), fill=bright, width=shot.px(1.3))

        def draw(frame: Image.Image, view: View, at_s: float) -> None:
            fallen = speed * shot.unit * at_s
            shift = int(-fallen * slant - view.x * shot.margin_x_px)
            frame.paste(paint, (0, 0), ImageChops.offset(sheet, shift, int(fallen)))

        return draw

    return [
        fall("far rain", 300, length=26, level=58, speed=1050),
        fall("rain", count, length=62, level=92, speed=1700),
    ]


def _lightning(shot: Shot) -> Part:
    """Return a part that brightens the sky like sheet lightning, about every four seconds.

    The first frame has no lightning.
    """
    rng = shot.take_rng("lightning")
    spread = shot.opening_s / max(1, shot.opening_s // 4)
    count = math.ceil(shot.seconds / spread)
    flashes = [spread * (i + float(rng.uniform(0.3, 0.8))) for i in range(count)]
    veil = mask(np.linspace(110 / 255, 0.0, shot.height_px)[:, None])

    def draw(frame: Image.Image, _view: View, at_s: float) -> None:
        for since in (at_s - flash for flash in flashes):
            light = max(0.0, 1.0 - since / 0.14) + 0.6 * max(0.0, 1.0 - abs(since - 0.22) / 0.12)
            if since >= 0 and light > 0.02:
                sheet = veil.point([round(v * min(1.0, light)) for v in range(256)])
                frame.paste((226, 232, 255), (0, 0), sheet.resize(frame.size))

    return draw


def shafts(
    shot: Shot, colour: Colour, *, strength: float, source: tuple[float, float], reach: float
) -> Part:
    """Return a part that draws light beams, as they fall through leaves or water.

    strength  the brightness of the beams, 0 to 1.
    source    the point above the frame that all beams come from, as shares of the frame's width and
              height.
    reach     how far down the beams go, as a share of the frame's height.
    """
    p = shot.take_rng("shafts").uniform(0, 6.28, 4)
    columns, rows = 128, 72

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        height = round(frame.height * reach)
        x, y = grid(columns, rows)
        dx = (x / columns - source[0] + 0.06 * view.x) * frame.width / height
        angle = np.arctan2(dx, y / rows - source[1])
        beams = np.sin(angle * 17 + at_s * 0.28 + p[0]) + np.sin(angle * 29 - at_s * 0.41 + p[1])
        beams += np.sin(angle * 7 + at_s * 0.17 + p[2])
        light = np.clip(beams / 3 + 0.18, 0, 1) ** 1.4 * np.clip(1.0 - y / rows, 0, 1) ** 1.15
        light *= np.exp(-((angle / 0.85) ** 2)) * strength
        add_light(frame, light[..., None] * np.asarray(colour), (frame.width, height))

    return draw
