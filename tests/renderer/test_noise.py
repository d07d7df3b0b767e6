from __future__ import annotations

import numpy as np

from renderer.stage import noise


def band(width_px: int) -> noise.Floats:
    rng = np.random.default_rng(7)
    return noise.band(rng, (width_px, 90), (60, 20), first_px=200, octaves=5)


def test_a_wider_band_of_noise_only_goes_on_further():
    narrow, wide = band(240), band(900)
    assert np.abs(wide[:, :240] - narrow).max() < 1e-3
    assert wide[:, 240:].std() > 0.1


def test_a_band_uses_the_whole_range():
    assert band(240).min() == 0
    assert band(240).max() == 1
