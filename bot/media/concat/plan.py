"""Decides how two clips are joined; reads no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.media.concat.track import VideoTrack

#: A picture in shades of grey, 0 to 255.
GreyFrame = NDArray[np.float32]
_Frame = TypeVar("_Frame")

#: Frame rates are clamped to this range; others come from wrong timestamps.
_MIN_FPS, _MAX_FPS = 1, 120
#: Frames compared on each side of the seam.
SEAM_FRAMES = 3
#: Size at which they are compared: coding noise is gone, motion of a few pixels is not.
COMPARED_PX = (80, 45)
#: A codec or a model changes a repeated frame slightly: its strongest differences stay under this,
#: of 255.
_SAME_MAX = 16.0
#: Frames count as moving if they differ by `ratio` × the difference at the seam + `min`, or more.
_MOTION_RATIO = 1.5
_MOTION_MIN = 0.3


def can_copy(first: VideoTrack, second: VideoTrack) -> bool:
    """Whether the second clip's packets can follow the first's unchanged.

    Only for H.264 with a constant frame rate: other codecs are encoded to H.264 anyway, because it
    plays everywhere.
    """
    if first.coding != second.coding or first.coding.codec != "h264":
        return False
    if not first.coding.extradata or first.has_hidden or second.has_hidden:
        return False
    if not (first.starts_with_idr and second.starts_with_idr):
        return False
    if first.step_ticks is None or second.step_ticks is None:
        return False
    if first.step_ticks * first.time_base != second.step_ticks * second.time_base:
        return False
    times = [*shifted_timestamps(first, 0), *shifted_timestamps(second, len(first.pts))]
    decoded = [dts for _, dts in times]
    # If the delay between decoding and showing differs, the seam would lengthen the track.
    return all(later - sooner == 1 for sooner, later in pairwise(decoded))


def shifted_timestamps(track: VideoTrack, frames: int) -> list[tuple[int, int]]:
    """Return (pts, dts) of each packet, counted in frames, when `frames` come before.

    The track has one distance from frame to frame; a dts between two frames is rounded down.
    """
    step, start = track.step_ticks or 1, min(track.pts)
    return [
        (frames + (pts - start) // step, frames + (dts - start) // step)
        for pts, dts in zip(track.pts, track.dts, strict=True)
    ]


def frame_rate(track: VideoTrack) -> Fraction:
    """Return frames per second, the mean where the distances differ, from 1 to 120."""
    step = track.step_ticks
    if step is not None:
        rate = 1 / (step * track.time_base)
    else:
        seconds = length_s(track)
        rate = len(track.pts) / seconds if seconds > 0 else Fraction(_MIN_FPS)
    return min(max(rate, Fraction(_MIN_FPS)), Fraction(_MAX_FPS)).limit_denominator(1001)


def length_s(track: VideoTrack) -> Fraction:
    """Return how long the picture lasts, the last frame included."""
    return (max(track.pts) - min(track.pts) + track.last_ticks) * track.time_base


def at_frame_rate(
    frames: Iterable[tuple[Fraction, _Frame]], rate: Fraction, end_s: Fraction
) -> Iterator[_Frame]:
    """Yield one frame per tick of `rate`: the one that is shown in the middle of the tick.

    frames  with the second each begins at, 0 for the first, rising.
    end_s   when the last one ends.
    A clip that already has this rate passes unchanged; one with any frame yields at least one.
    """
    shown, held = 0, None

    def until(time_s: Fraction, frame: _Frame) -> Iterator[_Frame]:
        nonlocal shown
        while (shown + Fraction(1, 2)) / rate < time_s:
            shown += 1
            yield frame

    for time_s, frame in frames:
        if held is not None:
            yield from until(time_s, held[0])
        held = (frame,)
    if held is not None:
        yield from until(end_s, held[0])
        if not shown:
            yield held[0]


def is_frame_repeated(before: Sequence[GreyFrame], after: Sequence[GreyFrame]) -> bool:
    """Whether the second clip begins by showing the first's last frame once more.

    before  the first's last `SEAM_FRAMES` frames, `after` the second's first, at `COMPARED_PX`;
            fewer from a short clip.
    True only where the picture moves on both sides and stands still between: in ordinary motion
    the step from clip to clip is like its neighbours; in a still scene, or one drawn on every
    other frame, a repeated frame is not visible, so nothing is dropped. False for a one-frame clip.
    """
    if len(before) < 2 or len(after) < 2:
        return False
    between = difference(before[-1], after[0])
    steps = (*pairwise(before), *pairwise(after))
    motion = min(difference(one, other) for one, other in steps)
    return between <= _SAME_MAX and motion >= _MOTION_RATIO * between + _MOTION_MIN


def difference(one: GreyFrame, other: GreyFrame) -> float:
    """Return the mean of the strongest twentieth of differences, 0 to 255.

    A mean over all pixels would miss a small object that moves before a still background. A change
    of all pixels by the same amount is ignored, because models shift the brightness.
    """
    differences = other - one
    differences = np.abs(differences - differences.mean()).ravel()
    strongest = max(1, differences.size // 20)
    return float(np.partition(differences, -strongest)[-strongest:].mean())
