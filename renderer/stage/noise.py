"""Smooth random noise for hills, clouds and haze."""

from __future__ import annotations

import numpy as np
from PIL import Image

from renderer.stage.pixels import Floats, Reals


def field(
    rng: np.random.Generator,
    size_px: tuple[int, int],
    cell_px: tuple[float, float],
    *,
    octaves: int = 4,
    gain: float = 0.5,
) -> Floats:
    """Return smooth noise as an array of (height, width), 0 to 1; the largest blobs are `cell_px`
    in size.
    """
    width, height = size_px
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        columns = max(1.0, width * 2**octave / cell_px[0])
        rows = max(1.0, height * 2**octave / cell_px[1])
        coarse = rng.random((int(rows) + 3, int(columns) + 3), dtype=np.float32)
        smooth = Image.fromarray(coarse).resize(
            size_px, Image.Resampling.BICUBIC, box=(1, 1, 1 + columns, 1 + rows)
        )
        total += gain**octave * np.asarray(smooth, dtype=np.float32)
    # The sum of octaves clusters around its mean, so it is stretched to the range from 0 to 1.
    low, high = (float(v) for v in np.percentile(total[::8, ::8], (1, 99)))
    return np.clip((total - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float32)


def band(
    rng: np.random.Generator,
    size_px: tuple[int, int],
    cell_px: tuple[float, float],
    *,
    first_px: int,
    octaves: int = 4,
    gain: float = 0.5,
) -> Floats:
    """Return noise as `field` does, but a wider array starts with a narrower one's columns.

    It is for scenery that drifts sideways: a longer film needs wider scenery, and its beginning
    must look the same as in the shorter film.
    first_px  how many columns from the left decide the contrast.
    """
    width, height = size_px
    total = np.zeros((height, width), dtype=np.float32)
    for octave, source in enumerate(rng.spawn(octaves)):
        columns = width * 2**octave / cell_px[0]
        rows = max(1.0, height * 2**octave / cell_px[1])
        # Random numbers are drawn column by column, so that additional columns leave the others
        # unchanged.
        coarse = source.random((int(columns) + 3, int(rows) + 3), dtype=np.float32).T
        smooth = Image.fromarray(np.ascontiguousarray(coarse)).resize(
            size_px, Image.Resampling.BICUBIC, box=(1, 1, 1 + columns, 1 + rows)
        )
        total += gain**octave * np.asarray(smooth, dtype=np.float32)
    low, high = (float(v) for v in np.percentile(total[::8, :first_px:8], (1, 99)))
    return np.clip((total - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float32)


def line(
    rng: np.random.Generator,
    length_px: int,
    cell_px: float,
    *,
    octaves: int = 5,
    gain: float = 0.5,
    ridged: bool = False,
) -> Reals:
    """Return `length_px` smooth random heights, about -1 to 1; `ridged` makes crests sharp."""
    total, weights = np.zeros(length_px), 0.0
    for octave in range(octaves):
        points = length_px * 2**octave / cell_px
        knots = rng.uniform(-1.0, 1.0, size=int(points) + 4)
        at = np.arange(length_px) * (points / length_px) + rng.random()
        index = at.astype(np.int64)
        part = at - index
        part = part * part * (3.0 - 2.0 * part)
        value = knots[index] * (1.0 - part) + knots[index + 1] * part
        total += gain**octave * ((1.0 - 2.0 * np.abs(value)) if ridged else value)
        weights += gain**octave
    return total / weights * 1.4
