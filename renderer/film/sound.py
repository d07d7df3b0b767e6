"""The sound track of a film: slow chords, a few plucked notes, and background noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from renderer.film.ambience import ambience
from renderer.film.encode import RATE
from renderer.script.prompt import Scene, SceneKind, Weather
from renderer.stage.pixels import Floats

#: Loudness of the sound track in LUFS. Video players and Discord play it at this level unchanged.
TARGET_LUFS = -18.0
_PEAK = 0.89
_CHORD_S = 4.0

_Wave = NDArray[np.float64]
_Mood = tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]

#: The notes of each mood, in semitones above the key: four chords, then the scale of the plucked
#: notes.
_BRIGHT: _Mood = (((0, 7, 12, 16), (-3, 4, 9, 12), (-7, 5, 9, 12), (-5, 2, 7, 11)), (0, 2, 4, 7, 9))
_DARK: _Mood = (((0, 7, 12, 15), (-4, 3, 8, 12), (-9, 3, 7, 12), (-2, 5, 10, 14)), (0, 3, 5, 7, 10))
_WIDE: _Mood = (((0, 7, 14, 16), (2, 9, 14, 18), (-5, 7, 11, 14), (0, 9, 14, 16)), (0, 4, 6, 7, 11))


def compose(acts: Sequence[tuple[Scene, int]]) -> Floats:
    """Return the sound track as stereo samples of -1 to 1 at 48 kHz, about -18 LUFS, never clipped.

    acts  the scene and the seconds of each act; the noises of one act fade into those of the next.
    The same acts give the same samples. An added act does not change the music before it.
    """
    opening = acts[0][0]
    ends = np.cumsum([seconds for _, seconds in acts])
    count = int(ends[-1]) * RATE

    def mood(at_s: float) -> _Mood:
        number = min(int(np.searchsorted(ends, at_s, side="right")), len(acts) - 1)
        return _mood(acts[number][0])

    key_hz = 110.0 * 2 ** (int(opening.rng("key").integers(-3, 5)) / 12)
    music = _pad(opening.rng("pad"), mood, key_hz, count)
    music += _plucks(opening.take_rng("plucks"), mood, key_hz, count)
    mixed = _reverbed(music, opening.rng("room")) + ambience(acts, count)
    _fade(mixed)
    return _levelled(mixed)


def _mood(scene: Scene) -> _Mood:
    if scene.kind in (SceneKind.SPACE, SceneKind.UNDERWATER):
        return _WIDE
    if scene.dark or scene.weather in (Weather.RAIN, Weather.FOG):
        return _DARK
    return _BRIGHT


def _pad(
    rng: np.random.Generator, mood: Callable[[float], _Mood], key_hz: float, count: int
) -> _Wave:
    """Return a pad: slow chords, each of which fades into the next."""
    out = np.zeros((count, 2))
    at = np.arange(count) / RATE
    for number in range(int(count / RATE / _CHORD_S) + 2):
        middle = (number + 0.5) * _CHORD_S
        swell = np.clip(1.0 - np.abs(at - middle) / _CHORD_S, 0.0, 1.0)
        if number == 0:
            swell = np.where(at < middle, np.maximum(swell, 0.8), swell)
        heard = np.flatnonzero(swell)
        if not heard.size:
            continue
        t = at[heard]
        envelope = np.sin(swell[heard] * np.pi / 2) ** 2
        chords = mood(middle)[0]
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
    rng: np.random.Generator, mood: Callable[[float], _Mood], key_hz: float, count: int
) -> _Wave:
    """Return single notes that sound like a kalimba, placed at random on a half-second grid."""
    out = np.zeros((count, 2))
    for beat in range(1, int(count / RATE / 0.5) - 1):
        if rng.random() > 0.55:
            continue
        _, scale = mood(beat * 0.5)
        note = scale[int(rng.integers(len(scale)))] + 12 * int(rng.integers(2, 4))
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
    """Return the sound with the reverberation of a large room added."""
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


def _fade(wave: _Wave) -> None:
    """Fade the start and the end of the sound, in place, so that they do not click."""
    soft, slow = round(0.03 * RATE), round(0.7 * RATE)
    wave[:soft] *= np.linspace(0, 1, soft)[:, None]
    wave[-slow:] *= np.linspace(1, 0, slow)[:, None] ** 1.5


def loudness_lufs(wave: NDArray[np.floating]) -> float:
    """Return the loudness of stereo samples in LUFS: K-weighted as in ITU-R BS.1770, without
    gating.
    """
    size = 1 << (wave.shape[0] - 1).bit_length()
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    # The two filters of ITU-R BS.1770-4 for 48 kHz: a high shelf, then a high pass.
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
    # Samples above the knee are compressed smoothly, so that no peak is clipped.
    knee = 0.6
    over = np.abs(wave) > knee
    bent = knee + (_PEAK - knee) * np.tanh((np.abs(wave[over]) - knee) / (_PEAK - knee))
    wave[over] = np.sign(wave[over]) * bent
    return wave.astype(np.float32)
