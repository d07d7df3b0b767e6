from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from bot.media.concat.audio import AudioFormat, common_format, fade_edges, smooth_seam
from bot.media.concat.process import concat_clips
from tests.unit.media.video_files import RATE_HZ, heard, numbered_pictures, tone, write_video

#: The largest step between samples of a 440 Hz sine of amplitude 0.4, and 30 % more for AAC.
STEEPEST = 0.4 * 2 * np.pi * 440 / RATE_HZ * 1.3
LOUD = 0.4 / np.sqrt(2)


def clip(path: Path, sound=None, *, start: int = 0, frames: int = 12, rate_hz: int = RATE_HZ):
    return write_video(
        path, numbered_pictures(range(start, start + frames)), sound=sound, rate_hz=rate_hz
    )


async def sound_of(first: Path, second: Path) -> np.ndarray:
    target = first.with_name("joined.mp4")
    await concat_clips(first, second, target)
    return heard(target)


def loudness(samples: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Return the RMS of the quieter channel for every 10 ms of sound."""
    window = rate_hz // 100
    whole = samples[:, : samples.shape[1] // window * window]
    return np.sqrt((whole.reshape(len(samples), -1, window) ** 2).mean(axis=2)).min(axis=0)


def steepest_at_the_seam(sound: np.ndarray) -> float:
    """Return the largest step between samples within 0.2 s of the seam at 0.5 s."""
    return np.abs(np.diff(sound[:, round(0.3 * RATE_HZ) : round(0.7 * RATE_HZ)])).max()


async def test_a_tone_that_goes_on_is_heard_without_gap_or_click(tmp_path: Path):
    one = clip(tmp_path / "1.mp4", tone(0.5))
    other = clip(tmp_path / "2.mp4", tone(0.5, at_s=0.5), start=12)
    sound = await sound_of(one, other)
    assert np.abs(np.diff(sound[:, :RATE_HZ])).max() < STEEPEST
    # The tone lasts exactly one second; the decoder adds silence up to the end of a frame.
    assert np.all(np.abs(loudness(sound)[1:99] - LOUD) < 0.12 * LOUD)
    assert np.all(loudness(sound)[101:] < 0.01)


async def test_the_sound_stays_with_its_picture(tmp_path: Path):
    one, other = clip(tmp_path / "1.mp4"), clip(tmp_path / "2.mp4", tone(0.5), start=12)
    sound = await sound_of(one, other)
    loud = loudness(sound)
    assert np.all(loud[:48] < 0.01)
    assert np.all(loud[52:98] > 0.9 * LOUD)


async def test_with_a_dropped_frame_its_sound_goes_too(tmp_path: Path):
    one = clip(tmp_path / "1.mp4", tone(0.5))
    silent = np.zeros((2, round(RATE_HZ / 24)), dtype=np.float32)
    after = np.concatenate((silent, tone(0.5, at_s=0.5)), axis=1)
    other = clip(tmp_path / "2.mp4", after, start=11, frames=13)
    sound = await sound_of(one, other)
    assert np.abs(np.diff(sound[:, :RATE_HZ])).max() < STEEPEST
    assert np.all(loudness(sound)[1:99] > 0.8 * LOUD)


async def test_a_leap_between_the_clips_does_not_click(tmp_path: Path):
    # The first clip ends at the top of its sine wave, and the second begins at the bottom.
    top = 0.25 / 440 - 0.5 % (1 / 440)
    one = clip(tmp_path / "1.mp4", tone(0.5, at_s=top))
    other = clip(tmp_path / "2.mp4", tone(0.5, at_s=0.75 / 440), start=12)
    sound = await sound_of(one, other)
    assert steepest_at_the_seam(sound) < 2 * STEEPEST
    assert np.all(loudness(sound)[1:99] > 0.5 * LOUD)


async def test_the_silence_of_a_clip_without_sound_does_not_click(tmp_path: Path):
    one = clip(tmp_path / "1.mp4", tone(0.5, at_s=0.0003))
    other = clip(tmp_path / "2.mp4", start=12)
    for order in ((one, other), (other, one)):
        sound = await sound_of(*order)
        assert steepest_at_the_seam(sound) < 2 * STEEPEST
        assert np.abs(sound).max() < 0.6


@pytest.mark.parametrize("heard_s", [0.3, 0.9])
async def test_sound_of_another_length_is_padded_or_cut(tmp_path: Path, heard_s: float):
    one = clip(tmp_path / "1.mp4", tone(heard_s))
    other = clip(tmp_path / "2.mp4", tone(0.5, hz=1500), start=12)
    target = tmp_path / "joined.mp4"
    told = await concat_clips(one, other, target)
    assert told.duration_ms == 1000
    with av.open(str(target), format="mp4") as result:
        audio, video = result.streams.audio[0], result.streams.video[0]
        for stream in (audio, video):
            assert stream.duration is not None
            assert stream.time_base is not None
            assert stream.duration * stream.time_base == 1
    after = heard(target)[0, RATE_HZ // 2 + 480 : RATE_HZ // 2 + 480 + 9600]
    loudest = np.argmax(np.abs(np.fft.rfft(after))) * RATE_HZ / len(after)
    assert abs(loudest - 1500) < 10
    before = loudness(heard(target))[:49]
    if heard_s < 0.5:
        # AAC rounds the sound up to whole frames, so silence starts a little after the sound's end.
        assert np.all(before[35:] < 0.02)
    else:
        assert np.all(before[1:] > 0.9 * LOUD)


async def test_without_any_sound_there_is_no_sound_track(tmp_path: Path):
    target = tmp_path / "joined.mp4"
    await concat_clips(clip(tmp_path / "1.mp4"), clip(tmp_path / "2.mp4", start=12), target)
    with av.open(str(target), format="mp4") as result:
        assert not result.streams.audio


async def test_sound_takes_the_first_s_rate_and_keeps_its_pitch(tmp_path: Path):
    one = clip(tmp_path / "1.mp4", tone(0.5, rate_hz=32_000, channels=1), rate_hz=32_000)
    other = clip(tmp_path / "2.mp4", tone(0.5, at_s=0.5), start=12)
    target = tmp_path / "joined.mp4"
    await concat_clips(one, other, target)
    with av.open(str(target), format="mp4") as result:
        audio = result.streams.audio[0]
        assert (audio.rate, audio.layout.name) == (32_000, "stereo")
    sound = heard(target)
    for part in (sound[0, 1600:14_400], sound[0, 17_600:30_400]):
        loudest = np.argmax(np.abs(np.fft.rfft(part))) * 32_000 / len(part)
        assert abs(loudest - 440) < 3
    quiet = loudness(sound, 32_000)[1:99]
    assert quiet.min() > 0.65 * LOUD


async def test_sound_and_picture_lie_side_by_side_in_the_file(tmp_path: Path):
    one = write_video(tmp_path / "1.mp4", numbered_pictures(range(16)), rate=1, sound=tone(16))
    other = write_video(tmp_path / "2.mp4", numbered_pictures(range(16, 32)), rate=1)
    target = tmp_path / "joined.mp4"
    await concat_clips(one, other, target)
    with av.open(str(target), format="mp4") as result:
        places = [(p.pos or 0, (p.dts or 0) * p.time_base) for p in result.demux() if p.size]
    times = [at for _, at in sorted(places)]
    assert max(sooner - later for sooner, later in pairwise(times)) < 4


def test_the_rate_is_the_first_s_if_aac_has_it():
    mono, odd = AudioFormat(rate_hz=44_100, channels=1), AudioFormat(rate_hz=37_800, channels=2)
    assert common_format(mono, odd) == AudioFormat(rate_hz=44_100, channels=2)
    assert common_format(odd, mono) == AudioFormat(rate_hz=48_000, channels=2)
    assert common_format(None, mono) == AudioFormat(rate_hz=48_000, channels=1)
    assert common_format(mono, None) == AudioFormat(rate_hz=44_100, channels=1)


def test_sound_that_goes_on_is_not_touched_by_the_seam():
    whole = tone(0.2)
    one, other = whole[:, :4800], whole[:, 4800:]
    assert np.array_equal(smooth_seam(one, other, RATE_HZ), whole)


def test_a_leap_is_bridged_and_nothing_else_changes():
    one = np.full((2, 1000), 0.9, dtype=np.float32)
    other = np.stack((-one[0], one[1]))
    joined = smooth_seam(one, other, RATE_HZ)
    assert np.abs(np.diff(joined)).max() < 0.06
    assert np.all(joined[0, :970] == np.float32(0.9))
    assert np.all(joined[0, 1030:] == np.float32(-0.9))
    assert np.all(joined[1] == np.float32(0.9))


@pytest.mark.parametrize("counts", [(0, 500), (500, 0), (1, 1), (0, 0)])
def test_parts_too_short_for_a_bridge_are_taken_as_they_are(counts: tuple[int, int]):
    one, other = (np.ones((2, count), dtype=np.float32) for count in counts)
    assert smooth_seam(one, other, RATE_HZ).shape == (2, sum(counts))


def test_sound_that_begins_late_or_ends_early_is_faded():
    samples = np.zeros((2, 1000), dtype=np.float32)
    samples[:, 200:800] = 0.8
    fade_edges(samples, 200, 800, 100)
    assert np.abs(np.diff(samples)).max() < 0.02
    assert np.all(samples[:, 300:700] == np.float32(0.8))
    whole = np.ones((2, 1000), dtype=np.float32)
    fade_edges(whole, 0, 1000, 100)
    assert np.all(whole == 1)
    fade_edges(whole, 1000, 0, 100)
    assert np.all(whole == 1)


def test_half_a_second_of_twelve_frames_is_half_a_second_of_samples():
    assert Fraction(12, 24) * RATE_HZ == tone(0.5).shape[1]
