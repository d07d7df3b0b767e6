"""The child process that joins two clips, started by `bot.media.concat.process`.

It reads one line of JSON from stdin, such as {"first": "a.mp4", "second": "b.mp4", "part":
"ab.mp4.part"}, and writes its result to stdout. It exits when stdin closes, so that it doesn't
outlive a killed parent. After exit code 0 `part` is complete; after any other code it is deleted.
"""

import functools
import heapq
import json
import os
import sys
import threading
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
from bot.media.concat.plan import (
    COMPARED_PX,
    SEAM_FRAMES,
    GreyFrame,
    can_copy,
    is_frame_repeated,
    read_track,
)
from bot.media.concat.video import ConcatInput, copy_packets, encode_packets
from bot.media.frames import frame_to_image, quarter_turns

#: Exit codes for an unreadable task and an unreadable clip; `media.child_process` has others.
BAD_INPUT, BAD_CLIP = 2, 3
_SAMPLES_PER_FRAME = 1024
_BIT_RATES = {1: 96_000, 2: 160_000}


def concat_files(first: Path, second: Path, part: Path) -> dict[str, int | bool]:
    """Join two clips to an MP4 at `part` and return the fields of its `ConcatResult`.

    Raises BadClipError for a clip that cannot be read, OSError when writing fails.
    """
    one, track = ConcatInput(path=first, track=read_track(first)), read_track(second)
    before, after = last_frames(first, SEAM_FRAMES), first_frames(second, SEAM_FRAMES)
    upright = not any(quarter_turns(frame) for frame in (*before, *after))
    shared = is_frame_repeated([*map(_small, before)], [*map(_small, after)])
    other = ConcatInput(path=second, track=track, skip_frames=int(shared))
    as_is = upright and not shared and can_copy(one.track, track)
    # faststart reopens the file by its name, so the file cannot be written to memory.
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        video = (copy_packets if as_is else encode_packets)(out, one, other)
        sound = concat_audio(
            *(
                AudioSegment(path=clip.path, start_s=clip.start_s, length_s=count / video.rate)
                for clip, count in zip((one, other), video.frames, strict=True)
            )
        )
        heard = [] if sound is None else _audio_packets(out, *sound)
        for packet in heapq.merge(video.packets, heard, key=_decode_time):
            out.mux(packet)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    duration_ms = round(sum(video.frames) / video.rate * 1000)
    return {"copied": as_is, "dropped": shared, "duration_ms": duration_ms}


def _small(frame: av.VideoFrame) -> GreyFrame:
    # The pixels are floats, because rounding to integers would lose the motion of a slow scene.
    shown = frame_to_image(frame).convert("L").convert("F")
    return np.asarray(shown.resize(COMPARED_PX, Image.Resampling.BOX))


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


def main() -> int:
    """Read one task from stdin, carry the task out and exit with its code."""
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
    # The interpreter's own shutdown would wait for the thread that reads stdin.
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
