"""A planet with bands of cloud that turns, and often a ring."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.providers.local import noise
from bot.providers.local.pixels import Colour, Floats, blend, grid, mask, mix, smoothstep
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View

_DEPTH = 0.3
_SKINS: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((150, 62, 58), (226, 146, 112), (248, 214, 178), (255, 176, 130)),
    ((36, 66, 130), (92, 150, 200), (206, 230, 240), (120, 190, 255)),
    ((128, 92, 60), (206, 168, 112), (244, 226, 180), (255, 220, 160)),
    ((60, 46, 110), (134, 96, 176), (220, 186, 226), (200, 150, 255)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planet:
    """A ball: where each of its pixels lies on the turning skin, and how the sun falls on it."""

    stage: Stage
    column: float
    row: float
    skin: NDArray[np.uint8]
    latitude: NDArray[np.int64]
    longitude: Floats
    shade: Floats
    body: Image.Image
    halo: Image.Image
    halo_colour: Colour
    ring_back: tuple[Image.Image, Image.Image] | None
    ring_front: tuple[Image.Image, Image.Image] | None

    @classmethod
    def of(cls, scene: Scene, stage: Stage) -> Planet:
        """Return a planet in the upper left, lit from the upper left."""
        rng = scene.rng("planet")
        low, middle, high, air = _SKINS[int(rng.integers(len(_SKINS)))]
        if scene.tint is not None:
            low, middle, air = mix(low, scene.tint, 0.4), mix(middle, scene.tint, 0.5), scene.tint
        radius = round(
            (190 if not stage.is_portrait else 215) * stage.unit * rng.uniform(0.9, 1.15)
        )
        side = 2 * radius + 3
        x, y = grid(side, side)
        nx, ny = (x - side / 2 + 0.5) / radius, (y - side / 2 + 0.5) / radius
        nz = np.sqrt(np.clip(1.0 - nx**2 - ny**2, 0.0, 1.0))
        tilt = -0.32
        ax, ay = (
            nx * math.cos(tilt) + ny * math.sin(tilt),
            ny * math.cos(tilt) - nx * math.sin(tilt),
        )
        rows, columns = 2 * radius, 4 * radius
        sun = np.clip(-0.62 * nx - 0.42 * ny + 0.58 * nz, 0.0, 1.0)
        rim = np.clip(1.0 - nz, 0, 1) ** 3 * smoothstep(-0.1, 0.5, sun.astype(np.float32))
        shade = 0.03 + 1.02 * sun**0.8 * (0.75 + 0.25 * nz) + 0.35 * rim
        distance = np.sqrt(nx**2 + ny**2) * radius
        wide = 3 * radius
        hx, hy = grid(wide, wide)
        off = np.sqrt((hx - wide / 2) ** 2 + (hy - wide / 2) ** 2) - radius
        sunny = smoothstep(-0.5, 0.9, (-(hx - wide / 2) - 0.7 * (hy - wide / 2)) / (radius * 1.6))
        halo = np.exp(-np.clip(off, 0, None) / (0.09 * radius)) * 0.6 * sunny
        ringed = scene.seed % 3 != 0 or scene.ringed
        return cls(
            stage=stage,
            column=stage.col(0.3 if not stage.is_portrait else 0.4),
            row=stage.row(0.37 if not stage.is_portrait else 0.32),
            skin=_skin(rng, rows, columns, low, middle, high),
            latitude=np.clip((np.arcsin(np.clip(ay, -1, 1)) / math.pi + 0.5) * rows, 0, rows - 1)
            .astype(np.int64),
            longitude=(np.arctan2(ax, np.maximum(nz, 1e-4)) / (2 * math.pi) * columns)
            .astype(np.float32),
            shade=shade.astype(np.float32)[..., None],
            body=mask(np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)),
            halo=mask(halo.astype(np.float32)),
            halo_colour=air,
            ring_back=_ring(radius, middle, high, front=False) if ringed else None,
            ring_front=_ring(radius, middle, high, front=True) if ringed else None,
        )  # fmt: skip

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        x, y, zoom = view.place(self.stage, _DEPTH, self.column, self.row)
        turned = (self.longitude + at_s * 7.0 * self.stage.unit).astype(np.int64)
        columns = self.skin.shape[1]
        surface = self.skin[self.latitude, turned % columns] * self.shade
        ball = Image.fromarray(np.clip(surface, 0, 255).astype(np.uint8))
        _put(frame, self.halo_colour, self.halo, x, y, zoom)
        if self.ring_back is not None:
            _put(frame, *self.ring_back, x, y, zoom)
        _put(frame, ball, self.body, x, y, zoom)
        if self.ring_front is not None:
            _put(frame, *self.ring_front, x, y, zoom)


def _put(
    frame: Image.Image,
    paint: Image.Image | Colour,
    shape: Image.Image,
    x: float,
    y: float,
    zoom: float,
) -> None:
    """Paste `paint` through `shape`, its middle at x, y, between pixels; its edges are empty."""
    left, top = x - shape.width * zoom / 2, y - shape.height * zoom / 2
    at = (math.ceil(left), math.ceil(top))
    size = (math.floor(shape.width * zoom) - 1, math.floor(shape.height * zoom) - 1)
    skip = ((at[0] - left) / zoom, (at[1] - top) / zoom)
    box = (*skip, skip[0] + size[0] / zoom, skip[1] + size[1] / zoom)
    where = (*at, at[0] + size[0], at[1] + size[1])
    if isinstance(paint, Image.Image):
        paint = paint.resize(size, Image.Resampling.BILINEAR, box=box)
    frame.paste(paint, where, shape.resize(size, Image.Resampling.BILINEAR, box=box))


def _skin(
    rng: np.random.Generator, rows: int, columns: int, low: Colour, middle: Colour, high: Colour
) -> NDArray[np.uint8]:
    """Return the map of the surface, (rows, columns, 3), without a seam."""
    half = columns // 2
    swirl = noise.field(rng, half, rows, cell_x_px=half / 5, cell_y_px=rows / 9, octaves=5)
    swirl = np.concatenate((swirl, swirl[:, ::-1]), axis=1)
    bands = noise.line(rng, rows * 2, cell_px=rows / 4.5, octaves=4, gain=0.6)
    y = np.arange(rows)[:, None] + (swirl - 0.5) * rows * 0.07
    value = (
        bands[np.clip(y + rows / 2, 0, rows * 2 - 1).astype(np.int64)] * 0.9 + (swirl - 0.5) * 0.35
    )
    picture = blend(low, middle, smoothstep(-0.7, 0.15, value.astype(np.float32)))
    picture = blend(picture, high, smoothstep(0.1, 0.75, value.astype(np.float32)))
    return np.clip(picture, 0, 255).astype(np.uint8)


def _ring(
    radius: int, middle: Colour, high: Colour, *, front: bool
) -> tuple[Image.Image, Image.Image]:
    """Return the colours and the shape of one half of the ring, around the planet's middle."""
    side = round(radius * 2.35) * 2
    x, y = grid(side, side)
    dx, dy = x - side / 2, y - side / 2
    turn = -0.32
    along = dx * math.cos(turn) - dy * math.sin(turn) * -1
    across = (dy * math.cos(turn) - dx * math.sin(turn)) / 0.27
    distance = np.sqrt(along**2 + across**2) / radius
    grooves = noise.line(np.random.default_rng(7), 512, cell_px=60, octaves=5, gain=0.7)
    index = np.clip((distance - 1.3) / 1.0 * 511, 0, 511).astype(np.int64)
    light = grooves[index]
    opacity = smoothstep(1.32, 1.4, distance) * smoothstep(2.25, 2.14, distance)
    opacity = (
        opacity * (0.52 + 0.42 * light) * (1 - 0.85 * np.exp(-(((distance - 1.86) / 0.03) ** 2)))
    )
    opacity = opacity * smoothstep(-2, 2, across if front else -across)
    # The planet's shadow lies on the ring behind it, away from the sun.
    shadow = smoothstep(0.5, 0.05, np.abs(across / radius + 0.9 - along / radius * 0.5) * 0.6)
    dim = 1.0 - (0.0 if front else 0.8) * shadow * (along > 0)
    colour = blend(middle, high, np.clip(0.5 + light, 0, 1).astype(np.float32))
    values = np.clip(colour * (0.9 * dim)[..., None], 0, 255).astype(np.uint8)
    # Most of the square is empty above and below the ellipse.
    rows = np.flatnonzero((opacity > 0.004).any(axis=1))
    reach = int(max(side / 2 - rows[0], rows[-1] - side / 2)) + 3
    band = slice(max(0, side // 2 - reach), side // 2 + reach)
    return Image.fromarray(values[band]), mask(opacity[band].astype(np.float32))
