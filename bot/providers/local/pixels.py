"""Arrays of floats, and their way into pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
#: Floats of any width, as arithmetic happens to make them.
Reals = NDArray[np.floating[Any]]

#: Red, green and blue, 0 to 255 each.
Colour = tuple[int, int, int]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return `a` with `share` (0 to 1) of `b` in it."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def lit(colour: Colour, light: Sequence[float]) -> Colour:
    """Return `colour` under a light given as three factors, 1.0 being white daylight."""
    r, g, b = (min(255, round(c * f)) for c, f in zip(colour, light, strict=True))
    return (r, g, b)


def grey(colour: Colour) -> Colour:
    """Return the grey that is as bright as `colour`."""
    level = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
    return (level, level, level)


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
    first = np.asarray(a, dtype=np.float32)
    second = np.asarray(b, dtype=np.float32)
    weight = share[..., None]
    return np.asarray(first + (second - first) * weight, dtype=np.float32)


def picture(values: Reals, rng: np.random.Generator, *, grain: float = 0.9) -> Image.Image:
    """Return an RGB image of an (h, w, 3) array of 0 to 255, with grain that hides banding."""
    noise = rng.normal(0.0, grain, size=values.shape[:2]).astype(np.float32)[..., None]
    return Image.fromarray(np.clip(values + noise + 0.5, 0, 255).astype(np.uint8))


def mask(values: Reals) -> Image.Image:
    """Return an 8-bit mask of an (h, w) array of 0 to 1."""
    return Image.fromarray((np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def column(stops: Sequence[tuple[float, Colour]], height_px: int) -> Floats:
    """Return (height_px, 1, 3): a gradient from the top through `stops` (position, colour)."""
    at = np.linspace(0.0, 1.0, height_px)
    places = [position for position, _ in stops]
    channels = [np.interp(at, places, [colour[i] for _, colour in stops]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)[:, None, :]
