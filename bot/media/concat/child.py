"""The concat child process: reads a task as a line of JSON on stdin, writes its result to stdout.

    {"first": "a.mp4", "second": "b.mp4", "part": "ab.mp4.part"}

`bot.media.concat.process` starts it. It exits when stdin closes, so that it doesn't outlive a
killed parent. Exit code 0 means that `part` is complete; after any other code `part` is deleted.
"""

from __future__ import annotations

import functools
import heapq
import json
import os
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from PIL import Image

from bot.errors import BadClipError
from bot.media.child_process import BAD_DISK, exit_with_stdin, limit_resources
from bot.media.clip_reader import first_frames, last_frames
from bot.media.concat.audio import AudioFormat, AudioSegment, Samples, concat_audio
from bot.media.concat.plan import COMPARED_PX, SEAM_FRAMES, GreyFrame, can_copy, is_frame_repeated
from bot.media.concat.track import read_track
from bot.media.concat.video import (
    ConcatInput,
    VideoPackets,
    copy_packets,
    encode_packets,
    skipped_s,
)
from bot.media.video_frame import frame_to_image, quarter_turns

#: Exit codes: unreadable task, unreadable clip; see also `media.child_process`.
BAD_INPUT, BAD_CLIP = 2, 3
_SAMPLES_PER_FRAME = 1024
_BIT_RATES = {1: 96_000, 2: 160_000}


def concat_files(first: Path, second: Path, part: Path) -> dict[str, int | bool]:
    """Write the joined MP4 to `part` and return the fields of `bot.media.concat.process.ConcatResult`.

    Raises BadClipError for a clip that cannot be read, OSError when writing fails.
    """
    one, other = ConcatInput(path=first, track=read_track(first)), read_track(second)
    before, after = last_frames(first, SEAM_FRAMES), first_frames(second, SEAM_FRAMES)
    upright = not any(quarter_turns(frame) for frame in (*before, *after))
    shared = is_frame_repeated(
        [_small(frame) for frame in before], [_small(frame) for frame in after]
    )
    then = ConcatInput(path=second, track=other, skip_frames=int(shared))
    as_is = upright and not shared and can_copy(one.track, other)
    # faststart reopens the file by its name, so this cannot go to memory.
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        film = copy_packets(out, one, then) if as_is else encode_packets(out, one, then)
        packets = [*_interleaved(out, film, one, then)]
        _mux(out, packets)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return {
        "copied": as_is,
        "dropped": shared,
        "duration_ms": round(sum(film.frames) / film.rate * 1000),
    }


def _small(frame: av.VideoFrame) -> GreyFrame:
    # Floats, because rounding to integers would lose the motion of a slow scene.
    shown = frame_to_image(frame).convert("L").convert("F")
    return np.asarray(shown.resize(COMPARED_PX, Image.Resampling.BOX))


def _interleaved(
    out: OutputContainer, video: VideoPackets, one: ConcatInput, then: ConcatInput
) -> Iterator[Packet]:
    """Yield the packets of picture and sound in the order of their times."""
    first, second = (Fraction(count) / video.rate for count in video.frames)
    start_s = then.track.start_s + skipped_s(then)
    sound = concat_audio(
        AudioSegment(path=one.path, start_s=one.track.start_s, length_s=first),
        AudioSegment(path=then.path, start_s=start_s, length_s=second),
    )
    heard = [] if sound is None else _audio_packets(out, *sound)
    yield from heapq.merge(video.packets, heard, key=_decode_time)


def _audio_packets(out: OutputContainer, told: AudioFormat, samples: Samples) -> list[Packet]:
    stream = out.add_stream("aac", rate=told.rate_hz, layout=told.layout)  # pyright: ignore[reportUnknownMemberType] - PyAV leaves **kwargs open
    stream.bit_rate = _BIT_RATES[told.channels]
    packets: list[Packet] = []
    for at in range(0, samples.shape[1], _SAMPLES_PER_FRAME):
        piece = np.ascontiguousarray(samples[:, at : at + _SAMPLES_PER_FRAME])
        frame = AudioFrame.from_ndarray(piece, format="fltp", layout=told.layout)
        frame.sample_rate, frame.pts = told.rate_hz, at
        frame.time_base = Fraction(1, told.rate_hz)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _decode_time(packet: Packet) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _mux(out: OutputContainer, packets: list[Packet]) -> None:
    """Write everything, with the index in front. Raises OSError when writing fails."""
    for packet in packets:
        out.mux(packet)
    out.close()


def main() -> int:
    """Read one task from stdin, carry it out and exit with its code."""
    try:
        task = json.loads(sys.stdin.readline())
        first, second, part = (Path(str(task[name])) for name in ("first", "second", "part"))
    except (ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"bad task: {error!r}\n")
        return BAD_INPUT
    limit_resources()
    tidy = functools.partial(part.unlink, missing_ok=True)
    threading.Thread(target=exit_with_stdin, args=(tidy,), daemon=True).start()
    code, told = 0, ""
    try:
        told = json.dumps(concat_files(first, second, part))
    except OSError as error:
        code, told = BAD_DISK, f"cannot write: {error}"
    except (BadClipError, FFmpegError, ValueError, MemoryError) as error:
        code, told = BAD_CLIP, f"{error}"
    if code:
        part.unlink(missing_ok=True)
    (sys.stderr if code else sys.stdout).write(told + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # Skip the interpreter's shutdown, which would wait for the thread that reads stdin.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
