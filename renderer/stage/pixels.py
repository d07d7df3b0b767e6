"""Computes with pictures as arrays of floats, and converts the arrays to images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from renderer.script.colour import Colour

Floats = NDArray[np.float32]
#: Floats of any width.
Reals = NDArray[np.floating[Any]]


def smoothstep(low: float, high: float, value: Reals) -> Floats:
    """Return a value that rises smoothly from 0 at `low` to 1 at `high`.

    It falls from 1 to 0 when `low` is greater than `high`.
    """
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def grid(width_px: int, height_px: int) -> tuple[Floats, Floats]:
    """Return a row of x coordinates and a column of y coordinates, in pixels, for numpy to
    broadcast.
    """
    x = np.arange(width_px, dtype=np.float32)[None, :]
    y = np.arange(height_px, dtype=np.float32)[:, None]
    return x, y


def blend(a: Colour | Reals, b: Colour | Reals, share: Reals) -> Floats:
    """Mix `a` and `b`, which are colours or pictures, into an array (h, w, 3).

    share  an array (h, w): 0 gives `a`, 1 gives `b`.
    """
    first, second = np.asarray(a, dtype=np.float32), np.asarray(b, dtype=np.float32)
    weight = np.asarray(share, dtype=np.float32)[..., None]
    return np.asarray(first + (second - first) * weight, dtype=np.float32)


def column(stops: Sequence[tuple[float, Colour]], height_px: int) -> Floats:
    """Return a vertical gradient (height_px, 1, 3) through `stops`: pairs (position, colour)."""
    at = np.linspace(0.0, 1.0, height_px)
    places = [position for position, _ in stops]
    channels = [np.interp(at, places, [colour[i] for _, colour in stops]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)[:, None, :]


def grainy_image(values: Reals, rng: np.random.Generator, *, grain: float = 0.9) -> Image.Image:
    """Convert an array (h, w, 3) of 0 to 255 to an RGB image. Random grain hides steps in
    gradients.
    """
    noise = rng.normal(0.0, grain, size=values.shape[:2]).astype(np.float32)[..., None]
    return to_image(values + noise + 0.5)


def to_image(values: Reals) -> Image.Image:
    """Convert an array (h, w, 3) of 0 to 255 to an RGB image."""
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def mask(values: Reals) -> Image.Image:
    """Convert an array (h, w) of 0 to 1 to an 8-bit mask."""
    return Image.fromarray((np.clip(values, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def dimmed(shape: Image.Image, level: int) -> Image.Image:
    """Return a mask with its values multiplied by `level` / 255. A lookup table is fastest in
    Pillow.
    """
    return shape.point([v * level // 255 for v in range(256)])


def shrunk(image: Image.Image, over: int) -> Image.Image:
    """Shrink an image by the factor `over`, which smooths the edges of the shapes drawn in it."""
    return image.resize((image.width // over, image.height // over), Image.Resampling.BOX)


def add_light(frame: Image.Image, values: Reals, size: tuple[int, int]) -> None:
    """Enlarge an array (h, w, 3) to `size` and add it, as light, to the frame's upper left."""
    large = to_image(values).resize(size, Image.Resampling.BILINEAR)
    frame.paste(ImageChops.screen(frame.crop((0, 0, *size)), large), (0, 0))
