"""Reads the video track of a clip from its header and packets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from av.packet import Packet
from av.video import VideoStream

from bot.errors import BadClipError
from bot.media.clip_reader import open_clip

#: NAL unit type of an H.264 frame that is decoded without earlier ones.
_IDR = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCoding:
    """How a video track is coded; packets of two clips with equal codings make one stream."""

    codec: str
    #: Parameter sets as the file's header holds them.
    extradata: bytes
    width_px: int
    height_px: int
    pix_fmt: str
    #: Width of a pixel by its height.
    pixel_aspect: Fraction
    #: H.273 primaries, transfer, matrix, then libavutil's range.
    colours: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """The video track of one clip."""

    coding: VideoCoding
    #: Length of a tick in seconds.
    time_base: Fraction
    #: Presentation time of each packet that is shown, in ticks, in the order of the file.
    pts: tuple[int, ...]
    #: Decode time of each of them, in ticks.
    dts: tuple[int, ...]
    #: How long the last frame is shown.
    last_ticks: int
    #: Whether the first packet needs nothing before it and no later one is shown before it.
    starts_with_idr: bool
    #: Whether an edit list hides more packets.
    has_hidden: bool

    @property
    def start_s(self) -> Fraction:
        """When the first frame is shown, on the clock that the sound shares."""
        return min(self.pts) * self.time_base

    @property
    def step_ticks(self) -> int | None:
        """Ticks from each frame to the next; None when they are not all alike."""
        shown = sorted(self.pts)
        steps = {later - sooner for sooner, later in pairwise(shown)}
        steps = steps or {self.last_ticks}
        step = steps.pop()
        return step if not steps and step > 0 else None


def read_track(path: Path) -> VideoTrack:
    """Read every packet's times, decoding nothing; blocking. Raises BadClipError."""
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
    """Return the last frame's length: the mean of the others if the file's value is less than half that."""
    mean = (max(pts) - min(pts)) // max(1, len(pts) - 1)
    return told if 2 * told >= mean and told else max(1, mean)


def _coding(stream: VideoStream) -> VideoCoding:
    context = stream.codec_context
    colours = (
        context.color_primaries,
        context.color_trc,
        context.colorspace,
        context.color_range,
    )
    return VideoCoding(
        codec=context.codec.canonical_name,
        extradata=bytes(context.extradata or b""),
        width_px=context.width,
        height_px=context.height,
        pix_fmt=context.pix_fmt or "",
        pixel_aspect=Fraction(stream.sample_aspect_ratio or 1),
        colours=(int(colours[0]), int(colours[1]), int(colours[2]), int(colours[3])),
    )


def _is_idr(packet: Packet, stream: VideoStream) -> bool:
    """Whether an H.264 packet of an MP4 certainly holds an IDR frame."""
    header = bytes(stream.codec_context.extradata or b"")
    # ISO 14496-15, avcC: the length before each unit may also be 1 or 2 bytes, but never is.
    if len(header) < 5 or header[4] & 3 != 3:
        return False
    data, at = bytes(packet), 0
    while at + 4 < len(data):
        if data[at + 4] & 0x1F == _IDR:
            return True
        at += 4 + int.from_bytes(data[at : at + 4])
    return False
