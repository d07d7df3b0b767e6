"""Encodes frames and sound as an MP4 file that common players can play."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video import VideoStream
from av.video.frame import PictureType
from PIL import Image

from renderer.stage.pixels import Floats
from renderer.stage.stage import FPS

#: Audio samples per second.
RATE = 48_000
#: Code numbers of ITU-T H.273: 1 for BT.709 colours (primaries, transfer and matrix), and 1 for
#: limited range.
_BT709 = 1
_LIMITED_RANGE = 1
_CHUNK = RATE // FPS


def encode(
    frames: Iterator[Image.Image], sound: Floats, target: Path, size: tuple[int, int]
) -> None:
    """Write RGB frames and sound to `target` as an H.264/AAC MP4 that players can stream.

    sound  (samples, 2) of -1 to 1 at 48 kHz; each frame takes RATE / FPS samples.
    The same frames and sound give the same bytes. `target` appears only when it is complete.
    """
    # The option "faststart" reopens the output by its name, so the output must be a file on disk.
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    options = {"movflags": "+faststart"}
    try:
        with av.open(str(part), "w", format="mp4", options=options) as container:
            video = _video(container, size)
            audio = container.add_stream("aac", rate=RATE, layout="stereo")  # pyright: ignore[reportUnknownMemberType] - PyAV's **kwargs have no type
            audio.bit_rate = 128_000
            for index, image in enumerate(frames):
                container.mux(video.encode(_video_frame(image, index)))
                chunk = sound[index * _CHUNK : (index + 1) * _CHUNK]
                container.mux(audio.encode(_audio_frame(chunk, index)))
            container.mux(video.encode(None))
            container.mux(audio.encode(None))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _video(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    # With the option mbtree, x264 encodes the same frames to different bytes from run to run, even
    # on one thread (measured 2026-11-20, x264 build 165, 320x192: five results in 25 runs; without
    # mbtree, one).
    options = {"crf": "23", "preset": "veryfast", "x264-params": "mbtree=0"}
    stream = container.add_stream("libx264", rate=FPS, options=options)  # pyright: ignore[reportUnknownMemberType] - as above
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    # With two threads, x264 encodes the same frames to one of two results at random, so one thread
    # is used (measured 2026-11-20, x264 build 165).
    context.thread_count = 1
    context.gop_size = 2 * FPS
    # Without colour tags, video players guess the colour matrix from the height of the frame.
    context.color_primaries = _BT709
    context.color_trc = _BT709
    context.colorspace = _BT709
    context.color_range = _LIMITED_RANGE
    return stream


def _video_frame(image: Image.Image, index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24").reformat(
        format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
    )
    frame.pts = index
    # The time base is set on each frame, because the muxer changes the stream's time base when it
    # writes the file header.
    frame.time_base = Fraction(1, FPS)
    frame.pict_type = PictureType.NONE
    return frame


def _audio_frame(chunk: Floats, index: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(chunk.T, dtype=np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate = RATE
    frame.pts = index * _CHUNK
    frame.time_base = Fraction(1, RATE)
    return frame
