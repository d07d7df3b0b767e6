"""Reads the video tracks of two clips from their packets and decides how the clips are joined."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from av.packet import Packet
from av.video import VideoStream
from numpy.typing import NDArray

from bot.errors import BadClipError
from bot.media.clip_reader import open_clip

#: A picture in shades of grey, 0 to 255.
GreyFrame = NDArray[np.float32]
_Frame = TypeVar("_Frame")

#: NAL unit type of an H.264 frame that is decoded without earlier frames.
_IDR = 5
#: The lowest and the highest frame rate; a rate outside them comes from wrong timestamps.
_MIN_FPS, _MAX_FPS = Fraction(1), Fraction(120)
#: How many frames are compared on each side of the seam between two clips.
SEAM_FRAMES = 3
#: Size at which frames are compared: small enough to hide coding noise, not motion of a few pixels.
COMPARED_PX = (80, 45)
#: A codec or a model changes a repeated frame slightly, by at most this much of 255.
_SAME_MAX = 16.0
#: The picture moves if all frames of a clip differ by at least `_MOTION_RATIO` × the difference at
#: the seam + `_MOTION_MIN`.
_MOTION_RATIO = 1.5
_MOTION_MIN = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCoding:
    """How a video track is coded; packets of two clips with equal codings make one stream."""

    codec: str
    #: Parameter sets out of the file's header.
    extradata: bytes
    width_px: int
    height_px: int
    pix_fmt: str
    #: Width of a pixel divided by its height.
    pixel_aspect: Fraction
    #: Primaries, transfer and matrix as numbers of H.273, and the range as libavutil's number.
    colours: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """The video track of one clip."""

    coding: VideoCoding
    #: Length of a tick in seconds.
    time_base: Fraction
    #: Presentation time of each visible packet in ticks, in the order of the file.
    pts: tuple[int, ...]
    #: Decode time of each visible packet in ticks, in the order of the file.
    dts: tuple[int, ...]
    #: How long the last frame is shown, in ticks.
    last_ticks: int
    #: Whether the first packet decodes by itself and is also the first that is shown.
    starts_with_idr: bool
    #: Whether an edit list hides some packets of the file.
    has_hidden: bool

    @property
    def step_ticks(self) -> int | None:
        """Ticks from each frame to the next; None when the distances differ."""
        steps = {later - sooner for sooner, later in pairwise(sorted(self.pts))}
        steps = steps or {self.last_ticks}
        step = steps.pop()
        return step if not steps and step > 0 else None


def read_track(path: Path) -> VideoTrack:
    """Read the times of a clip's video packets without decoding. Blocking. Raises BadClipError."""
    with open_clip(path) as (container, stream):
        found = [packet for packet in container.demux(stream) if packet.size]
        if len(found) < stream.frames:
            raise BadClipError(f"{path.name} has {len(found)} of {stream.frames} frames")
        packets = [packet for packet in found if not packet.is_discard]
        pts = tuple(packet.pts for packet in packets if packet.pts is not None)
        dts = tuple(packet.dts for packet in packets if packet.dts is not None)
        if not pts or len(pts) < len(packets) or len(dts) < len(packets):
            raise BadClipError(f"{path.name} has frames without a time")
        last = max(packets, key=lambda packet: packet.pts or 0)
        return VideoTrack(
            coding=_coding(stream),
            time_base=stream.time_base or Fraction(1, 90_000),
            pts=pts,
            dts=dts,
            last_ticks=_last_ticks(last.duration or 0, pts),
            starts_with_idr=_is_idr(packets[0], stream) and pts[0] == min(pts),
            has_hidden=len(packets) < len(found),
        )


def _last_ticks(told: int, pts: tuple[int, ...]) -> int:
    """Return the last frame's length: `told`, or the others' mean if `told` is under half of it."""
    mean = (max(pts) - min(pts)) // max(1, len(pts) - 1)
    return told if 2 * told >= mean and told else max(1, mean)


def _coding(stream: VideoStream) -> VideoCoding:
    context = stream.codec_context
    primaries, transfer = int(context.color_primaries), int(context.color_trc)
    return VideoCoding(
        codec=context.codec.canonical_name,
        extradata=bytes(context.extradata or b""),
        width_px=context.width,
        height_px=context.height,
        pix_fmt=context.pix_fmt or "",
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        colours=(primaries, transfer, int(context.colorspace), int(context.color_range)),
    )


def _is_idr(packet: Packet, stream: VideoStream) -> bool:
    header = bytes(stream.codec_context.extradata or b"")
    # The length before each NAL unit has 4 bytes; 1 or 2, which avcC also allows (ISO 14496-15), do
    # not occur.
    if len(header) < 5 or header[4] & 3 != 3:
        return False
    data, at = bytes(packet), 0
    while at + 4 < len(data):
        if data[at + 4] & 0x1F == _IDR:
            return True
        at += 4 + int.from_bytes(data[at : at + 4])
    return False


def can_copy(first: VideoTrack, second: VideoTrack) -> bool:
    """Whether the second clip's packets can follow the first clip's unchanged.

    Both must be H.264 with a constant frame rate: other codecs are encoded to H.264 anyway, because
    H.264 plays everywhere.
    """
    coding = first.coding
    if second.coding != coding or coding.codec != "h264" or not coding.extradata:
        return False
    both = (first, second)
    if any(each.has_hidden or not each.starts_with_idr for each in both):
        return False
    steps_s = {(each.step_ticks or 0) * each.time_base for each in both}
    if len(steps_s) > 1 or 0 in steps_s:
        return False
    times = [*shifted_timestamps(first, 0), *shifted_timestamps(second, len(first.pts))]
    # If the delay between decoding and showing differs, the seam would lengthen the track.
    return all(later - sooner == 1 for (_, sooner), (_, later) in pairwise(times))


def shifted_timestamps(track: VideoTrack, frames: int) -> list[tuple[int, int]]:
    """Return (pts, dts) of each packet, counted in frames, after `frames` frames of another track.

    The track's frames must have equal distances; a dts between two frames is rounded down.
    """
    step, start = track.step_ticks or 1, min(track.pts)
    return [
        (frames + (pts - start) // step, frames + (dts - start) // step)
        for pts, dts in zip(track.pts, track.dts, strict=True)
    ]


def frame_rate(track: VideoTrack) -> Fraction:
    """Return a track's frames per second, 1 to 120; the mean if the frames' distances differ."""
    step, seconds = track.step_ticks, length_s(track)
    if step is not None:
        rate = 1 / (step * track.time_base)
    else:
        rate = len(track.pts) / seconds if seconds > 0 else _MIN_FPS
    return min(max(rate, _MIN_FPS), _MAX_FPS).limit_denominator(1001)


def length_s(track: VideoTrack) -> Fraction:
    """Return how many seconds the picture of a track lasts, the last frame included."""
    return (max(track.pts) - min(track.pts) + track.last_ticks) * track.time_base


def at_frame_rate(
    frames: Iterable[tuple[Fraction, _Frame]], rate: Fraction, end_s: Fraction
) -> Iterator[_Frame]:
    """Yield one frame per tick of `rate`: the frame that is shown in the middle of the tick.

    frames  pairs of a start in seconds and a frame; the first start is 0, and the starts rise.
    end_s   when the last frame ends, in seconds.
    A clip that already has this rate passes unchanged; a clip with any frame yields at least one.
    """
    shown = 0
    held: _Frame | None = None
    for time_s, frame in chain(frames, [(end_s, None)]):
        while held is not None and (shown + Fraction(1, 2)) / rate < time_s:
            shown += 1
            yield held
        held = held if frame is None else frame
    if held is not None and not shown:
        yield held


def is_frame_repeated(before: Sequence[GreyFrame], after: Sequence[GreyFrame]) -> bool:
    """Whether the second clip begins with the first clip's last frame once more.

    before  the last `SEAM_FRAMES` frames of the first clip at `COMPARED_PX`, fewer of a short clip.
    after   the first `SEAM_FRAMES` frames of the second clip at `COMPARED_PX`, likewise.
    True only if the picture moves in both clips and stands still between them. In a still scene a
    repeated frame is not visible, and so counts as not repeated. False for a clip of one frame.
    """
    if len(before) < 2 or len(after) < 2:
        return False
    between = _difference(before[-1], after[0])
    steps = (*pairwise(before), *pairwise(after))
    motion = min(_difference(one, other) for one, other in steps)
    return between <= _SAME_MAX and motion >= _MOTION_RATIO * between + _MOTION_MIN


def _difference(one: GreyFrame, other: GreyFrame) -> float:
    """Return the mean of the strongest twentieth of the pixels' differences, 0 to 255.

    A mean over all pixels would miss a small object that moves before a still background. A change
    of all pixels by the same amount is ignored, because models shift the brightness.
    """
    differences = other - one
    differences = np.abs(differences - differences.mean()).ravel()
    strongest = max(1, differences.size // 20)
    return float(np.partition(differences, -strongest)[-strongest:].mean())
