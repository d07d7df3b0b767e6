"""Sound for a scene: a soft pad, a few plucks, and what the place itself sounds like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.providers.local.film.encode import RATE
from bot.providers.local.script.prompt import Kind, Scene, Weather
from bot.providers.local.stage.pixels import Floats

#: Loudness that players and Discord leave alone, in LUFS.
TARGET_LUFS = -18.0
_PEAK = 0.89
_CHORD_S = 4.0

_Wave = NDArray[np.float64]

#: Semitones above the key: four chords for each mood, and the scale the plucks choose from.
_BRIGHT = (((0, 7, 12, 16), (-3, 4, 9, 12), (-7, 5, 9, 12), (-5, 2, 7, 11)), (0, 2, 4, 7, 9))
_DARK = (((0, 7, 12, 15), (-4, 3, 8, 12), (-9, 3, 7, 12), (-2, 5, 10, 14)), (0, 3, 5, 7, 10))
_WIDE = (((0, 7, 14, 16), (2, 9, 14, 18), (-5, 7, 11, 14), (0, 9, 14, 16)), (0, 4, 6, 7, 11))


def compose(scene: Scene, seconds: int) -> Floats:
    """Return (seconds × 48,000, 2) samples of -1 to 1 at about -18 LUFS, never clipped.

    The same scene gives the same samples.
    """
    rng = scene.rng("sound")
    if scene.kind in (Kind.SPACE, Kind.UNDERWATER):
        mood = _WIDE
    elif scene.dark or scene.weather in (Weather.RAIN, Weather.FOG):
        mood = _DARK
    else:
        mood = _BRIGHT
    key_hz = 110.0 * 2 ** (int(rng.integers(-3, 5)) / 12)
    count = seconds * RATE
    music = _pad(rng, mood[0], key_hz, count) + _plucks(rng, mood, key_hz, count)
    mixed = _reverbed(music, rng) + _bed(scene, rng, count)
    _fade(mixed)
    return _levelled(mixed)


def _pad(
    rng: np.random.Generator, chords: tuple[tuple[int, ...], ...], key_hz: float, count: int
) -> _Wave:
    """Return slow chords that swell into one another."""
    out = np.zeros((count, 2))
    at = np.arange(count) / RATE
    for number in range(int(count / RATE / _CHORD_S) + 1):
        middle = (number + 0.5) * _CHORD_S
        swell = np.clip(1.0 - np.abs(at - middle) / (_CHORD_S * 0.75), 0.0, 1.0)
        if number == 0:
            swell = np.where(at < middle, np.maximum(swell, 0.8), swell)
        heard = np.flatnonzero(swell)
        if not heard.size:
            continue
        t = at[heard]
        envelope = np.sin(swell[heard] * np.pi / 2) ** 2
        for semitone in chords[number % len(chords)]:
            hz = key_hz * 2 ** (semitone / 12)
            for side in (0, 1):
                tone = np.zeros_like(t)
                for detune in (0.9985, 1.0017):
                    phase = 2 * np.pi * hz * detune * t + rng.uniform(0, 6.28)
                    tone += np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase)
                out[heard, side] += 0.03 * tone * envelope
    return out


def _plucks(
    rng: np.random.Generator,
    mood: tuple[tuple[tuple[int, ...], ...], tuple[int, ...]],
    key_hz: float,
    count: int,
) -> _Wave:
    """Return single notes, like a kalimba, here and there on a half-second grid."""
    out = np.zeros((count, 2))
    for beat in range(1, int(count / RATE / 0.5) - 1):
        if rng.random() > 0.55:
            continue
        note = mood[1][int(rng.integers(len(mood[1])))] + 12 * int(rng.integers(2, 4))
        hz = key_hz * 2 ** (note / 12)
        start = round((beat * 0.5 + rng.uniform(0, 0.02)) * RATE)
        t = np.arange(min(count - start, round(1.8 * RATE))) / RATE
        tone = (
            np.sin(2 * np.pi * hz * t) * np.exp(-t * 3.2)
            + 0.35 * np.sin(2 * np.pi * hz * 2.01 * t) * np.exp(-t * 6)
            + 0.12 * np.sin(2 * np.pi * hz * 5.4 * t) * np.exp(-t * 18)
        )
        tone *= np.minimum(1.0, t / 0.004) * rng.uniform(0.05, 0.12)
        pan = rng.uniform(0.25, 0.75)
        out[start : start + t.size, 0] += tone * np.sqrt(1 - pan)
        out[start : start + t.size, 1] += tone * np.sqrt(pan)
    return out


def _reverbed(dry: _Wave, rng: np.random.Generator) -> _Wave:
    """Return the sound in a large soft room."""
    length = round(1.7 * RATE)
    t = np.arange(length) / RATE
    size = 1 << (dry.shape[0] + length - 1).bit_length()
    wet = np.empty_like(dry)
    for side in (0, 1):
        echo = rng.normal(0, 1, length) * np.exp(-t * 3.6)
        echo /= np.sqrt(np.sum(echo**2))
        spectrum = np.fft.rfft(dry[:, side], size) * np.fft.rfft(echo, size)
        wet[:, side] = np.fft.irfft(spectrum, size)[: dry.shape[0]]
    return dry * 0.75 + wet * 0.45


def _band(rng: np.random.Generator, count: int, low_hz: float, high_hz: float) -> _Wave:
    """Return stereo noise between two frequencies, of unit power."""
    size = 1 << (count - 1).bit_length()
    hz = np.fft.rfftfreq(size, 1 / RATE)
    shape = 1 / (1 + (low_hz / np.maximum(hz, 1.0)) ** 4) / (1 + (hz / high_hz) ** 4)
    out = np.empty((count, 2))
    for side in (0, 1):
        noise = np.fft.irfft(np.fft.rfft(rng.normal(0, 1, size)) * shape, size)[:count]
        out[:, side] = noise / max(1e-9, float(np.sqrt(np.mean(noise**2))))
    return out


#: What a place sounds like: the band of its noise (Hz), how loud, how it breathes (Hz, floor).
_PLACES: dict[Kind, tuple[tuple[float, float], float, tuple[float, float]]] = {
    Kind.OCEAN: ((180, 1800), 0.05, (0.16, 0.15)),
    Kind.MOUNTAIN: ((120, 520), 0.026, (0.13, 0.25)),
    Kind.DESERT: ((120, 520), 0.026, (0.13, 0.25)),
    Kind.CITY: ((45, 240), 0.035, (0.09, 0.5)),
    Kind.UNDERWATER: ((40, 300), 0.05, (0.12, 0.4)),
    Kind.SPACE: ((35, 120), 0.05, (0.07, 0.4)),
    Kind.FOREST: ((1500, 5000), 0.006, (0.17, 0.2)),
    Kind.BOKEH: ((200, 900), 0.007, (0.05, 0.8)),
}


def _bed(scene: Scene, rng: np.random.Generator, count: int) -> _Wave:
    """Return rain, wind, waves or whatever else the place sounds like."""
    at = (np.arange(count) / RATE)[:, None]

    def breath(rate_hz: float, floor: float) -> _Wave:
        phase = rng.uniform(0, 6.28)
        return floor + (1 - floor) * (0.5 + 0.5 * np.sin(2 * np.pi * rate_hz * at + phase)) ** 2

    (low_hz, high_hz), level, swell = _PLACES[scene.kind]
    bed = _band(rng, count, low_hz, high_hz) * level * breath(*swell)
    if scene.rainy:
        bed += _band(rng, count, 900, 7000) * 0.035 + _band(rng, count, 250, 1200) * 0.018
    if scene.weather is Weather.STORM:
        bed += _band(rng, count, 25, 110) * 0.09 * breath(0.21, 0.05)
    if scene.weather is Weather.SNOW:
        bed += _band(rng, count, 200, 700) * 0.014 * breath(0.11, 0.2)
    return bed


def _fade(wave: _Wave) -> None:
    """Take the clicks off both ends, in place."""
    soft, slow = round(0.03 * RATE), round(0.7 * RATE)
    wave[:soft] *= np.linspace(0, 1, soft)[:, None]
    wave[-slow:] *= np.linspace(1, 0, slow)[:, None] ** 1.5


def loudness_lufs(wave: NDArray[np.floating]) -> float:
    """Return the loudness of (samples, 2) after ITU-R BS.1770's K-weighting, without its gate."""
    size = 1 << (wave.shape[0] - 1).bit_length()
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    # The two biquads that BS.1770-4 prints for 48 kHz: a high shelf, then a high pass.
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    power = 0.0
    for side in (0, 1):
        heard = np.fft.irfft(np.fft.rfft(wave[:, side], size) * shelf * high_pass, size)
        power += float(np.mean(heard[: wave.shape[0]] ** 2))
    return -0.691 + 10 * float(np.log10(max(power, 1e-12)))


def _levelled(wave: _Wave) -> Floats:
    wave *= 10 ** ((TARGET_LUFS - loudness_lufs(wave)) / 20)
    # Softly bent above the knee, so that no peak is ever cut flat.
    knee = 0.6
    over = np.abs(wave) > knee
    bent = knee + (_PEAK - knee) * np.tanh((np.abs(wave[over]) - knee) / (_PEAK - knee))
    wave[over] = np.sign(wave[over]) * bent
    return wave.astype(np.float32)
