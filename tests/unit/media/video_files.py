"""Makes small MP4s whose frames show their number, readable after lossy coding."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video import VideoStream
from av.video.frame import PictureType
from numpy.typing import NDArray

RATE_HZ = 48_000
_BITS = 8


def numbered_picture(number: int, size: tuple[int, int] = (128, 72)) -> NDArray[np.uint8]:
    """Draw a number from 0 to 255 on grey, each 1 bit as a light bar, each 0 bit as a dark bar."""
    width_px, height_px = size
    picture = np.full((height_px, width_px, 3), 120, dtype=np.uint8)
    bar_px = width_px // _BITS
    for bit in range(_BITS):
        lit = number >> bit & 1
        picture[height_px // 4 : -height_px // 4, bit * bar_px + 2 : (bit + 1) * bar_px - 2] = (
            (235, 225, 90) if lit else (60, 30, 70)
        )
    return picture


def number_of(picture: NDArray[np.uint8]) -> int:
    """Read the number in a picture of `numbered_picture`; -1 for any other picture."""
    height_px, width_px, _ = picture.shape
    middle = picture[height_px * 3 // 8 : height_px * 5 // 8].mean(axis=(0, 2))
    bars = middle[: width_px // _BITS * _BITS].reshape(_BITS, -1)
    inner = bars[:, bars.shape[1] // 4 : -bars.shape[1] // 4].mean(axis=1)
    if np.any((inner < 30) | (np.abs(inner - 120) < 35)):
        return -1
    return sum(1 << bit for bit, light in enumerate(inner) if light > 120)


def tone(seconds: float, *, hz: float = 440, rate_hz: int = RATE_HZ, at_s: float = 0, channels=2):
    """Return a sine of amplitude 0.4 as (channels, samples); its phase begins at `at_s` seconds."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz + at_s
    return np.tile((0.4 * np.sin(2 * np.pi * hz * t)).astype(np.float32), (channels, 1))


def numbered_pictures(
    numbers: Iterable[int], size: tuple[int, int] = (128, 72)
) -> list[NDArray[np.uint8]]:
    return [numbered_picture(number, size) for number in numbers]


def write_video(
    path: Path,
    pictures: list[NDArray[np.uint8]],
    *,
    rate: Fraction | int = 24,
    sound: NDArray[np.float32] | None = None,
    rate_hz: int = RATE_HZ,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    ticks: list[int] | None = None,
    tagged: bool = True,
) -> Path:
    """Write RGB pictures and sound to an MP4, with B-frames if the codec supports them.

    ticks  when each frame begins, in milliseconds; None: frames follow each other by `rate`.
    """
    options = options or {"preset": "veryfast", "crf": "20", "bf": "2"}
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        video = out.add_stream(codec, rate=rate, options=options)
        assert isinstance(video, VideoStream)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pix_fmt
        context = video.codec_context
        context.thread_count = 1
        if ticks is not None:
            context.time_base = Fraction(1, 1000)
        if tagged:
            context.color_primaries = context.color_trc = context.colorspace = 1
            context.color_range = 1
        audio = None
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            audio = out.add_stream("aac", rate=rate_hz, layout=layout)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = index, 1 / Fraction(rate)
            if ticks is not None:
                frame.pts, frame.time_base = ticks[index], Fraction(1, 1000)
            frame.pict_type = PictureType.NONE
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            _hear(out, audio, sound, rate_hz)
    return path


def _hear(out, audio, sound, rate_hz):
    for at in range(0, sound.shape[1], 1024):
        piece = np.ascontiguousarray(sound[:, at : at + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=audio.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


def seen(path: Path) -> list[NDArray[np.uint8]]:
    """Decode all frames of an MP4 as RGB arrays, in the order in which they are shown."""
    with av.open(str(path), format="mp4") as clip:
        return [
            frame.reformat(format="rgb24", src_colorspace="ITU709", dst_colorspace="DEFAULT")
            .to_ndarray()
            .astype(np.uint8)
            for frame in clip.decode(video=0)
        ]


def numbers(path: Path) -> list[int]:
    return [number_of(picture) for picture in seen(path)]


def times_s(path: Path) -> list[Fraction]:
    with av.open(str(path), format="mp4") as clip:
        return [
            (frame.pts or 0) * (frame.time_base or Fraction(1)) for frame in clip.decode(video=0)
        ]


def heard(path: Path) -> NDArray[np.float32]:
    """Decode the sound, (channels, samples)."""
    with av.open(str(path), format="mp4") as clip:
        return np.concatenate(
            [frame.to_ndarray() for frame in clip.decode(audio=0)], axis=1
        ).astype(np.float32)
