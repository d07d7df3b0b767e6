"""Joins two clips in a child process."""

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
    """How two clips were joined."""

    #: Whether the video was copied without a new encoding.
    copied: bool
    #: Whether the second clip's first frame repeated the first clip's last and was left out.
    dropped: bool
    #: Length of the joined clip.
    duration_ms: int


async def concat_clips(
    first: Path, second: Path, target: Path, *, time_limit_s: float = _TIME_LIMIT_S
) -> ConcatResult:
    """Write one MP4 to `target` that shows `first` and then `second`.

    Size, frame rate, colours and sample rate are those of `first`. The picture is copied where the
    two streams are coded alike, else encoded anew; the sound is one AAC stream as long as the
    picture, silent where a clip has no sound, absent if both have none. `target` may be one of the
    two clips and appears only when the file is complete.

    Runs a child process, which ends when this process does. Cancellable: the child has ended and
    its partial file is deleted when this function returns or raises. Safe to run twice.

    Raises BadClipError when a clip cannot be read or `time_limit_s` is over, StorageError when
    writing fails.
    """
    part = partial_path(target)
    paths = {"first": first, "second": second, "part": part}
    task = json.dumps({name: str(path.absolute()) for name, path in paths.items()})
    try:
        output = await _run(task, time_limit_s)
        await asyncio.to_thread(part.replace, target)
    except OSError as error:
        output = f"cannot join clips to {target.name}: {error}"
        raise StorageError(output, user_text=DISK_REFUSED_TEXT) from error
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return ConcatResult(**json.loads(output))


async def _run(task: str, time_limit_s: float) -> str:
    command, pipe = (sys.executable, "-P", "-m", "bot.media.concat.child"), asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=child_environment()
    )
    try:
        async with asyncio.timeout(time_limit_s):
            output, stderr = await _communicate(process, task)
    except TimeoutError as error:
        raise BadClipError(f"joining took more than {time_limit_s:.0f} s") from error
    finally:
        await reap(process)
    shown = stderr.decode("utf-8", "replace").strip()[-_STDERR_SHOWN_CHARS:]
    if process.returncode == BAD_DISK:
        raise StorageError(f"joining failed: {shown}", user_text=DISK_REFUSED_TEXT)
    if process.returncode:
        raise BadClipError(f"joining ended with {process.returncode}: {shown}")
    return output.decode()


async def _communicate(process: asyncio.subprocess.Process, task: str) -> tuple[bytes, bytes]:
    """Send a child its task and read stdout and stderr to their end, with stdin kept open."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the concat process has no pipes")
    # The child may exit before it reads its task; the exit code then tells the reason.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(task.encode() + b"\n")
        await process.stdin.drain()
    output, stderr = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return output, stderr
