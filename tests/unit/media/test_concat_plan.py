from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.concat.plan import (
    VideoCoding,
    VideoTrack,
    at_frame_rate,
    can_copy,
    frame_rate,
    is_frame_repeated,
    length_s,
)
from bot.media.concat.video import Canvas

CODING = VideoCoding(
    codec="h264",
    extradata=b"\x01\x64",
    width_px=128,
    height_px=72,
    pix_fmt="yuv420p",
    pixel_aspect=Fraction(1),
    colours=(1, 1, 1, 1),
)
#: A track of four frames, two of them B-frames, in the order in which x264 writes the packets.
TRACK = VideoTrack(
    coding=CODING,
    time_base=Fraction(1, 240),
    pts=(0, 30, 10, 20),
    dts=(-20, -10, 0, 10),
    last_ticks=10,
    starts_with_idr=True,
    has_hidden=False,
)


def moving(start: int, count: int, *, noise: float = 0, seed: int = 0) -> list[np.ndarray]:
    """Return frames with a blurred bright spot that moves two pixels a frame."""
    shake = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(80), np.arange(45))
    hills = [
        200 * np.exp(-((x - 10 - 2 * index) ** 2 + (y - 22) ** 2) / 60)
        for index in range(start, start + count)
    ]
    return [(hill + shake.normal(0, noise, hill.shape)).astype(np.float32) for hill in hills]


def test_two_tracks_coded_alike_are_copied():
    assert can_copy(TRACK, TRACK)
    # A track with a finer time base and a later start, but the same time between frames.
    finer = replace(
        TRACK, time_base=Fraction(1, 480), pts=(5, 65, 25, 45), dts=(-35, -15, 5, 25), last_ticks=20
    )
    assert can_copy(TRACK, finer)


@pytest.mark.parametrize(
    "change",
    [
        {"coding": replace(CODING, extradata=b"\x01\x4d")},
        {"coding": replace(CODING, width_px=130)},
        {"coding": replace(CODING, pix_fmt="yuv444p")},
        {"coding": replace(CODING, colours=(1, 1, 5, 1))},
        {"coding": replace(CODING, pixel_aspect=Fraction(4, 3))},
        {"time_base": Fraction(1, 250)},
        {"pts": (0, 31, 10, 20)},
        {"dts": (-10, 0, 10, 20)},
        {"starts_with_idr": False},
        {"has_hidden": True},
    ],
)
def test_a_track_that_differs_is_not_copied(change):
    assert not can_copy(TRACK, replace(TRACK, **change))
    assert not can_copy(replace(TRACK, **change), TRACK)


def test_what_is_no_h264_is_not_copied():
    other = replace(TRACK, coding=replace(CODING, codec="hevc"))
    assert not can_copy(other, other)


def test_the_rate_is_exact_for_even_frames_and_the_mean_for_others():
    assert frame_rate(TRACK) == 24
    assert frame_rate(replace(TRACK, time_base=Fraction(1001, 300_000))) == Fraction(30_000, 1001)
    uneven = replace(TRACK, pts=(0, 50, 10, 20), last_ticks=10)
    assert frame_rate(uneven) == 16
    assert length_s(uneven) == Fraction(1, 4)
    assert frame_rate(replace(TRACK, time_base=Fraction(1, 90_000))) == 120
    assert frame_rate(replace(TRACK, pts=(7,), dts=(7,), last_ticks=10)) == 24


@given(
    count=st.integers(1, 60),
    fps=st.sampled_from([Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(60)]),
    rate=st.sampled_from([Fraction(12), Fraction(24), Fraction(30_000, 1001), Fraction(30)]),
)
def test_pacing_keeps_order_and_length(count: int, fps: Fraction, rate: Fraction):
    found = list(at_frame_rate(((k / fps, k) for k in range(count)), rate, count / fps))
    assert found == sorted(found)
    assert abs(len(found) / rate - count / fps) <= max(1 / rate, 1 / fps) / 2 + 1 / (2 * rate)
    assert found
    if rate >= fps:
        assert set(found) == set(range(count))
    if rate == fps:
        assert found == list(range(count))


@pytest.mark.parametrize("off_s", [Fraction(1, 1000), Fraction(-1, 1000)])
def test_times_rounded_to_a_thousandth_lose_and_repeat_nothing(off_s: Fraction):
    frames = [(k / Fraction(24) + (k % 2) * off_s, k) for k in range(48)]
    assert list(at_frame_rate(frames, Fraction(24), Fraction(2))) == list(range(48))


def test_pacing_nothing_gives_nothing():
    assert list(at_frame_rate(iter([]), Fraction(24), Fraction(1))) == []


@pytest.mark.parametrize("noise", [0, 1, 3])
def test_a_repeated_frame_is_known_through_the_noise_of_a_codec(noise: float):
    before = moving(0, 3, noise=noise, seed=1)
    assert is_frame_repeated(before, moving(2, 3, noise=noise, seed=2))
    # The repetition is also found if the motion reverses after the repeated frame.
    assert is_frame_repeated(before, moving(0, 3, noise=noise, seed=2)[::-1])


def test_a_model_s_eye_may_see_everything_a_little_lighter():
    before, after = ([frame * np.float32(0.3) for frame in moving(at, 3)] for at in (0, 2))
    assert is_frame_repeated(before, [frame + np.float32(12) for frame in after])


def test_wild_motion_repeats_nothing_where_the_seam_is_seen_too():
    def wild(number: int) -> np.ndarray:
        return np.tile(np.asarray([number * 90, 0], np.float32), (45, 40))

    seam = wild(0) + np.tile(np.asarray([0, 40], np.float32), (45, 40))
    assert is_frame_repeated([wild(2), wild(1), wild(0)], [wild(0), wild(1), wild(2)])
    assert not is_frame_repeated([wild(2), wild(1), wild(0)], [seam, wild(2), wild(0)])


@pytest.mark.parametrize("noise", [0, 1, 3])
def test_motion_that_goes_on_repeats_nothing(noise: float):
    before = moving(0, 3, noise=noise, seed=1)
    assert not is_frame_repeated(before, moving(3, 3, noise=noise, seed=2))
    # A cut to somewhere else.
    assert not is_frame_repeated(before, moving(20, 3, noise=noise, seed=2))


@pytest.mark.parametrize("noise", [0, 1, 3])
def test_a_still_scene_repeats_nothing(noise: float):
    still = moving(2, 1) * 3
    shaken = [frame + moving(40, 1, noise=noise, seed=n)[0] for n, frame in enumerate(still * 2)]
    assert not is_frame_repeated(shaken[:3], shaken[3:])
    # A picture that stops moving at the seam, or starts to move after the seam, repeats nothing.
    assert not is_frame_repeated(moving(0, 3, noise=noise), shaken[:3])
    assert not is_frame_repeated(shaken[:3], moving(2, 3, noise=noise))


def test_a_scene_drawn_on_every_other_frame_repeats_nothing():
    before, after = moving(0, 2), moving(1, 2)
    assert not is_frame_repeated([before[0], before[0], before[1]], [after[0], after[1], after[1]])


def test_a_clip_of_one_frame_repeats_nothing():
    assert not is_frame_repeated(moving(2, 1), moving(2, 3))
    assert not is_frame_repeated(moving(0, 3), moving(2, 1))


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(16, 9), (1280, 720)),
        (Fraction(854, 480), (1280, 720)),
        (Fraction(9, 16), (404, 720)),
        (Fraction(1), (720, 720)),
        (Fraction(4), (1280, 320)),
        (Fraction(5000), (1280, 2)),
        (Fraction(1, 5000), (2, 720)),
    ],
)
def test_a_picture_is_as_large_as_fits(aspect: Fraction, size: tuple[int, int]):
    canvas = Canvas(width_px=1280, height_px=720, pixel_aspect=Fraction(1), matrix=1)
    assert canvas.fit(aspect) == size


def test_pixels_that_are_not_square_are_counted_in():
    # DV video stores a picture of 4:3 in 720 by 576 pixels.
    canvas = Canvas(width_px=720, height_px=576, pixel_aspect=Fraction(16, 15), matrix=5)
    assert canvas.fit(Fraction(4, 3)) == (720, 576)
    assert canvas.fit(Fraction(16, 9)) == (720, 432)


def test_steps_of_the_hill_are_what_the_tests_think():
    steps = {round(float(np.abs(a - b).max())) for a, b in pairwise(moving(0, 4))}
    assert len(steps) == 1
    assert steps.pop() > 20
