"""The sky: colour, sun or moon, stars, clouds and northern lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from bot.providers.local import noise
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Floats, blend, column, grid, mask, picture, smoothstep
from bot.providers.local.prompt import Scene, Time, Weather
from bot.providers.local.stage import Part, Stage, View

#: Speed of clouds, at 720 px.
_CLOUD_DRIFT = 7.0


def disc_place(scene: Scene, palette: Palette, stage: Stage, horizon_row: int) -> tuple[int, int]:
    """Return the canvas column and row of the sun or moon, clear of badge and subject."""
    share = float(scene.rng("disc").uniform(0.56, 0.8))
    sky_px = horizon_row - stage.row(0.0)
    return stage.col(share), round(horizon_row - palette.elevation * sky_px)


def sky(scene: Scene, palette: Palette, stage: Stage, horizon_row: int) -> list[Part]:
    """Return the parts from the zenith down to `horizon_row` (canvas), farthest first."""
    parts: list[Part] = [_backdrop(scene, palette, stage, horizon_row)]
    if scene.aurora:
        parts.append(Aurora.of(scene, stage, horizon_row))
    if palette.stars > 0.5:
        parts.append(Twinkle.of(scene, stage, horizon_row))
    if not scene.aurora:
        parts.append(_clouds(scene, palette, stage, horizon_row))
    return parts


def _backdrop(scene: Scene, palette: Palette, stage: Stage, horizon_row: int) -> Layer:
    rng = scene.rng("sky")
    width, height = stage.canvas_width_px, stage.canvas_height_px
    zenith, upper, lower, horizon = palette.sky
    stops = ((0.0, zenith), (0.42, upper), (0.8, lower), (1.0, horizon))
    values = np.empty((height, width, 3), dtype=np.float32)
    values[:horizon_row] = column(stops, horizon_row)
    values[horizon_row:] = np.asarray(horizon, dtype=np.float32)
    if palette.stars:
        _add_stars(values, rng, stage, horizon_row, palette.stars)
    hidden = scene.weather in (Weather.STORM, Weather.RAIN, Weather.FOG)
    _add_disc(values, scene, palette, stage, horizon_row, strength=0.35 if hidden else 1.0)
    return Layer(stage=stage, colour=picture(values, rng))


def _add_stars(
    values: Floats, rng: np.random.Generator, stage: Stage, horizon_row: int, share: float
) -> None:
    width = stage.canvas_width_px
    count = round(share * 0.00125 * horizon_row * width / max(stage.unit, 0.4))
    x = rng.integers(1, width - 1, count)
    y = (rng.random(count) ** 1.25 * (horizon_row - 4) + 1).astype(np.int64)
    level = (rng.random(count) ** 2.4 * 200 + 36).astype(np.float32)
    warmth = rng.uniform(-0.12, 0.12, count).astype(np.float32)
    light = np.stack([level * (1 + warmth), level, level * (1 - warmth)], axis=-1)
    values[y, x] += light
    bright = level > 120
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        values[y[bright] + dy, x[bright] + dx] += light[bright] * 0.3


def _add_disc(
    values: Floats,
    scene: Scene,
    palette: Palette,
    stage: Stage,
    horizon_row: int,
    *,
    strength: float,
) -> None:
    """Draw sun or moon and the light around them."""
    column_px, row_px = disc_place(scene, palette, stage, horizon_row)
    x, y = grid(values.shape[1], values.shape[0])
    distance = np.sqrt((x - column_px) ** 2 + (y - row_px) ** 2).astype(np.float32)
    unit = stage.unit
    wide = np.exp(-distance / (250 * unit)) * 0.55 + np.exp(-distance / (70 * unit)) * 0.5
    glow = np.asarray(palette.glow, dtype=np.float32)
    night = scene.time is Time.NIGHT
    reach = (wide * (0.6 if night else 1.0) * (0.5 + 0.5 * strength))[..., None]
    # Screen: light adds up, but never beyond white.
    np.subtract(255.0, (255.0 - values) * (1.0 - np.clip(reach, 0, 1) * glow / 255.0), out=values)
    if strength < 1.0 and scene.weather is not Weather.FOG:
        return
    radius = (34 if night else 44) * unit
    if scene.time is Time.DAY:
        radius *= 0.8
    inside = smoothstep(radius + 1.2, radius - 1.2, distance) * (0.45 if strength < 1.0 else 1.0)
    face = np.broadcast_to(np.asarray(palette.disc, dtype=np.float32), values.shape)
    if night:
        rng = scene.rng("moon")
        seas = noise.field(
            rng, values.shape[1], values.shape[0], cell_x_px=26 * unit, cell_y_px=26 * unit
        )
        face = face * (1.0 - 0.16 * smoothstep(0.5, 0.85, seas))[..., None]
    values += (face - values) * inside[..., None]


def _clouds(scene: Scene, palette: Palette, stage: Stage, horizon_row: int) -> Layer:
    rng = scene.rng("clouds")
    drift = _CLOUD_DRIFT * stage.unit * (2.4 if scene.weather is Weather.STORM else 1.0)
    width = stage.canvas_width_px + round(drift * stage.seconds) + 2
    unit = stage.unit
    shape = noise.field(
        rng, width, horizon_row, cell_x_px=520 * unit, cell_y_px=150 * unit, octaves=5, gain=0.55
    )
    cover = {
        Weather.CLEAR: 0.62,
        Weather.CLOUDY: 0.36,
        Weather.RAIN: 0.24,
        Weather.STORM: 0.16,
        Weather.SNOW: 0.34,
        Weather.FOG: 0.4,
    }[scene.weather]
    opacity = smoothstep(cover, min(0.98, cover + 0.42), shape)
    _, y = grid(1, horizon_row)
    height = y / horizon_row
    thin = 0.85 if scene.weather in (Weather.RAIN, Weather.STORM) else 0.72
    opacity = opacity * smoothstep(1.0, 0.72, height) * thin
    # Light comes from below when the sun is low, from above otherwise.
    step = max(2, stage.px(10))
    low_sun = palette.elevation < 0.3
    shifted = np.roll(shape, -step if low_sun else step, axis=0)
    shade = np.clip(0.5 + (shape - shifted) * 2.2, 0.0, 1.0).astype(np.float32)
    colour = blend(palette.cloud_shade, palette.cloud, shade)
    return Layer(
        stage=stage,
        colour=picture(colour, rng, grain=0.0),
        mask=mask(opacity),
        drift_px_per_s=drift,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Twinkle:
    """A few bright stars that flicker, each (column, row, phase, radius)."""

    stage: Stage
    stars: tuple[tuple[float, float, float, int], ...]

    @classmethod
    def of(cls, scene: Scene, stage: Stage, horizon_row: int) -> Twinkle:
        """Return about thirty of them in the upper part of the sky."""
        rng = scene.rng("twinkle")
        return cls(
            stage=stage,
            stars=tuple(
                (
                    float(rng.uniform(0, stage.canvas_width_px)),
                    float(rng.random() ** 1.3 * horizon_row * 0.85),
                    float(rng.uniform(0, 6.28)),
                    stage.px(float(rng.uniform(2.5, 5.0))),
                )
                for _ in range(30)
            ),
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        for x_px, y_px, phase, radius in self.stars:
            x, y, _ = view.place(self.stage, 0.0, x_px, y_px)
            light = 0.5 + 0.5 * np.sin(at_s * (2.0 + phase * 0.4) + phase * 7)
            level = mask(_flare(radius) * np.float32(0.25 + 0.75 * light))
            frame.paste((255, 250, 240), (round(x) - radius, round(y) - radius), level)


def _flare(radius_px: int) -> Floats:
    x, y = grid(2 * radius_px + 1, 2 * radius_px + 1)
    dx, dy = np.abs(x - radius_px) / radius_px, np.abs(y - radius_px) / radius_px
    cross = np.exp(-dx * 9) * np.exp(-dy * 2.4) + np.exp(-dy * 9) * np.exp(-dx * 2.4)
    core = np.exp(-(dx**2 + dy**2) * 14)
    fade = np.clip(1.0 - np.maximum(dx, dy), 0, 1)
    return np.asarray((cross * 0.55 + core) * fade, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aurora:
    """Curtains of northern light, computed small and drawn large."""

    stage: Stage
    horizon_row: int
    phases: tuple[float, ...]
    _columns: int = 160
    _rows: int = 60

    @classmethod
    def of(cls, scene: Scene, stage: Stage, horizon_row: int) -> Aurora:
        """Return three curtains with phases from the scene's seed."""
        phases = tuple(float(p) for p in scene.rng("aurora").uniform(0, 6.28, 9))
        return cls(stage=stage, horizon_row=horizon_row, phases=phases)

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        left, top = view.corner(self.stage, 0.1)
        height = max(8, round(self.horizon_row - top))
        p = self.phases
        x, y = grid(self._columns, self._rows)
        x = (x / self._columns * self.stage.width_px + left) / self.stage.height_px
        y = (y + 0.5) / self._rows
        total = np.zeros((self._rows, self._columns, 3), dtype=np.float32)
        for i, (low, high) in enumerate(
            (
                ((40, 220, 150), (80, 90, 210)),
                ((60, 210, 190), (140, 80, 220)),
                ((50, 240, 130),) * 2,
            )
        ):
            wave = np.sin(x * (2.1 + i * 0.8) + at_s * (0.32 + 0.1 * i) + p[3 * i])
            wave = wave + 0.45 * np.sin(x * (5.3 + i) - at_s * 0.5 + p[3 * i + 1])
            foot = 0.62 - 0.14 * i + 0.11 * wave
            above = foot - y
            curtain = np.exp(-np.clip(above, 0, None) * 3.6) * smoothstep(
                -0.07, 0.03, above.astype(np.float32)
            )
            rays = 0.62 + 0.38 * np.sin(x * 26 + 3 * wave + at_s * 0.9 + p[3 * i + 2])
            hue = smoothstep(0.0, 0.4, above.astype(np.float32))
            strength = (curtain * rays * (1.25 - 0.25 * i)).astype(np.float32)
            total += blend(low, high, hue) * strength[..., None]
        small = Image.fromarray(np.clip(total, 0, 255).astype(np.uint8))
        large = small.resize((frame.width, min(height, frame.height)), Image.Resampling.BICUBIC)
        where = (0, 0, large.width, large.height)
        frame.paste(ImageChops.screen(frame.crop(where), large), where)
