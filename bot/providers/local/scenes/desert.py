"""Dunes, and table mountains behind them."""

from __future__ import annotations

import numpy as np

from bot.providers.local import land, noise
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import lit, mix
from bot.providers.local.prompt import Scene, Weather
from bot.providers.local.sky import sky
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    horizon = stage.row(0.6)
    parts = sky(scene, palette, stage, horizon)
    parts.append(_mesas(scene, palette, stage))
    figure = SubjectPart.of(
        scene,
        stage,
        body=mix(palette.near, (24, 8, 6), 0.35),
        rim=mix(palette.glow, palette.disc, 0.4),
        halo=mix(palette.haze, palette.glow, 0.6),
        ground=0.85 if not stage.is_portrait else 0.765,
    )
    rng = scene.rng("dunes")
    # Sand shines back what little light there is.
    light = [factor**0.72 for factor in palette.light]
    sand = lit((238, 190, 126), light)
    shade = mix(lit((140, 82, 58), light), palette.near, 0.22)
    rows = (0.60, 0.665, 0.745, 0.845) if not stage.is_portrait else (0.6, 0.645, 0.70, 0.765)
    for i, (row, depth, far) in enumerate(
        zip(rows, (0.22, 0.4, 0.62, 0.88), (0.55, 0.32, 0.12, 0.0), strict=True)
    ):
        if i == 3 and figure is not None:
            parts.append(_crest(stage, palette, rng, row, depth, far, sand, shade, i))
            parts.append(figure)
            continue
        parts.append(_crest(stage, palette, rng, row, depth, far, sand, shade, i))
    parts.append(
        Specks.swarm(
            scene, stage, "dust", (mix(sand, palette.glow, 0.5),), count=46, size=(1.0, 2.6),
            speed_x=(30, 90), speed_y=(-6, 3), sway=8, level=(0.2, 0.5), rows=(0.45, 1.0),
        )
    )  # fmt: skip
    return parts


def _crest(
    stage: Stage,
    palette: Palette,
    rng: np.random.Generator,
    row: float,
    depth: float,
    far: float,
    sand: tuple[int, int, int],
    shade: tuple[int, int, int],
    index: int,
) -> Part:
    width = stage.canvas_width_px
    cell = stage.width_px * (0.36 + 0.2 * index)
    wave = noise.line(rng, width, cell_px=cell, octaves=2, gain=0.3)
    # Crests are sharper than hollows.
    wave = 1.0 - 2.0 * np.abs(wave * 0.75) ** 0.85
    tall = stage.height_px * (0.02 + 0.014 * index) * (0.7 if stage.is_portrait else 1.0)
    crest = stage.row(row) - wave * tall
    return land.dunes(
        stage,
        crest.astype(np.float32),
        lit=mix(sand, palette.haze, far),
        shade=mix(shade, palette.haze, far),
        depth=depth,
        rng=rng,
        height_px=stage.height_px * (0.07 + 0.045 * index),
    )


def _mesas(scene: Scene, palette: Palette, stage: Stage) -> Part:
    rng = scene.rng("mesas")
    width = stage.canvas_width_px
    shape = noise.line(rng, width, cell_px=stage.width_px * 0.3, octaves=3, gain=0.4)
    steps = (
        np.clip((shape - 0.12) * 5.0, 0.0, 1.0) * 0.075 + np.clip((shape - 0.42) * 6, 0, 1) * 0.04
    )
    rough = noise.line(rng, width, cell_px=stage.height_px * 0.05, octaves=3) * 0.004
    crest = stage.row(0.615) - (steps + rough) * min(stage.height_px, stage.width_px)
    red = lit((186, 104, 78), palette.light)
    share = 0.62 if scene.weather is not Weather.FOG else 0.85
    return land.silhouette(
        stage,
        crest.astype(np.float32),
        colour=mix(red, palette.haze, share),
        foot=palette.haze,
        depth=0.12,
        rng=rng,
        fade_px=stage.height_px * 0.12,
    )
