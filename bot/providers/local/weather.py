"""What falls or floats: rain, snow, fog, lightning, motes, fireflies, bubbles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from bot.providers.local import noise
from bot.providers.local.layer import Layer
from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, grid, mask, mix, smoothstep
from bot.providers.local.prompt import Scene, Time, Weather
from bot.providers.local.specks import Specks
from bot.providers.local.stage import Part, Stage, View


def weather(scene: Scene, palette: Palette, stage: Stage) -> list[Part]:
    """Return what is between the scenery and the camera; nothing in clear weather."""
    match scene.weather:
        case Weather.RAIN:
            return _rain(scene, stage, heavy=False)
        case Weather.STORM:
            return [Lightning.of(scene, stage), *_rain(scene, stage, heavy=True)]
        case Weather.SNOW:
            dark = scene.time in (Time.NIGHT, Time.DUSK)
            flake: Colour = (214, 224, 246) if dark else (255, 255, 255)
            return [
                Specks.falling(scene, stage, "far snow", flake, count=150, size=2.1, speed=62),
                Specks.falling(scene, stage, "snow", flake, count=60, size=4.2, speed=118),
                Specks.falling(scene, stage, "near snow", flake, count=12, size=11, speed=210),
            ]
        case Weather.FOG:
            return [
                fog(scene, stage, mix(palette.haze, (255, 255, 255), 0.15), height=0.62, share=0.6)
            ]
        case Weather.CLEAR | Weather.CLOUDY:
            return []


def fog(scene: Scene, stage: Stage, colour: Colour, *, height: float, share: float) -> Layer:
    """Return a bank of fog around `height` (share of the frame) that drifts by."""
    rng = scene.rng(f"fog {height}")
    drift = 16.0 * stage.unit
    width = stage.canvas_width_px + round(drift * stage.seconds) + 2
    sigma = stage.height_px * 0.15
    top = max(0, round(stage.row(height) - 2.2 * sigma))
    rows = min(stage.canvas_height_px, round(stage.row(height) + 2.2 * sigma)) - top
    shape = noise.field(
        rng, width, rows, cell_x_px=620 * stage.unit, cell_y_px=130 * stage.unit, octaves=4
    )
    _, y = grid(1, rows)
    offset = (y + top - stage.row(height)) / sigma
    band = np.clip(np.exp(-(offset**2)) - np.exp(-(2.2**2)), 0.0, 1.0)
    opacity = (band * (0.35 + 0.65 * smoothstep(0.25, 0.9, shape)) * share).astype(np.float32)
    return Layer(
        stage=stage, colour=colour, mask=mask(opacity), depth=0.5, top_px=top, drift_px_per_s=drift
    )


def _rain(scene: Scene, stage: Stage, *, heavy: bool) -> list[Part]:
    slant = 0.3 if heavy else 0.14
    return [
        Rain.of(scene, stage, "far rain", length=26, count=300, slant=slant, level=58, speed=1050),
        Rain.of(scene, stage, "rain", length=62, count=170 if heavy else 110, slant=slant,
                level=92, speed=1700),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rain:
    """A sheet of streaks that slides down and repeats without a seam."""

    stage: Stage
    sheet: Image.Image
    paint: Image.Image
    slant: float
    speed_px_per_s: float

    @classmethod
    def of(
        cls,
        scene: Scene,
        stage: Stage,
        purpose: str,
        *,
        length: float,
        count: int,
        slant: float,
        level: int,
        speed: float,
    ) -> Rain:
        """Return `count` streaks of about `length`, `speed` px/s (both at 720 px)."""
        rng = scene.rng(purpose)
        width, height = stage.width_px, stage.height_px
        sheet = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(sheet)
        for _ in range(count):
            x, y = float(rng.uniform(0, width)), float(rng.uniform(0, height))
            drop = length * stage.unit * float(rng.uniform(0.6, 1.3))
            bright = round(level * float(rng.uniform(0.5, 1.3)))
            # Streaks that leave the sheet come in again on the other side.
            for dx in (-width, 0, width):
                for dy in (-height, 0):
                    start = (x + dx, y + dy)
                    end = (x + dx - drop * slant, y + dy + drop)
                    pen.line((start, end), fill=bright, width=stage.px(1.3))
        paint = Image.new("RGB", (width, height), (206, 220, 240))
        return cls(
            stage=stage, sheet=sheet, paint=paint, slant=slant, speed_px_per_s=speed * stage.unit
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        fallen = self.speed_px_per_s * at_s
        shift = int(-fallen * self.slant - view.x * self.stage.margin_x_px)
        seen = ImageChops.offset(self.sheet, shift, int(fallen))
        frame.paste(self.paint, (0, 0), seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lightning:
    """Sheet lightning: the sky lights up at a few seeded instants, never at the poster frame."""

    flashes_s: tuple[float, ...]

    @classmethod
    def of(cls, scene: Scene, stage: Stage) -> Lightning:
        """Return about one flash for four seconds."""
        rng = scene.rng("lightning")
        count = max(1, stage.seconds // 4)
        spread = stage.seconds / count
        return cls(
            flashes_s=tuple(
                spread * i + float(rng.uniform(0.3, 0.8)) * spread for i in range(count)
            )
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        since = [at_s - flash for flash in self.flashes_s if 0.0 <= at_s - flash < 0.5]
        if not since:
            return
        t = since[0]
        light = max(0.0, 1.0 - t / 0.14) + 0.6 * max(0.0, 1.0 - abs(t - 0.22) / 0.12)
        if light <= 0.02:
            return
        veil = Image.new("L", (1, frame.height))
        veil.putdata(
            [round(110 * min(1.0, light) * (1.0 - y / frame.height)) for y in range(frame.height)]
        )
        frame.paste((226, 232, 255), (0, 0, frame.width, frame.height), veil.resize(frame.size))
