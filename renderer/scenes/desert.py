"""Draws a desert: dunes in front of table mountains."""

from __future__ import annotations

import numpy as np

from renderer.script.colour import lit, mix
from renderer.script.prompt import Weather
from renderer.stage import land, noise
from renderer.stage.figure import figure
from renderer.stage.layer import Part
from renderer.stage.particles import particles
from renderer.stage.sky import sky
from renderer.stage.stage import Shot


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the desert, farthest first."""
    palette = shot.palette
    # Sand reflects much of the light, so at night it is drawn brighter than other ground.
    light = [factor**0.72 for factor in palette.light]
    sand = lit((238, 190, 126), light)
    shade = mix(lit((140, 82, 58), light), palette.near, 0.22)
    rng = shot.rng("dunes")
    rows = shot.wide_or_tall((0.60, 0.665, 0.745, 0.845), (0.6, 0.645, 0.70, 0.765))
    parts = [*sky(shot, shot.row(0.6)), _mesas(shot)]
    for i, (depth, far) in enumerate(((0.22, 0.55), (0.4, 0.32), (0.62, 0.12), (0.88, 0.0))):
        cell = shot.width_px * (0.36 + 0.2 * i)
        wave = noise.line(rng, shot.canvas_px[0], cell, octaves=2, gain=0.3)
        # Make the crests of the dunes sharper than the hollows between them.
        wave = 1.0 - 2.0 * np.abs(wave * 0.75) ** 0.85
        tall = shot.height_px * (0.02 + 0.014 * i) * shot.wide_or_tall(1.0, 0.7)
        parts.append(
            land.dunes(
                shot,
                shot.row(rows[i]) - wave * tall,
                lit=mix(sand, palette.haze, far),
                shade=mix(shade, palette.haze, far),
                depth=depth,
                rng=rng,
                height_px=shot.height_px * (0.07 + 0.045 * i),
            )
        )
    parts += figure(
        shot,
        body=mix(palette.near, (24, 8, 6), 0.35),
        rim=mix(palette.glow, palette.disc, 0.4),
        halo=mix(palette.haze, palette.glow, 0.6),
        ground=shot.wide_or_tall(0.85, 0.765),
    )
    dust = particles(
        shot, "dust", (mix(sand, palette.glow, 0.5),), count=46, size=(1.0, 2.6),
        speed_x=(30, 90), speed_y=(-6, 3), sway=8, level=(0.2, 0.5), rows=(0.45, 1.0),
    )  # fmt: skip
    return [*parts, dust]


def _mesas(shot: Shot) -> Part:
    rng = shot.rng("mesas")
    width, palette = shot.canvas_px[0], shot.palette
    shape = noise.line(rng, width, shot.width_px * 0.3, octaves=3, gain=0.4)
    steps = np.clip((shape - 0.12) * 5, 0, 1) * 0.075 + np.clip((shape - 0.42) * 6, 0, 1) * 0.04
    rough = noise.line(rng, width, shot.height_px * 0.05, octaves=3) * 0.004
    crest = shot.row(0.615) - (steps + rough) * min(shot.height_px, shot.width_px)
    share = 0.85 if shot.scene.weather is Weather.FOG else 0.62
    red = mix(lit((186, 104, 78), palette.light), palette.haze, share)
    fade_px = shot.height_px * 0.12
    return land.silhouette(shot, crest, (red, palette.haze), depth=0.12, rng=rng, fade_px=fade_px)
