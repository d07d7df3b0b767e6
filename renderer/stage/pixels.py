"""Arrays of floats, and their way into pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from renderer.script.colour import Colour

Floats = NDArray[np.float32]
#: Floats of any width, as arithmetic happens to make them.
Reals = NDArray[np.floating[Any]]


def smoothstep(low: float, high: float, value: Reals) -> Floats:
    """Return 0 below `low`, 1 above `high`, and a soft S between; `low` may be above `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def grid(width_px: int, height_px: int) -> tuple[Floats, Floats]:
    """Return a row of x and a column of y, in pixels, that broadcast to the whole picture."""
    x = np.arange(width_px, dtype=np.float32)[None, :]
    y = np.arange(height_px, dtype=np.float32)[:, None]
    return x, y


def blend(a: Colour | Reals, b: Colour | Reals, share: Reals) -> Floats:
    """Return an (h, w, 3) picture of `a` with `share` (h, w) of `b` in it."""
    first, second = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    weight = np.asarray(share, dtype=np.float32)[..., None]
    return np.asarray(first + (second - first) * weight, dtype=np.float32)


def column(stops: Sequence[tuple[float, Colour]], height_px: int) -> Floats:
    """Return (height_px, 1, 3): a gradient from the top through `stops` (position, colour)."""
    at = np.linspace(0.0, 1.0, height_px)
    places = [position for position, _ in stops]
    channels = [np.interp(at, places, [colour[i] for _, colour in stops]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)[:, None, :]


def grainy_image(values: Reals, rng: np.random.Generator, *, grain: float = 0.9) -> Image.Image:
    """Return an RGB image of an (h, w, 3) array of 0 to 255, with grain that hides banding."""
    noise = rng.normal(0.0, grain, size=values.shape[:2]).astype(np.float32)[..., None]
    return to_image(values + noise + 0.5)


def to_image(values: Reals) -> Image.Image:
    """Return an RGB image of an (h, w, 3) array of 0 to 255."""
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def mask(values: Reals) -> Image.Image:
    """Return an 8-bit mask of an (h, w) array of 0 to 1."""
    return Image.fromarray((np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def dimmed(shape: Image.Image, level: int) -> Image.Image:
    """Return a mask at `level` 255ths of its strength; a table is the cheapest way to do it."""
    return shape.point([v * level // 255 for v in range(256)])


def shrunk(image: Image.Image, over: int) -> Image.Image:
    """Return what was drawn `over` times too large at its size: its edges become smooth."""
    return image.resize((image.width // over, image.height // over), Image.Resampling.BOX)


def add_light(frame: Image.Image, values: Reals, size: tuple[int, int]) -> None:
    """Add light to the top left of a frame: a coarse (h, w, 3) picture of it, drawn at `size`."""
    large = to_image(values).resize(size, Image.Resampling.BILINEAR)
    frame.paste(ImageChops.screen(frame.crop((0, 0, *size)), large), (0, 0))
