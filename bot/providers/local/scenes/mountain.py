"""Peaks behind peaks, firs in front; or the same beyond a lake."""

from __future__ import annotations

import numpy as np

from bot.providers.local import land, noise
from bot.providers.local.flock import Flock
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, lit, mix
from bot.providers.local.prompt import Gait, Scene, Time, Weather
from bot.providers.local.sky import disc_place, sky
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart
from bot.providers.local.water import Water
from bot.providers.local.weather import fog


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    horizon = stage.row(0.6)
    parts = sky(scene, palette, stage, horizon)
    parts += _ranges(scene, palette, stage)
    if scene.weather not in (Weather.STORM, Weather.RAIN) and scene.time is not Time.NIGHT:
        parts.append(Flock.of(scene, stage, mix(palette.near, palette.haze, 0.25), row=0.24))
    if scene.water:
        column, _ = disc_place(scene, palette, stage, horizon)
        parts.append(
            Water.of(
                scene,
                stage,
                horizon_row=stage.row(0.66),
                colour=mix(palette.sky[1], palette.near, 0.3),
                glint=palette.disc,
                glint_column=column,
                roughness=0.55,
                shine=0.55,
                depth=0.3,
            )
        )
    else:
        parts.append(
            fog(scene, stage, mix(palette.haze, palette.sky[3], 0.5), height=0.66, share=0.5)
        )
        parts.append(_woods(scene, palette, stage, row=0.74, depth=0.6, share=0.24, tree=46))
    swims = scene.subject is not None and scene.subject.gait is Gait.SAIL
    figure = SubjectPart.of(
        scene,
        stage,
        body=mix(palette.near, (0, 0, 0), 0.25),
        rim=mix(palette.glow, palette.disc, 0.4),
        halo=mix(palette.haze, palette.glow, 0.5),
        ground=(0.8 if swims else 0.86) if not stage.is_portrait else 0.77,
    )
    if figure is not None and swims:
        parts.append(figure)
    parts.append(_meadow(scene, palette, stage))
    if figure is not None and not swims:
        parts.append(figure)
    if scene.weather is Weather.CLEAR:
        parts.append(
            Specks.swarm(
                scene, stage, "motes", (mix(palette.glow, (255, 255, 255), 0.4),), count=34,
                size=(1.2, 3.2), sway=18, blink=0.6, level=(0.25, 0.6), rows=(0.35, 1.0),
            )
        )  # fmt: skip
    return parts


def _ranges(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    rng = scene.rng("ranges")
    width, height = stage.canvas_width_px, stage.height_px
    rock: Colour = mix(lit((96, 100, 118), palette.light), palette.near, 0.25)
    bright: Colour = lit((196, 178, 168), palette.light)
    snow: Colour = lit((244, 248, 255), [min(1.04, f**0.85 + 0.04) for f in palette.light])
    cold = scene.weather is Weather.SNOW
    parts: list[Part] = []
    reach = 0.30 if not stage.is_portrait else 0.2
    for i, (base, share, depth) in enumerate(
        ((0.56, 0.62, 0.10), (0.63, 0.4, 0.2), (0.69, 0.2, 0.34))
    ):
        tall = height * reach * (1.0, 0.66, 0.42)[i]
        shape = noise.line(
            rng, width, cell_px=height * (0.62, 0.5, 0.44)[i], octaves=7, gain=0.46, ridged=True
        )
        middle = np.linspace(-1, 1, width) - rng.uniform(-0.35, 0.35)
        crest = stage.row(base) - tall * (
            0.42 + 0.55 * shape + 0.35 * np.exp(-((middle * 1.6) ** 2))
        )
        parts.append(
            land.peaks(
                stage,
                crest.astype(np.float32),
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
        if i == 1 and not scene.water:
            parts.append(
                fog(scene, stage, mix(palette.haze, palette.sky[3], 0.4), height=0.6, share=0.35)
            )
    return parts


def _woods(
    scene: Scene,
    palette: Palette,
    stage: Stage,
    *,
    row: float,
    depth: float,
    share: float,
    tree: float,
) -> Part:
    rng = scene.rng(f"woods {row}")
    crest = stage.row(row) + noise.line(
        rng, stage.canvas_width_px, cell_px=stage.height_px * 0.7, octaves=3
    ) * (stage.height_px * 0.035)
    colour = mix(palette.near, palette.haze, share)
    return land.conifers(
        stage,
        crest.astype(np.float32),
        colour=colour,
        foot=mix(colour, palette.haze, 0.4),
        depth=depth,
        rng=rng,
        tree_px=tree * stage.unit,
        spacing_px=tree * 0.3 * stage.unit,
    )


def _meadow(scene: Scene, palette: Palette, stage: Stage) -> Part:
    rng = scene.rng("meadow")
    width = stage.canvas_width_px
    row = 0.86 if not stage.is_portrait else 0.79
    slope = np.linspace(0.5, -0.5, width) ** 2 * (0.26 if not stage.is_portrait else 0.12)
    bumps = noise.line(rng, width, cell_px=stage.height_px * 0.5, octaves=3) * 0.018
    crest = stage.row(row) + (bumps - slope) * stage.height_px
    ground = mix(palette.near, (0, 0, 0), 0.1)
    if scene.weather is Weather.SNOW:
        ground = mix(lit((206, 216, 236), palette.light), palette.haze, 0.2)
    return land.conifers(
        stage,
        crest.astype(np.float32),
        colour=palette.near if scene.weather is not Weather.SNOW else ground,
        foot=mix(ground, (0, 0, 0), 0.4),
        depth=0.9,
        rng=rng,
        tree_px=(92 if scene.weather is not Weather.SNOW else 0.1) * stage.unit,
        spacing_px=74 * stage.unit,
    )
