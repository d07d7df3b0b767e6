"""Joins the video tracks of two clips into packets of one stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video import VideoStream
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from bot.errors import BadClipError
from bot.media.clip_reader import first_frames, open_clip
from bot.media.concat.plan import (
    VideoTrack,
    at_frame_rate,
    frame_rate,
    shifted_timestamps,
)
from bot.media.frames import color_matrix, is_full_range, quarter_turns

_Plane = NDArray[np.uint8]
#: Black in limited range: luma, then both colour differences.
_BLACK = (16, 128, 128)
#: The quality of x264 at which a copy looks like its source and is about as large.
_CRF = "18"
_THREADS = 2
#: Limited range in libavutil.
_LIMITED_RANGE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatInput:
    """One of two clips that are joined; its first `skip_frames` frames are left out."""

    path: Path
    track: VideoTrack
    skip_frames: int = 0

    @property
    def start_s(self) -> Fraction:
        """When the first used frame is shown, on the clock that picture and sound share."""
        return sorted(self.track.pts)[self.skip_frames] * self.track.time_base


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPackets:
    """The video of the joined clip."""

    packets: list[Packet]
    rate: Fraction
    #: Number of frames from the first clip and from the second.
    frames: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The format of a joined clip's frames: upright, yuv420p in limited range, of even size."""

    width_px: int
    height_px: int
    #: Width of a pixel divided by its height.
    pixel_aspect: Fraction
    #: H.273 matrix coefficients.
    matrix: int

    @classmethod
    def of(cls, frame: VideoFrame, pixel_aspect: Fraction) -> Self:
        """Return the canvas that `frame` fills completely."""
        width_px, height_px = frame.width, frame.height
        if quarter_turns(frame) % 2:
            width_px, height_px, pixel_aspect = height_px, width_px, 1 / pixel_aspect
        return cls(
            width_px=max(2, width_px // 2 * 2),
            height_px=max(2, height_px // 2 * 2),
            pixel_aspect=pixel_aspect,
            matrix=color_matrix(frame),
        )

    def draw(self, frame: VideoFrame, pixel_aspect: Fraction) -> VideoFrame:
        """Return `frame` upright in the middle of the canvas, as large as possible, on black.

        A frame whose fitted size differs from the canvas by up to two pixels fills the canvas.
        """
        turns = quarter_turns(frame)
        aspect = pixel_aspect * frame.width / frame.height
        size_px = self.fit(1 / aspect if turns % 2 else aspect)
        scaled = self._scaled(frame, *(size_px[::-1] if turns % 2 else size_px))
        if turns or size_px != (self.width_px, self.height_px):
            scaled = self._placed(scaled, turns)
        # With the source's type the encoder would place keyframes where the source has some.
        scaled.pict_type = PictureType.NONE
        return scaled

    def fit(self, aspect: Fraction) -> tuple[int, int]:
        """Return the even size in pixels, on this canvas, of a picture with a displayed aspect."""
        own = self.pixel_aspect * self.width_px / self.height_px
        width_px, height_px = self.width_px, self.height_px
        if aspect > own:
            height_px = max(2, round(height_px * own / aspect / 2) * 2)
        else:
            width_px = max(2, round(width_px * aspect / own / 2) * 2)
        if self.width_px - width_px <= 2 and self.height_px - height_px <= 2:
            return self.width_px, self.height_px
        return width_px, height_px

    def _scaled(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        return frame.reformat(
            width=width_px,
            height=height_px,
            format="yuv420p",
            src_colorspace=color_matrix(frame),
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC,
        )

    def _placed(self, frame: VideoFrame, turns: int) -> VideoFrame:
        whole = np.empty((self.height_px * 3 // 2, self.width_px), dtype=np.uint8)
        spots = _plane_views(whole, self.width_px, self.height_px)
        planes = _plane_views(frame.to_ndarray(), frame.width, frame.height)
        for spot, plane, black in zip(spots, planes, _BLACK, strict=True):
            turned = np.rot90(plane, turns)
            top = (spot.shape[0] - turned.shape[0]) // 2
            left = (spot.shape[1] - turned.shape[1]) // 2
            spot[:] = black
            spot[top : top + turned.shape[0], left : left + turned.shape[1]] = turned
        return VideoFrame.from_ndarray(whole, format="yuv420p")


def copy_packets(out: OutputContainer, first: ConcatInput, second: ConcatInput) -> VideoPackets:
    """Add a stream to `out` and return the packets of both clips with the times of that stream.

    `can_copy` must be true for the two tracks. No frame is skipped.
    """
    step = first.track.step_ticks or 1
    packets: list[Packet] = []
    with open_clip(first.path) as (_, source):
        stream = out.add_stream_from_template(source)  # pyright: ignore[reportUnknownMemberType] - PyAV leaves **kwargs open
    stream.time_base = first.track.time_base
    for clip in (first, second):
        with open_clip(clip.path) as (container, source):
            found = [packet for packet in container.demux(source) if packet.size]
        times = shifted_timestamps(clip.track, len(packets))
        for packet, (pts, dts) in zip(found, times, strict=True):
            packet.stream, packet.time_base = stream, first.track.time_base
            packet.pts, packet.dts, packet.duration = pts * step, dts * step, step
        packets += found
    counts = (len(first.track.pts), len(second.track.pts))
    return VideoPackets(packets=packets, rate=frame_rate(first.track), frames=counts)


def encode_packets(out: OutputContainer, first: ConcatInput, second: ConcatInput) -> VideoPackets:
    """Add an H.264 stream to `out` and return the packets of both clips, encoded for that stream.

    Size, frame rate and colours are those of the first clip.
    """
    rate = frame_rate(first.track)
    canvas = Canvas.of(first_frames(first.path, 1)[0], first.track.coding.pixel_aspect)
    stream = _stream(out, canvas, first.track, rate)
    packets: list[Packet] = []
    counts: list[int] = []
    for clip in (first, second):
        start = shown = sum(counts)
        track, last, painted = clip.track, None, None
        end_s = (max(track.pts) + track.last_ticks) * track.time_base - clip.start_s
        for frame in at_frame_rate(_decode_timed(clip), rate, end_s):
            if painted is None or frame is not last:
                last, painted = frame, canvas.draw(frame, track.coding.pixel_aspect)
            painted.pts, painted.time_base = shown, 1 / rate
            packets += stream.encode(painted)
            shown += 1
        if shown == start:
            raise BadClipError(f"{clip.path.name} has no frame that decodes")
        counts.append(shown - start)
    packets += stream.encode(None)
    for packet in packets:
        packet.duration = 1
    return VideoPackets(packets=packets, rate=rate, frames=(counts[0], counts[1]))


def _decode_timed(clip: ConcatInput) -> Iterator[tuple[Fraction, VideoFrame]]:
    """Decode the frames that are not skipped, each with its time after the first of them."""
    start_s = clip.start_s
    with open_clip(clip.path) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if frame.pts is None or frame.time_base is None:
                raise BadClipError(f"{clip.path.name} has a frame without a time")
            if number >= clip.skip_frames:
                yield frame.pts * frame.time_base - start_s, frame


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


def _plane_views(image: NDArray[np.generic], width_px: int, height_px: int) -> list[_Plane]:
    luma, chroma = width_px * height_px, width_px * height_px // 4
    flat = image.view(np.uint8).reshape(-1)[: luma + 2 * chroma]
    whole, half = (height_px, width_px), (height_px // 2, width_px // 2)
    planes = np.split(flat, (luma, luma + chroma))
    return [plane.reshape(size) for plane, size in zip(planes, (whole, half, half), strict=True)]
