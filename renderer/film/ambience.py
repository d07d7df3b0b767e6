"""The background noise of a scene, mixed under the music: rain, wind, waves, traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderer.film.encode import RATE
from renderer.script.prompt import Scene, SceneKind, Weather

_Wave = NDArray[np.float64]

#: Seconds over which one act's noise fades into the next act's.
_CROSS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """Random noise that is limited to a band of frequencies."""

    #: Seeds the random numbers.
    name: str
    low_hz: float
    high_hz: float
    level: float
    #: Frequency (Hz) at which the noise swells, and its lowest level (0 to 1); None for steady
    #: noise.
    swell: tuple[float, float] | None = None


def _place(
    kind: SceneKind, band: tuple[float, float], level: float, swell: tuple[float, float]
) -> _Noise:
    return _Noise(name=kind.value, low_hz=band[0], high_hz=band[1], level=level, swell=swell)


def _noises(scene: Scene) -> list[_Noise]:
    noises = [_place(scene.kind, *_PLACES[scene.kind])]
    if scene.rainy:
        noises += [
            _Noise(name="drops", low_hz=900, high_hz=7000, level=0.035),
            _Noise(name="downpour", low_hz=250, high_hz=1200, level=0.018),
        ]
    if scene.weather is Weather.STORM:
        noises.append(
            _Noise(name="thunder", low_hz=25, high_hz=110, level=0.09, swell=(0.21, 0.05))
        )
    if scene.weather is Weather.SNOW:
        noises.append(
            _Noise(name="cold wind", low_hz=200, high_hz=700, level=0.014, swell=(0.11, 0.2))
        )
    return noises


#: The noise of each kind of place: frequency band (Hz), level, and swell as in `_Noise`.
_PLACES: dict[SceneKind, tuple[tuple[float, float], float, tuple[float, float]]] = {
    SceneKind.OCEAN: ((180, 1800), 0.05, (0.16, 0.15)),
    SceneKind.MOUNTAIN: ((120, 520), 0.026, (0.13, 0.25)),
    SceneKind.DESERT: ((120, 520), 0.026, (0.13, 0.25)),
    SceneKind.CITY: ((45, 240), 0.035, (0.09, 0.5)),
    SceneKind.UNDERWATER: ((40, 300), 0.05, (0.12, 0.4)),
    SceneKind.SPACE: ((35, 120), 0.05, (0.07, 0.4)),
    SceneKind.FOREST: ((1500, 5000), 0.006, (0.17, 0.2)),
    SceneKind.BOKEH: ((200, 900), 0.007, (0.05, 0.8)),
}


def ambience(acts: Sequence[tuple[Scene, int]], count: int) -> _Wave:
    """Return `count` stereo samples of background noise for a film.

    At the start of an act, its noises fade in and those of the previous act fade out. A noise that
    both acts have continues without a break.
    """
    heard = [set(_noises(scene)) for scene, _ in acts]
    begins = np.cumsum([0, *(seconds for _, seconds in acts)])[:-1]
    out = np.zeros((count, 2))
    for noise in sorted(set[_Noise]().union(*heard), key=lambda each: each.name):
        present = [float(noise in sounds) for sounds in heard]
        wave = _band(acts[0][0], noise, count)
        out += wave * _loudness(present, begins, count)[:, None]
    return out


def _loudness(present: list[float], begins: NDArray[np.int64], count: int) -> _Wave:
    """Return the loudness of one noise at each sample, 0 to 1.

    present  for each act: 1 if the act has this noise, 0 if not.
    begins   for each act: the second at which it begins.

    The square root makes a crossfade keep the total power constant.
    """
    at = np.arange(count) / RATE
    level = np.full(count, present[0])
    for before, here, begin in zip(present, present[1:], begins[1:], strict=False):
        share = np.clip((at - begin) / _CROSS_S, 0.0, 1.0)
        level += (here - before) * share * share * (3.0 - 2.0 * share)
    return np.sqrt(np.clip(level, 0.0, 1.0))


def _band(scene: Scene, noise: _Noise, count: int) -> _Wave:
    """Return stereo noise for a film whose first scene is `scene`.

    Lengthening the film does not change the beginning of the noise.
    """
    rng = scene.rng(f"sound of {noise.name}")
    phase = rng.uniform(0, 6.28)
    size = 1 << (count - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / RATE)
    shape = 1 / (1 + (noise.low_hz / np.maximum(hz, 1.0)) ** 4) / (1 + (hz / noise.high_hz) ** 4)
    white = rng.normal(0, 1, (count, 2))
    out = np.empty((count, 2))
    for side in (0, 1):
        out[:, side] = np.fft.irfft(np.fft.rfft(white[:, side], size) * shape, size)[:count]
    # The noise is scaled by the filter's power instead of the measured samples, so that its level
    # does not depend on the length of the film.
    out *= noise.level / max(1e-9, float(np.sqrt(np.mean(shape**2))))
    if noise.swell is not None:
        rate_hz, floor = noise.swell
        at = np.arange(count) / RATE
        wave_level = (0.5 + 0.5 * np.sin(2 * np.pi * rate_hz * at + phase)) ** 2
        out *= (floor + (1 - floor) * wave_level)[:, None]
    return out
