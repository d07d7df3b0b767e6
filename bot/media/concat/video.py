"""Joins the video tracks of two clips into packets of one stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer
from av.packet import Packet
from av.video import VideoStream
from av.video.frame import VideoFrame

from bot.errors import BadClipError
from bot.media.clip_reader import open_clip
from bot.media.concat.canvas import Canvas
from bot.media.concat.plan import at_frame_rate, frame_rate, length_s, shifted_timestamps
from bot.media.concat.track import VideoTrack

#: x264's quality: hardly distinguishable from the source, and about the same size.
_CRF = "18"
_THREADS = 2
#: H.273 value for "not said", and libavutil's limited range.
_UNSPECIFIED, _LIMITED_RANGE = 2, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatInput:
    """One of the two clips, and how much of it is used."""

    path: Path
    track: VideoTrack
    #: Frames to leave out at the beginning.
    skip_frames: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPackets:
    """The video of the result."""

    packets: list[Packet]
    rate: Fraction
    #: Frames of the first and of the second part.
    frames: tuple[int, int]


def copy_packets(out: OutputContainer, first: ConcatInput, second: ConcatInput) -> VideoPackets:
    """Add a stream to `out` and return the packets of both clips for it, unchanged.

    Needs tracks for which `can_copy` is true; skips no frame.
    """
    step = first.track.step_ticks or 1
    packets: list[Packet] = []
    with open_clip(first.path) as (container, source):
        stream = out.add_stream_from_template(source)  # pyright: ignore[reportUnknownMemberType] - PyAV leaves **kwargs open
        stream.time_base = first.track.time_base
        packets += _packets(container.demux(source), first.track, 0)
    with open_clip(second.path) as (container, source):
        packets += _packets(container.demux(source), second.track, len(packets))
    for packet in packets:
        packet.stream = stream
        packet.time_base = first.track.time_base
        packet.pts, packet.dts = (packet.pts or 0) * step, (packet.dts or 0) * step
        packet.duration = step
    counts = (len(first.track.pts), len(second.track.pts))
    return VideoPackets(packets=packets, rate=frame_rate(first.track), frames=counts)


def encode_packets(out: OutputContainer, first: ConcatInput, second: ConcatInput) -> VideoPackets:
    """Add an H.264 stream to `out` and return both clips encoded for it.

    Size, rate and colours are the first's.
    """
    rate = frame_rate(first.track)
    with open_clip(first.path) as (container, source):
        upright = next(iter(container.decode(source)), None)
    if upright is None:
        raise BadClipError(f"{first.path.name} has no frame that decodes")
    canvas = Canvas.of(upright, first.track.coding.pixel_aspect)
    stream = _stream(out, canvas, first.track, rate)
    packets: list[Packet] = []
    counts: list[int] = []
    for clip in (first, second):
        start = sum(counts)
        last, painted = None, None
        count = 0
        for frame in at_frame_rate(_decode_timed(clip), rate, _end_s(clip)):
            if painted is None or frame is not last:
                last, painted = frame, canvas.draw(frame, clip.track.coding.pixel_aspect)
            painted.pts, painted.time_base = start + count, 1 / rate
            packets += stream.encode(painted)
            count += 1
        if not count:
            raise BadClipError(f"{clip.path.name} has no frame that decodes")
        counts.append(count)
    packets += stream.encode(None)
    for packet in packets:
        packet.duration = 1
    return VideoPackets(packets=packets, rate=rate, frames=(counts[0], counts[1]))


def skipped_s(clip: ConcatInput) -> Fraction:
    """Return how much of a clip's beginning is left out."""
    shown = sorted(clip.track.pts)
    return (shown[clip.skip_frames] - shown[0]) * clip.track.time_base


def _end_s(clip: ConcatInput) -> Fraction:
    return length_s(clip.track) - skipped_s(clip)


def _decode_timed(clip: ConcatInput) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Decode a clip; each frame comes with its time after the first that is not skipped."""
    start_s = clip.track.start_s + skipped_s(clip)
    with open_clip(clip.path) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if frame.pts is None or frame.time_base is None:
                raise BadClipError(f"{clip.path.name} has a frame without a time")
            if number >= clip.skip_frames:
                yield frame.pts * frame.time_base - start_s, frame


def _packets(found: Iterator[Packet], track: VideoTrack, before: int) -> list[Packet]:
    """Return the packets of a track with their times counted in frames."""
    packets = [packet for packet in found if packet.size]
    for packet, (pts, dts) in zip(packets, shifted_timestamps(track, before), strict=True):
        packet.pts, packet.dts = pts, dts
    return packets


def _stream(out: OutputContainer, canvas: Canvas, track: VideoTrack, rate: Fraction) -> VideoStream:
    options = {"crf": _CRF, "preset": "veryfast"}
    stream = out.add_stream("libx264", rate=rate, options=options)  # pyright: ignore[reportUnknownMemberType] - as above
    stream.width, stream.height = canvas.width_px, canvas.height_px
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.sample_aspect_ratio = canvas.pixel_aspect
    context.thread_count = _THREADS
    context.gop_size = max(1, round(2 * rate))
    primaries, transfer, matrix, _ = track.coding.colours
    context.color_primaries, context.color_trc, context.colorspace = primaries, transfer, matrix
    context.color_range = _LIMITED_RANGE
    return stream
