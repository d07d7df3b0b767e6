"""Draws a city: three rows of houses behind a street. A wet street reflects the houses."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from renderer.script.colour import BLACK, Colour, lit, mix
from renderer.script.prompt import Time, Weather
from renderer.stage.atmosphere import fog
from renderer.stage.camera import View
from renderer.stage.figure import figure
from renderer.stage.layer import Layer, Part
from renderer.stage.pixels import blend, grainy_image, grid, mask, smoothstep
from renderer.stage.sky import sky
from renderer.stage.stage import Shot
from renderer.stage.water import Water

_NEON: tuple[Colour, ...] = (
    (255, 64, 150), (64, 220, 255), (255, 176, 60), (120, 255, 190), (170, 96, 255), (255, 84, 84),
)  # fmt: skip
_STONES: tuple[Colour, ...] = (
    (196, 176, 150), (168, 112, 92), (142, 152, 168), (214, 204, 190), (108, 124, 142),
)  # fmt: skip
_LAMPS: tuple[Colour, ...] = ((255, 214, 142), (255, 232, 184), (255, 190, 110), (190, 220, 255))
#: `_COMING` is the colour of cars' headlights, `_GOING` that of their tail lights.
_COMING: Colour = (255, 244, 214)
_GOING: Colour = (255, 66, 56)


def build(shot: Shot) -> list[Part]:
    """Return the parts that draw the city, farthest first."""
    palette = shot.palette
    street = shot.wide_or_tall(0.8, 0.74)
    parts = sky(shot, shot.row(street - 0.06))
    mist = mix(palette.haze, palette.glow, 0.15)
    for i, (depth, far) in enumerate(((0.12, 0.66), (0.3, 0.36), (0.55, 0.08))):
        parts.append(_Row(shot, street, index=i, far=far).layer(depth))
        if i < 2:
            parts.append(fog(shot, mist, height=street - 0.08, share=0.4))
    wet = shot.scene.rainy or shot.scene.water
    asphalt = mix(palette.near, palette.haze, 0.12)
    body = 0.3 if wet else 0.68
    parts.append(Water(shot, shot.row(street), asphalt, depth=0.6, body=body, roughness=1.5))
    if shot.scene.dark or wet:
        parts.append(_traffic(shot, shot.row(street) + shot.px(2)))
    return parts + figure(
        shot,
        body=mix(palette.near, BLACK, 0.4),
        rim=mix(palette.glow, (255, 236, 200), 0.6),
        halo=mix(palette.haze, (255, 200, 150), 0.4),
        ground=shot.wide_or_tall(0.9, 0.785),
    )


class _Row:
    """Draws a row of houses from left to right: their colours, their outline, their lit windows."""

    def __init__(self, shot: Shot, street: float, *, index: int, far: float) -> None:
        self._shot, self._far = shot, far
        self._rng = rng = shot.rng(f"houses {index}")
        # Lamps, signs and stones use a random generator of their own, so that the houses stand in
        # the same places by day and by night.
        self._surface = skin = shot.rng(f"skins {index}")
        self._foot = foot = shot.row(street) + shot.px(6)
        width, palette, dark = shot.canvas_px[0], shot.palette, shot.scene.dark
        wall = mix(lit((92, 100, 122), palette.light), palette.near, 0.55 if dark else 0.12)
        wall = mix(wall, palette.haze, far)
        self._paint = Image.new("RGB", (width, foot), wall)
        self._shape = Image.new("L", (width, foot), 0)
        self._lamps = Image.new("RGB", (width, foot), BLACK)
        self._walls, self._outline = ImageDraw.Draw(self._paint), ImageDraw.Draw(self._shape)
        self._lights = ImageDraw.Draw(self._lamps)
        self._tall = shot.height_px * (0.5, 0.43, 0.36)[index] * shot.wide_or_tall(1.0, 0.86)
        x = -shot.px(60)
        while x < width:
            wide = round(shot.unit * self._between(60, 150) * (0.8, 1.0, 1.3)[index])
            high = round(self._tall * self._between(0.42, 1.0))
            tone = mix(wall, palette.near, self._between(0.0, 0.16))
            if not dark:
                stone = lit(_STONES[int(skin.integers(len(_STONES)))], palette.light)
                tone = mix(tone, mix(stone, palette.haze, far), 0.6)
            self._house(x, foot - high, x + wide, tone)
            x += wide + (0 if rng.random() < 0.7 else self._px(4, 26))

    def layer(self, depth: float) -> Layer:
        """Return the row of houses as a layer, with mist along its bottom edge."""
        shot, paint = self._shot, self._paint
        if shot.scene.dark:
            glow = self._lamps.filter(ImageFilter.GaussianBlur(7 * shot.unit))
            paint = ImageChops.add(ImageChops.add(paint, self._lamps), glow)
        _, y = grid(1, self._foot)
        mist = smoothstep(self._foot - self._tall * 0.8, self._foot, y) * (0.3 + 0.3 * self._far)
        values = blend(np.asarray(paint, dtype=np.float32), shot.palette.haze, mist)
        colour = grainy_image(values, self._rng, grain=0.6)
        return Layer(stage=shot, colour=colour, mask=self._shape, depth=depth)

    def _between(self, low: float, high: float, rng: np.random.Generator | None = None) -> float:
        return float((self._rng if rng is None else rng).uniform(low, high))

    def _px(self, low: float, high: float, rng: np.random.Generator | None = None) -> int:
        return self._shot.px(self._between(low, high, rng))

    def _house(self, left: int, top: int, right: int, tone: Colour) -> None:
        scene, foot = self._shot.scene, self._foot
        self._outline.rectangle((left, top, right - 1, foot), fill=255)
        self._walls.rectangle((left, top, right - 1, foot), fill=tone)
        # The side of the house that faces away from the light is darker.
        side = left + round((right - left) * self._between(0.55, 0.8))
        shade = mix(tone, self._shot.palette.near, 0.3)
        self._walls.rectangle((side, top, right - 1, foot), fill=shade)
        self._roof(left, top, right, tone)
        self._windows(left, top, right)
        signs = scene.dark and scene.weather is not Weather.FOG and self._far < 0.5
        if signs and self._surface.random() < 0.55:
            self._sign(left, top, right)

    def _roof(self, left: int, top: int, right: int, tone: Colour) -> None:
        middle, third, choice = (left + right) // 2, (right - left) // 4, self._rng.random()
        pens = ((self._outline, 255), (self._walls, tone))
        if choice < 0.3:
            step = (left + third, top - self._px(8, 22), right - third, top)
            for pen, fill in pens:
                pen.rectangle(step, fill=fill)
            top = step[1]
        if choice < 0.2 or choice > 0.86:
            mast = (middle, top - self._px(18, 46), middle, top)
            for pen, fill in pens:
                pen.line(mast, fill=fill, width=self._shot.px(1.6))
        elif 0.5 < choice < 0.6:
            gable = [(left, top), (right - 1, top), (middle, top - self._shot.px(34))]
            for pen, fill in pens:
                pen.polygon(gable, fill=fill)

    def _sign(self, left: int, top: int, right: int) -> None:
        colour = _NEON[int(self._surface.integers(len(_NEON)))]
        x = left + round((right - left) * self._between(0.1, 0.7, self._surface))
        y = round(top + (self._foot - top) * self._between(0.3, 0.62, self._surface))
        wide, high = self._px(10, 20, self._surface), self._px(38, 86, self._surface)
        if self._surface.random() < 0.35:
            wide, high = high, wide
        fill = mix(colour, BLACK, self._far)
        self._lights.rounded_rectangle((x, y, x + wide, y + high), self._shot.px(3), fill=fill)
        for row in (y + high * i // 4 for i in range(1, 4)):
            gap = (x, row, x + wide, row + self._shot.px(1.5))
            self._lights.rectangle(gap, fill=mix(colour, BLACK, 0.7))

    def _windows(self, left: int, top: int, right: int) -> None:
        skin, scene, palette = self._surface, self._shot.scene, self._shot.palette
        wide, high = self._px(4, 7), self._px(5, 9)
        gap_x, gap_y = wide + self._px(4, 7), high + self._px(5, 9)
        lit_share = self._between(0.12, 0.5, skin) if scene.dark else 0.0
        lamp = _LAMPS[int(skin.integers(len(_LAMPS)))]
        glass = mix(palette.sky[2], palette.haze, self._far)
        gleam = mix(palette.glow, palette.disc, 0.5)
        low_sun = scene.time in (Time.SUNSET, Time.DAWN)
        for y in range(top + gap_y, self._foot - gap_y * 2, gap_y):
            floor_lit = skin.random() < 0.06
            for x in range(left + gap_x // 2, right - gap_x, gap_x):
                pane = (x, y, x + wide - 1, y + high - 1)
                chance = skin.random()
                if scene.dark and (chance < lit_share or (floor_lit and chance < 0.9)):
                    level = self._between(0.4, 0.95, skin) * (1 - 0.55 * self._far)
                    self._lights.rectangle(pane, fill=mix(BLACK, lamp, level))
                elif not scene.dark:
                    shine = gleam if low_sun and chance < 0.12 else glass
                    tone = mix(shine, palette.near, 0.25 + 0.35 * chance)
                    self._walls.rectangle(pane, fill=tone)


def _traffic(shot: Shot, row: int) -> Part:
    """Return a part that draws nine blurred cars: two lamps each, and the lamps' reflections on
    the road.
    """
    rng = shot.take_rng("traffic")
    radius, tall, outside = shot.px(11), shot.px(58), shot.px(80)
    x, y = grid(2 * radius + 1, 2 * radius + 1)
    distance = np.sqrt((x - radius) ** 2 + (y - radius) ** 2) / radius
    lamp = mask(np.exp(-((distance * 1.9) ** 2)) + 0.9 * np.exp(-((distance * 4.2) ** 2)))
    _, y = grid(1, tall)
    streak = mask(np.exp(-(((x - radius) / radius * 2.4) ** 2)) * (1 - y / tall) ** 1.5 * 0.5)
    span = shot.canvas_px[0] + 2 * outside
    cars = [
        (
            float(rng.uniform(0, shot.canvas_px[0])),
            float(rng.uniform(60, 150)) * shot.unit * (1 if i % 2 else -1),
        )
        for i in range(9)
    ]

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        for start, speed in cars:
            column = (start + speed * at_s) % span - outside
            lane = row + (shot.px(5) if speed > 0 else 0)
            for pair in (0, shot.px(17)):
                left, top, _ = view.place(shot, 0.62, column + pair, lane)
                for shape, up in ((streak, 0), (lamp, radius)):
                    at = (round(left) - radius, round(top) - up)
                    frame.paste(_COMING if speed < 0 else _GOING, at, shape)

    return draw
