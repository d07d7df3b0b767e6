"""Joins the sound of two clips into one run of samples."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from bot.media.clip_reader import open_clip

Samples = NDArray[np.float32]

#: Sample rates that AAC allows (ISO 14496-3, table 1.18).
_AAC_RATES_HZ = (
    *(96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000),
    *(22_050, 16_000, 12_000, 11_025, 8_000, 7_350),
)
_USUAL_RATE_HZ = 48_000
#: A timestamp that is off by no more than this is a rounding error and not a gap in the sound.
_JITTER_S = 0.02
#: Length of the fade where sound begins or ends inside a clip.
_RAMP_S = 0.005
#: Seconds on each side of the seam whose sound is replaced if the seam clicks. AAC changes the
#: first and last third of a millisecond by up to a quarter of the loudness (libavcodec 62,
#: 2026-11-20).
_BRIDGE_S = 0.0006
#: A step between samples at the seam is a click if it is `_CLICK_RATIO` times larger than every
#: other step within `_NEAR_S` of the seam.
_NEAR_S = 0.005
_CLICK_RATIO = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFormat:
    """Sample rate of some sound, and its number of channels: 1 or 2."""

    rate_hz: int
    channels: int

    @property
    def layout(self) -> str:
        """Name of the channel layout in libavutil."""
        return "mono" if self.channels == 1 else "stereo"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSegment:
    """A part of a clip's sound: `length_s` seconds from `start_s` of the clip's own time."""

    path: Path
    start_s: Fraction
    length_s: Fraction


def concat_audio(first: AudioSegment, second: AudioSegment) -> tuple[AudioFormat, Samples] | None:
    """Return the sound of both segments as (channels, samples) of -1 to 1; None if both are silent.

    Each segment is padded with silence to its whole length. The sample rate is the first clip's, or
    48 kHz if AAC does not allow that rate or the first clip is silent; the result is stereo if
    either clip is. Blocking. Raises BadClipError for sound that does not decode.
    """
    formats = [_format_of(segment.path) for segment in (first, second)]
    if formats == [None, None]:
        return None
    wanted = common_format(*formats)
    before = round(first.length_s * wanted.rate_hz)
    after = round((first.length_s + second.length_s) * wanted.rate_hz) - before
    one = _read(first, wanted, before) if formats[0] else _silence(wanted, before)
    other = _read(second, wanted, after) if formats[1] else _silence(wanted, after)
    return wanted, smooth_seam(one, other, wanted.rate_hz)


def common_format(first: AudioFormat | None, second: AudioFormat | None) -> AudioFormat:
    """Return the format of the joined sound; a silent clip has the format None."""
    rate_hz = first.rate_hz if first is not None else _USUAL_RATE_HZ
    channels = [told.channels for told in (first, second) if told is not None]
    return AudioFormat(
        rate_hz=rate_hz if rate_hz in _AAC_RATES_HZ else _USUAL_RATE_HZ,
        channels=max(channels, default=2),
    )


def smooth_seam(one: Samples, other: Samples, rate_hz: int) -> Samples:
    """Return `one` followed by `other`, smoothed where the seam between them would click.

    Sound that continues across the seam, as after a native extension, is left unchanged.
    """
    whole = np.concatenate((one, other), axis=1)
    edge, bridge, near = one.shape[1], round(_BRIDGE_S * rate_hz), round(_NEAR_S * rate_hz)
    if min(one.shape[1], other.shape[1]) <= near or bridge < 1:
        return whole
    left, right = edge - bridge, edge + bridge
    steps = np.abs(np.diff(whole[:, edge - near : edge + near], axis=1))
    within = steps[:, near - bridge : near + bridge].max(axis=1)
    around = np.delete(steps, np.s_[near - bridge : near + bridge], axis=1).max(axis=1)
    for channel in np.flatnonzero(within > _CLICK_RATIO * around):
        start, end = whole[channel, left - 1], whole[channel, right]
        whole[channel, left:right] = end + (start - end) * _fade_out_curve(2 * bridge)
    return whole


def fade_edges(samples: Samples, begin: int, end: int, ramp: int) -> None:
    """Fade `samples` in at `begin` and out at `end`, in place, unless these are the clip's ends."""
    count, ramp = samples.shape[1], min(ramp, max(0, end - begin))
    if ramp and begin > 0:
        samples[:, begin : begin + ramp] *= 1 - _fade_out_curve(ramp)
    if ramp and end < count:
        samples[:, end - ramp : end] *= _fade_out_curve(ramp)


def _format_of(path: Path) -> AudioFormat | None:
    with open_clip(path) as (container, _):
        if not container.streams.audio:
            return None
        context = container.streams.audio[0].codec_context
        return AudioFormat(rate_hz=context.sample_rate, channels=1 if context.channels == 1 else 2)


def _silence(wanted: AudioFormat, count: int) -> Samples:
    return np.zeros((wanted.channels, count), dtype=np.float32)


def _read(segment: AudioSegment, wanted: AudioFormat, count: int) -> Samples:
    samples = _silence(wanted, count)
    begin, cursor = count, None
    with open_clip(segment.path) as (container, _):
        for frame in _resampled(container, wanted):
            at = cursor
            if frame.pts is not None and frame.time_base is not None:
                told = round((frame.pts * frame.time_base - segment.start_s) * wanted.rate_hz)
                if at is None or abs(told - at) > _JITTER_S * wanted.rate_hz:
                    at = told
            at = at or 0
            cursor = at + frame.samples
            left, right = max(0, at), min(count, cursor)
            if left < right:
                samples[:, left:right] = frame.to_ndarray()[:, left - at : right - at]
                begin = min(begin, left)
    fade_edges(samples, begin, min(count, cursor or 0), round(_RAMP_S * wanted.rate_hz))
    return samples


def _resampled(container: InputContainer, wanted: AudioFormat) -> Iterator[AudioFrame]:
    resampler, source = None, None
    for frame in container.decode(container.streams.audio[0]):
        told = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or told != source:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler = AudioResampler("fltp", wanted.layout, wanted.rate_hz)
            source = told
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _fade_out_curve(count: int) -> Samples:
    return ((1 + np.cos(np.linspace(0, np.pi, count))) / 2).astype(np.float32)
