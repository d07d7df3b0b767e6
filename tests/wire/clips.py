"""Makes real video clips of any size for tests."""

from __future__ import annotations

import functools
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_FPS = 8
_RATE_HZ = 24_000


def make_clip(
    path: Path,
    *,
    seconds: int = 1,
    size: tuple[int, int] = (320, 180),
    pad_to_bytes: int | None = None,
) -> Path:
    """Write an H.264/AAC MP4 that players can start before all of it has arrived; return `path`.

    pad_to_bytes  grow the file to exactly this size with a `free` box, which players skip.
    """
    path.write_bytes(_encoded(seconds, size))
    if pad_to_bytes is not None:
        _pad(path, pad_to_bytes)
    return path


@functools.cache
def _encoded(seconds: int, size: tuple[int, int]) -> bytes:
    """Return a clip's bytes, encoded once in each process for each length and size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        _encode(path, seconds, size)
        return path.read_bytes()


def _encode(path: Path, seconds: int, size: tuple[int, int]) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        video = out.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=_RATE_HZ, layout="mono")
        for number in range(seconds * _FPS):
            picture = np.full((size[1], size[0], 3), (number * 29) % 256, dtype=np.uint8)
            picture[:, : size[0] * (number + 1) // (seconds * _FPS)] = (200, 60, 120)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode())
        for start in range(0, seconds * _RATE_HZ, 1024):
            wave = np.sin(np.arange(start, start + 1024) * (440 * 2 * np.pi / _RATE_HZ))
            tone = av.AudioFrame.from_ndarray(
                (wave * 0.2).astype(np.float32)[None, :], format="fltp", layout="mono"
            )
            tone.sample_rate, tone.pts = _RATE_HZ, start
            tone.time_base = Fraction(1, _RATE_HZ)
            out.mux(audio.encode(tone))
        out.mux(audio.encode())


def count_frames(path: Path) -> int:
    """Return the number of video frames in an MP4 file; other formats raise an error."""
    with av.open(str(path), format="mp4") as clip:
        return sum(1 for _ in clip.decode(video=0))


def _pad(path: Path, wanted_bytes: int) -> None:
    lacking = wanted_bytes - path.stat().st_size
    if lacking == 0:
        return
    if not 8 <= lacking < 2**32:
        raise ValueError(f"cannot pad {path.stat().st_size} to {wanted_bytes} bytes")
    with path.open("ab") as file:
        file.write(lacking.to_bytes(4) + b"free")
        file.truncate(wanted_bytes)
