"""A sea under a wide sky, an island on the horizon, the shore in front."""

from __future__ import annotations

import numpy as np

from bot.providers.local import land, noise
from bot.providers.local.flock import Flock
from bot.providers.local.lighthouse import Lighthouse
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import lit, mix
from bot.providers.local.prompt import Gait, Scene, Time, Weather
from bot.providers.local.sky import disc_place, sky
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart
from bot.providers.local.water import Water


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    level = 0.55 if not stage.is_portrait else 0.58
    horizon = stage.row(level)
    parts = sky(scene, palette, stage, horizon)
    rough = {Weather.STORM: 2.6, Weather.RAIN: 1.5}.get(scene.weather, 1.0)
    island, top = _island(scene, palette, stage, horizon)
    parts.append(island)
    if scene.lighthouse:
        parts.append(Lighthouse.of(stage, palette, column=top[0], foot=top[1], dark=scene.dark))
    column, _ = disc_place(scene, palette, stage, horizon)
    deep = mix(palette.sky[1], lit((24, 92, 122), palette.light), 0.5)
    parts.append(
        Water.of(
            scene,
            stage,
            horizon_row=horizon,
            colour=mix(deep, palette.near, 0.18),
            glint=mix(palette.disc, palette.glow, 0.35),
            glint_column=column,
            roughness=rough,
            body=0.3 if rough < 2 else 0.5,
            shine=0.35 if scene.weather in (Weather.STORM, Weather.RAIN, Weather.FOG) else 0.95,
        )
    )
    if scene.time is not Time.NIGHT:
        parts.append(Flock.of(scene, stage, mix(palette.near, palette.haze, 0.3), row=0.25))
    afloat = scene.subject is not None and scene.subject.gait is Gait.SAIL
    figure = SubjectPart.of(
        scene,
        stage,
        body=mix(palette.near, (0, 0, 0), 0.3),
        rim=mix(palette.glow, palette.disc, 0.3),
        halo=mix(palette.haze, palette.glow, 0.6),
        ground=(0.73 if afloat else 0.925) if not stage.is_portrait else (0.72 if afloat else 0.8),
        size=1.2,
    )
    if figure is not None and afloat:
        parts.append(figure)
    parts.append(_shore(scene, palette, stage))
    if figure is not None and not afloat:
        parts.append(figure)
    return parts


def _island(
    scene: Scene, palette: Palette, stage: Stage, horizon: int
) -> tuple[Part, tuple[int, int]]:
    """Return the island, and the canvas place of its highest point."""
    rng = scene.rng("island")
    width = stage.canvas_width_px
    x = np.linspace(0, 1, width)
    centre = float(rng.uniform(0.3, 0.44))
    shape = np.exp(-(((x - centre) / 0.13) ** 2)) + 0.5 * np.exp(
        -(((x - centre - 0.16) / 0.09) ** 2)
    )
    bumps = noise.line(rng, width, cell_px=stage.height_px * 0.22, octaves=5)
    tall = 0.1 * min(stage.height_px, stage.width_px * 0.9)
    crest = horizon + 2 - np.maximum(0, shape * (1 + 0.3 * bumps) - 0.05) * tall
    colour = mix(palette.near, palette.haze, 0.52)
    layer = land.silhouette(
        stage,
        crest.astype(np.float32),
        colour=colour,
        foot=mix(colour, palette.haze, 0.5),
        depth=0.12,
        rng=rng,
        fade_px=tall,
    )
    peak = int(crest.argmin())
    return layer, (peak, int(crest[peak]))


def _shore(scene: Scene, palette: Palette, stage: Stage) -> Part:
    rng = scene.rng("shore")
    width = stage.canvas_width_px
    x = np.linspace(0, 1, width)
    row = 0.91 if not stage.is_portrait else 0.79
    lean = (x - 0.5) * float(rng.choice((-1, 1)))
    bumps = noise.line(rng, width, cell_px=stage.height_px * 0.4, octaves=5)
    crest = stage.row(row) - (lean * 0.05 + bumps * 0.016) * stage.height_px
    return land.silhouette(
        stage,
        crest.astype(np.float32),
        colour=mix(palette.near, palette.haze, 0.06),
        foot=mix(palette.near, (0, 0, 0), 0.5),
        depth=0.95,
        rng=rng,
        fade_px=stage.height_px * 0.12,
    )
