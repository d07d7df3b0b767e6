"""Draws three mountain ranges, with fir trees or a lake in front."""

from __future__ import annotations

import numpy as np

from renderer.script.colour import BLACK, WHITE, lit, mix
from renderer.script.prompt import Motion, Time, Weather
from renderer.stage import land, noise
from renderer.stage.atmosphere import fog
from renderer.stage.figure import figure
from renderer.stage.flock import birds
from renderer.stage.layer import Part
from renderer.stage.particles import particles
from renderer.stage.sky import disc_place, sky
from renderer.stage.stage import Shot
from renderer.stage.water import Water


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the mountains, farthest first."""
    scene, palette = shot.scene, shot.palette
    horizon = shot.row(0.6)
    parts = sky(shot, horizon) + _ranges(shot)
    if not scene.rainy and scene.time is not Time.NIGHT:
        parts.append(birds(shot, mix(palette.near, palette.haze, 0.25), row=0.24))
    if scene.water:
        parts.append(
            Water(
                shot,
                shot.row(0.66),
                mix(palette.sky[1], palette.near, 0.3),
                depth=0.3,
                body=0.35,
                roughness=0.55,
                glint=palette.disc,
                glint_column=disc_place(shot, horizon)[0],
                shine=0.55,
            )
        )
    else:
        parts.append(fog(shot, mix(palette.haze, palette.sky[3], 0.5), height=0.66, share=0.5))
        parts.append(_woods(shot))
    swims = scene.subject is not None and scene.subject.motion is Motion.SAIL
    subject = figure(
        shot,
        body=mix(palette.near, BLACK, 0.25),
        rim=mix(palette.glow, palette.disc, 0.4),
        halo=mix(palette.haze, palette.glow, 0.5),
        ground=shot.wide_or_tall(0.8 if swims else 0.86, 0.77),
    )
    meadow = _meadow(shot)
    parts += [*subject, meadow] if swims else [meadow, *subject]
    if scene.weather is Weather.CLEAR:
        motes = particles(
            shot, "motes", (mix(palette.glow, WHITE, 0.4),), count=34, size=(1.2, 3.2), sway=18,
            blink=0.6, level=(0.25, 0.6), rows=(0.35, 1.0),
        )  # fmt: skip
        parts.append(motes)
    return parts


def _ranges(shot: Shot) -> list[Part]:
    rng = shot.rng("ranges")
    width, height, palette = shot.canvas_px[0], shot.height_px, shot.palette
    rock = mix(lit((96, 100, 118), palette.light), palette.near, 0.25)
    bright = lit((196, 178, 168), palette.light)
    snow = lit((244, 248, 255), [min(1.04, f**0.85 + 0.04) for f in palette.light])
    cold = shot.scene.weather is Weather.SNOW
    parts: list[Part] = []
    for i, (base, share, depth, scale, cell) in enumerate(
        ((0.56, 0.62, 0.10, 1.0, 0.62), (0.63, 0.4, 0.2, 0.66, 0.5), (0.69, 0.2, 0.34, 0.42, 0.44))
    ):
        tall = height * shot.wide_or_tall(0.30, 0.2) * scale
        shape = noise.line(rng, width, height * cell, octaves=7, gain=0.46, ridged=True)
        middle = np.linspace(-1, 1, width) - rng.uniform(-0.35, 0.35)
        rise = 0.42 + 0.55 * shape + 0.35 * np.exp(-((middle * 1.6) ** 2))
        parts.append(
            land.peaks(
                shot,
                shot.row(base) - tall * rise,
                rock=mix(rock, palette.haze, share),
                lit=mix(bright, palette.haze, share * 0.85),
                snow=mix(snow, palette.haze, share * 0.55) if i < 2 or cold else None,
                foot=mix(palette.haze, palette.sky[3], 0.3),
                depth=depth,
                rng=rng,
                height_px=tall * 1.2,
                snow_reach=0.75 if cold else 0.36,
            )
        )
        if i == 1 and not shot.scene.water:
            parts.append(fog(shot, mix(palette.haze, palette.sky[3], 0.4), height=0.6, share=0.35))
    return parts


def _woods(shot: Shot) -> Part:
    rng = shot.rng("woods 0.74")
    hills = noise.line(rng, shot.canvas_px[0], shot.height_px * 0.7, octaves=3)
    colour = mix(shot.palette.near, shot.palette.haze, 0.24)
    return land.conifers(
        shot,
        shot.row(0.74) + hills * (shot.height_px * 0.035),
        (colour, mix(colour, shot.palette.haze, 0.4)),
        depth=0.6,
        rng=rng,
        tree_px=46 * shot.unit,
        spacing_px=13.8 * shot.unit,
    )


def _meadow(shot: Shot) -> Part:
    rng = shot.rng("meadow")
    width, palette = shot.canvas_px[0], shot.palette
    slope = np.linspace(0.5, -0.5, width) ** 2 * shot.wide_or_tall(0.26, 0.12)
    bumps = noise.line(rng, width, shot.height_px * 0.5, octaves=3) * 0.018
    firs, ground, tree = palette.near, mix(palette.near, BLACK, 0.1), 92.0
    if shot.scene.weather is Weather.SNOW:
        # A snowy meadow shows no trees: the trees are made too small to be seen.
        firs = ground = mix(lit((206, 216, 236), palette.light), palette.haze, 0.2)
        tree = 0.1
    return land.conifers(
        shot,
        shot.row(shot.wide_or_tall(0.86, 0.79)) + (bumps - slope) * shot.height_px,
        (firs, mix(ground, BLACK, 0.4)),
        depth=0.9,
        rng=rng,
        tree_px=tree * shot.unit,
        spacing_px=74 * shot.unit,
    )
