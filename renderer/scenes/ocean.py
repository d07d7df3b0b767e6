"""Draws the sea, with an island on the horizon and the shore in front."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from renderer.script.colour import BLACK, Colour, lit, mix
from renderer.script.prompt import Motion, Time, Weather
from renderer.stage import land, noise
from renderer.stage.camera import View
from renderer.stage.figure import figure
from renderer.stage.flock import birds
from renderer.stage.layer import Part
from renderer.stage.pixels import shrunk
from renderer.stage.sky import disc_place, sky
from renderer.stage.stage import Shot
from renderer.stage.water import Water

#: The depth of the island and the lighthouse: 0 is infinitely far, 1 is at the camera.
_FAR = 0.12
_LAMP: Colour = (255, 240, 196)


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the sea, farthest first."""
    scene, palette = shot.scene, shot.palette
    horizon = shot.row(shot.wide_or_tall(0.55, 0.58))
    parts = sky(shot, horizon)
    island, top = _island(shot, horizon)
    parts.append(island)
    if scene.lighthouse:
        parts.append(_lighthouse(shot, top))
    rough = {Weather.STORM: 2.6, Weather.RAIN: 1.5}.get(scene.weather, 1.0)
    deep = mix(palette.sky[1], lit((24, 92, 122), palette.light), 0.5)
    parts.append(
        Water(
            shot,
            horizon,
            mix(deep, palette.near, 0.18),
            depth=_FAR,
            body=0.3 if rough < 2 else 0.5,
            roughness=rough,
            glint=mix(palette.disc, palette.glow, 0.35),
            glint_column=disc_place(shot, horizon)[0],
            shine=0.35 if scene.rainy or scene.weather is Weather.FOG else 0.95,
        )
    )
    if scene.time is not Time.NIGHT:
        parts.append(birds(shot, mix(palette.near, palette.haze, 0.3), row=0.25))
    afloat = scene.subject is not None and scene.subject.motion is Motion.SAIL
    subject = figure(
        shot,
        body=mix(palette.near, BLACK, 0.3),
        rim=mix(palette.glow, palette.disc, 0.3),
        halo=mix(palette.haze, palette.glow, 0.6),
        ground=shot.wide_or_tall(0.73, 0.72) if afloat else shot.wide_or_tall(0.925, 0.8),
        size=1.2,
    )
    shore = _shore(shot)
    return parts + ([*subject, shore] if afloat else [shore, *subject])


def _island(shot: Shot, horizon: int) -> tuple[Part, tuple[int, int]]:
    """Return a part that draws the island, and the canvas column and row of its highest point."""
    rng = shot.rng("island")
    width = shot.canvas_px[0]
    x = np.linspace(0, 1, width) - float(rng.uniform(0.3, 0.44))
    shape = np.exp(-((x / 0.13) ** 2)) + 0.5 * np.exp(-(((x - 0.16) / 0.09) ** 2))
    bumps = noise.line(rng, width, shot.height_px * 0.22)
    tall = 0.1 * min(shot.height_px, shot.width_px * 0.9)
    crest = horizon + 2 - np.maximum(0, shape * (1 + 0.3 * bumps) - 0.05) * tall
    rock = mix(shot.palette.near, shot.palette.haze, 0.52)
    foot = mix(rock, shot.palette.haze, 0.5)
    layer = land.silhouette(shot, crest, (rock, foot), depth=_FAR, rng=rng, fade_px=tall)
    peak = int(crest.argmin())
    return layer, (peak, int(crest[peak]))


def _shore(shot: Shot) -> Part:
    rng = shot.rng("shore")
    width, near = shot.canvas_px[0], shot.palette.near
    lean = np.linspace(-0.5, 0.5, width) * float(rng.choice((-1, 1)))
    bumps = noise.line(rng, width, shot.height_px * 0.4)
    crest = shot.row(shot.wide_or_tall(0.91, 0.79)) - (lean * 0.05 + bumps * 0.016) * shot.height_px
    colours = (mix(near, shot.palette.haze, 0.06), mix(near, BLACK, 0.5))
    fade_px = shot.height_px * 0.12
    return land.silhouette(shot, crest, colours, depth=0.95, rng=rng, fade_px=fade_px)


def _lighthouse(shot: Shot, top: tuple[int, int]) -> Part:
    """Return a part that draws a lighthouse with its foot at canvas column and row `top`.

    In the dark, its light beam turns.
    """
    over = 4
    wall = mix((236, 228, 220), shot.palette.near, 0.42)
    band = mix((176, 48, 44), shot.palette.near, 0.42)
    # The storeys of the lighthouse. For each: its bottom and half its width there, its top and
    # half its width there (as shares of the tower's height), and its colour.
    edges = [(0.13 * i, 0.095 - 0.0052 * i) for i in range(7)]
    storeys = [
        (*low, *high, wall if i % 2 else band) for i, (low, high) in enumerate(pairwise(edges))
    ]
    storeys += [(0.78, 0.085, 0.82, 0.085, band), (0.82, 0.045, 0.95, 0.045, _LAMP)]
    storeys += [(0.94, 0.07, 1.03, 0.0, band)]

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        x, y, zoom = view.place(shot, _FAR, top[0], top[1] + shot.px(5))
        tall = shot.px(104) * zoom
        if shot.scene.dark:
            _beam(shot, frame, x, y - tall * 0.9, at_s)
        side = math.ceil(tall * 1.1) // 2 * 2
        left, first = math.floor(x - side / 4), math.floor(y - side)
        tower = Image.new("RGB", (side * over // 2, side * over), wall)
        shape = Image.new("L", tower.size)
        for low, wide, high, narrow, colour in storeys:
            corners = [
                ((x - left + half * tall) * over, (y - first - up * tall) * over)
                for half, up in ((-wide, low), (wide, low), (narrow, high), (-narrow, high))
            ]
            ImageDraw.Draw(tower).polygon(corners, fill=colour)
            ImageDraw.Draw(shape).polygon(corners, fill=255)
        frame.paste(shrunk(tower, over), (left, first), shrunk(shape, over))

    return draw


def _beam(shot: Shot, frame: Image.Image, x: float, y: float, at_s: float) -> None:
    turn = at_s * 0.9 + 0.6
    # Seen from the side, the light beam seems to grow longer and shorter as it turns.
    reach = math.cos(turn) * 0.75 * frame.width
    veil = Image.new("L", (frame.width // 4, frame.height // 4), 0)
    pen = ImageDraw.Draw(veil)
    for share, level in ((1.0, 36), (0.7, 58), (0.4, 86)):
        wide, end = abs(reach) * 0.075 * share + 3, (x + reach * share) / 4
        pen.polygon([(x / 4, y / 4), (end, (y - wide) / 4), (end, (y + wide) / 4)], fill=level)
    glare = 26 * shot.unit * (1.2 + math.sin(turn))
    pen.ellipse(((x - glare) / 4, (y - glare) / 4, (x + glare) / 4, (y + glare) / 4), fill=120)
    soft = veil.filter(ImageFilter.GaussianBlur(2.5 * shot.unit + 0.5))
    frame.paste(_LAMP, (0, 0), soft.resize(frame.size))
