"""A skyline in three depths over a street that mirrors it when wet."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, blend, grid, lit, mix, picture, smoothstep
from bot.providers.local.prompt import Scene, Time, Weather
from bot.providers.local.sky import sky
from bot.providers.local.stage import Part, Stage
from bot.providers.local.subject import SubjectPart
from bot.providers.local.traffic import Traffic
from bot.providers.local.water import Water
from bot.providers.local.weather import fog

_NEON: tuple[Colour, ...] = (
    (255, 64, 150),
    (64, 220, 255),
    (255, 176, 60),
    (120, 255, 190),
    (170, 96, 255),
    (255, 84, 84),
)
_STONES: tuple[Colour, ...] = (
    (196, 176, 150),
    (168, 112, 92),
    (142, 152, 168),
    (214, 204, 190),
    (108, 124, 142),
)
_LAMPS: tuple[Colour, ...] = ((255, 214, 142), (255, 232, 184), (255, 190, 110), (190, 220, 255))


def build(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return the scene, farthest parts first."""
    street = 0.8 if not stage.is_portrait else 0.74
    horizon = stage.row(street - 0.06)
    parts = sky(scene, palette, stage, horizon)
    for i, (depth, far) in enumerate(((0.12, 0.66), (0.3, 0.36), (0.55, 0.08))):
        parts.append(_row(scene, palette, stage, street, depth=depth, far=far, index=i))
        if i < 2:
            parts.append(
                fog(
                    scene,
                    stage,
                    mix(palette.haze, palette.glow, 0.15),
                    height=street - 0.08,
                    share=0.4,
                )
            )
    wet = scene.weather in (Weather.RAIN, Weather.STORM) or scene.water
    parts.append(
        Water.of(
            scene,
            stage,
            horizon_row=stage.row(street),
            colour=mix(palette.near, palette.haze, 0.12),
            glint=palette.glow,
            depth=0.6,
            body=0.3 if wet else 0.68,
            roughness=1.5,
        )
    )
    if scene.dark or wet:
        parts.append(Traffic.of(scene, stage, row=street))
    figure = SubjectPart.of(
        scene, stage, body=mix(palette.near, (0, 0, 0), 0.4),
        rim=mix(palette.glow, (255, 236, 200), 0.6), halo=mix(palette.haze, (255, 200, 150), 0.4),
        ground=0.9 if not stage.is_portrait else 0.785,
    )  # fmt: skip
    if figure is not None:
        parts.append(figure)
    return parts


def _row(
    scene: Scene,
    palette: Palette,
    stage: Stage,
    street: float,
    *,
    depth: float,
    far: float,
    index: int,
) -> Layer:
    """Return one row of houses, windows and signs baked in."""
    rng = scene.rng(f"houses {index}")
    width, foot = stage.canvas_width_px, stage.row(street) + stage.px(6)
    wall = mix(lit((92, 100, 122), palette.light), palette.near, 0.55 if scene.dark else 0.12)
    wall = mix(wall, palette.haze, far)
    paint = Image.new("RGB", (width, foot), wall)
    shape = Image.new("L", (width, foot), 0)
    lamps = Image.new("RGB", (width, foot), (0, 0, 0))
    x = -stage.px(60)
    tall = stage.height_px * (0.5, 0.43, 0.36)[index] * (1.0 if not stage.is_portrait else 0.86)
    while x < width:
        wide = round(stage.unit * float(rng.uniform(60, 150)) * (0.8, 1.0, 1.3)[index])
        high = round(tall * float(rng.uniform(0.42, 1.0)))
        tone = mix(wall, palette.near, float(rng.uniform(0.0, 0.16)))
        if not scene.dark:
            stone = lit(_STONES[int(rng.integers(len(_STONES)))], palette.light)
            tone = mix(tone, mix(stone, palette.haze, far), 0.6)
        _house(
            paint,
            shape,
            lamps,
            (x, foot - high, x + wide, foot),
            tone,
            scene,
            palette,
            stage,
            rng,
            far,
        )
        x += wide + (0 if rng.random() < 0.7 else stage.px(float(rng.uniform(4, 26))))
    if scene.dark:
        glow = lamps.filter(ImageFilter.GaussianBlur(7 * stage.unit))
        paint = ImageChops.add(ImageChops.add(paint, lamps), glow)
    values = np.asarray(paint, dtype=np.float32)
    _, y = grid(1, foot)
    mist = smoothstep(foot - tall * 0.8, foot, y) * np.float32(0.3 + 0.3 * far)
    return Layer(
        stage=stage, colour=picture(blend(values, palette.haze, mist), rng, grain=0.6), mask=shape,
        depth=depth,
    )  # fmt: skip


def _house(
    paint: Image.Image,
    shape: Image.Image,
    lamps: Image.Image,
    box: tuple[int, int, int, int],
    tone: Colour,
    scene: Scene,
    palette: Palette,
    stage: Stage,
    rng: np.random.Generator,
    far: float,
) -> None:
    left, top, right, foot = box
    brush, pen = ImageDraw.Draw(paint), ImageDraw.Draw(shape)
    pen.rectangle((left, top, right - 1, foot), fill=255)
    brush.rectangle((left, top, right - 1, foot), fill=tone)
    # The side away from the light.
    side = left + round((right - left) * float(rng.uniform(0.55, 0.8)))
    brush.rectangle((side, top, right - 1, foot), fill=mix(tone, palette.near, 0.3))
    _roof(pen, brush, left, top, right, tone, stage, rng)
    _windows(paint, lamps, box, scene, palette, stage, rng, far)
    if scene.dark and scene.weather is not Weather.FOG and far < 0.5 and rng.random() < 0.55:
        colour = _NEON[int(rng.integers(len(_NEON)))]
        x = left + round((right - left) * float(rng.uniform(0.1, 0.7)))
        y = round(top + (foot - top) * float(rng.uniform(0.3, 0.62)))
        wide, high = stage.px(float(rng.uniform(10, 20))), stage.px(float(rng.uniform(38, 86)))
        if rng.random() < 0.35:
            wide, high = high, wide
        glow = ImageDraw.Draw(lamps)
        glow.rounded_rectangle(
            (x, y, x + wide, y + high), stage.px(3), fill=mix(colour, (0, 0, 0), far)
        )
        for i in range(1, 4):
            row = y + high * i // 4
            glow.rectangle(
                (x, row, x + wide, row + stage.px(1.5)), fill=mix(colour, (0, 0, 0), 0.7)
            )


def _roof(
    pen: ImageDraw.ImageDraw,
    brush: ImageDraw.ImageDraw,
    left: int,
    top: int,
    right: int,
    tone: Colour,
    stage: Stage,
    rng: np.random.Generator,
) -> None:
    middle, choice = (left + right) // 2, rng.random()
    third = (right - left) // 4
    if choice < 0.3:
        step = (left + third, top - stage.px(float(rng.uniform(8, 22))), right - third, top)
        for draw, fill in ((pen, 255), (brush, tone)):
            draw.rectangle(step, fill=fill)
        top = step[1]
    if choice < 0.2 or choice > 0.86:
        mast = stage.px(float(rng.uniform(18, 46)))
        for draw, fill in ((pen, 255), (brush, tone)):
            draw.line((middle, top - mast, middle, top), fill=fill, width=stage.px(1.6))
    elif 0.5 < choice < 0.6:
        for draw, fill in ((pen, 255), (brush, tone)):
            draw.polygon([(left, top), (right - 1, top), (middle, top - stage.px(34))], fill=fill)


def _windows(
    paint: Image.Image,
    lamps: Image.Image,
    box: tuple[int, int, int, int],
    scene: Scene,
    palette: Palette,
    stage: Stage,
    rng: np.random.Generator,
    far: float,
) -> None:
    left, top, right, foot = box
    wide, high = stage.px(float(rng.uniform(4, 7))), stage.px(float(rng.uniform(5, 9)))
    gap_x, gap_y = (
        wide + stage.px(float(rng.uniform(4, 7))),
        high + stage.px(float(rng.uniform(5, 9))),
    )
    lit_share = float(rng.uniform(0.12, 0.5)) if scene.dark else 0.0
    lamp = _LAMPS[int(rng.integers(len(_LAMPS)))]
    glass = mix(palette.sky[2], palette.haze, far)
    brush, glow = ImageDraw.Draw(paint), ImageDraw.Draw(lamps)
    low = scene.time in (Time.SUNSET, Time.DAWN)
    for y in range(top + gap_y, foot - gap_y * 2, gap_y):
        floor_lit = rng.random() < 0.06
        for x in range(left + gap_x // 2, right - gap_x, gap_x):
            pane = (x, y, x + wide - 1, y + high - 1)
            chance = rng.random()
            if scene.dark and (chance < lit_share or (floor_lit and chance < 0.9)):
                level = float(rng.uniform(0.4, 0.95)) * (1 - 0.55 * far)
                glow.rectangle(pane, fill=mix((0, 0, 0), lamp, level))
            elif not scene.dark:
                shine = mix(palette.glow, palette.disc, 0.5) if low and chance < 0.12 else glass
                brush.rectangle(pane, fill=mix(shine, palette.near, 0.25 + 0.35 * chance))
