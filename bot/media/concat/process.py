"""Two clips as one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.errors import BadClipError, StorageError
from bot.media.atomic_file import DISK_REFUSED_TEXT, partial_path
from bot.media.child_process import BAD_DISK, child_environment, reap

_TIME_LIMIT_S = 300.0
_STDERR_SHOWN_CHARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatResult:
    """What became of two clips."""

    #: Whether the picture was taken over as it was, without encoding it anew.
    copied: bool
    #: Whether the second's first frame repeated the first's last one and was left out.
    dropped: bool
    #: How long the result lasts.
    duration_ms: int


async def concat_clips(
    first: Path, second: Path, target: Path, *, time_limit_s: float = _TIME_LIMIT_S
) -> ConcatResult:
    """Write one MP4 to `target` that shows `first` and then `second`.

    Size, frame rate, colours and the rate of the sound are the first's. The picture is copied
    where the two streams are coded alike, else encoded anew; the sound is one AAC stream as long
    as the picture, silent where a clip has none, absent if neither has any. `target` may be one of
    the two and appears only when it is whole.

    Works in a process of its own, which ends with this one. Cancellable: that process is dead and
    its file gone when this returns or raises. Safe to run twice.

    Raises BadClipError when a clip cannot be read or `time_limit_s` is over, StorageError when
    the disk refuses.
    """
    part = partial_path(target)
    try:
        told = await _run(_job_json(first, second, part), time_limit_s)
        await asyncio.to_thread(part.replace, target)
    except OSError as error:
        told = f"cannot join clips to {target.name}: {error}"
        raise StorageError(told, user_text=DISK_REFUSED_TEXT) from error
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return ConcatResult(**json.loads(told))


def _job_json(first: Path, second: Path, part: Path) -> str:
    paths = {"first": first, "second": second, "part": part}
    return json.dumps({name: str(path.absolute()) for name, path in paths.items()})


async def _run(job_json: str, time_limit_s: float) -> str:
    """Return the joiner's answer; it is dead and reaped when this returns or raises."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "bot.media.concat.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=child_environment(),
    )
    try:
        async with asyncio.timeout(time_limit_s):
            told, complaint = await _communicate(process, job_json)
    except TimeoutError as error:
        raise BadClipError(f"joining took more than {time_limit_s:.0f} s") from error
    finally:
        await reap(process)
    shown = complaint.decode("utf-8", "replace").strip()[-_STDERR_SHOWN_CHARS:]
    if process.returncode == BAD_DISK:
        raise StorageError(f"joining failed: {shown}", user_text=DISK_REFUSED_TEXT)
    if process.returncode:
        raise BadClipError(f"joining ended with {process.returncode}: {shown}")
    return told.decode()


async def _communicate(process: asyncio.subprocess.Process, job_json: str) -> tuple[bytes, bytes]:
    """Give the child its order and read it to its end; its stdin stays open until then."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the joiner has no pipes")
    # It may die before it has read its order; its exit code tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(job_json.encode() + b"\n")
        await process.stdin.drain()
    told, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return told, complaint
