"""Seeded smooth noise: hills, clouds and haze are made of it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bot.providers.local.pixels import Floats


def field(
    rng: np.random.Generator,
    width_px: int,
    height_px: int,
    *,
    cell_x_px: float,
    cell_y_px: float,
    octaves: int = 4,
    gain: float = 0.5,
) -> Floats:
    """Return (height_px, width_px) of 0 to 1; the largest blobs measure one cell."""
    total = np.zeros((height_px, width_px), dtype=np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        columns = max(1.0, width_px * 2**octave / cell_x_px)
        rows = max(1.0, height_px * 2**octave / cell_y_px)
        coarse = rng.random((int(rows) + 3, int(columns) + 3), dtype=np.float32)
        smooth = Image.fromarray(coarse).resize(
            (width_px, height_px), Image.Resampling.BICUBIC, box=(1, 1, 1 + columns, 1 + rows)
        )
        total += weight * np.asarray(smooth, dtype=np.float32)
        weights += weight
        weight *= gain
    total /= weights
    # Sums of octaves crowd around one half; spread them over the range again.
    low, high = (float(v) for v in np.percentile(total[::8, ::8], (1, 99)))
    return np.clip((total - low) / max(high - low, 1e-6), 0.0, 1.0).astype(np.float32)


def line(
    rng: np.random.Generator,
    length_px: int,
    *,
    cell_px: float,
    octaves: int = 5,
    gain: float = 0.5,
    ridged: bool = False,
) -> Floats:
    """Return `length_px` heights of about -1 to 1; `ridged` makes crests sharp."""
    total = np.zeros(length_px, dtype=np.float64)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        points = length_px * 2**octave / cell_px
        knots = rng.uniform(-1.0, 1.0, size=int(points) + 4)
        at = np.arange(length_px) * (points / length_px) + rng.random()
        index = at.astype(np.int64)
        part = at - index
        part = part * part * (3.0 - 2.0 * part)
        value = knots[index] * (1.0 - part) + knots[index + 1] * part
        total += weight * ((1.0 - 2.0 * np.abs(value)) if ridged else value)
        weights += weight
        weight *= gain
    return (total / weights * 1.4).astype(np.float32)
