"""Two clips as one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.errors import BadClipError, StorageError
from bot.media.child import BAD_DISK, environment, reap
from bot.media.part import REFUSED, part_of

_TIME_LIMIT_S = 300.0
_STDERR_SHOWN_CHARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What became of two clips."""

    #: Whether the picture was taken over as it was, without encoding it anew.
    copied: bool
    #: Whether the second's first frame repeated the first's last one and was left out.
    dropped: bool
    #: How long the result lasts.
    duration_ms: int


async def join(
    first: Path, second: Path, target: Path, *, time_limit_s: float = _TIME_LIMIT_S
) -> Joined:
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
    part = part_of(target)
    try:
        told = await _run(_order(first, second, part), time_limit_s)
        await asyncio.to_thread(part.replace, target)
    except OSError as error:
        told = f"cannot join clips to {target.name}: {error}"
        raise StorageError(told, user_text=REFUSED) from error
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
    return Joined(**json.loads(told))


def _order(first: Path, second: Path, part: Path) -> str:
    paths = {"first": first, "second": second, "part": part}
    return json.dumps({name: str(path.absolute()) for name, path in paths.items()})


async def _run(order: str, time_limit_s: float) -> str:
    """Return the joiner's answer; it is dead and reaped when this returns or raises."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "bot.media.joining.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    try:
        async with asyncio.timeout(time_limit_s):
            told, complaint = await _attend(process, order)
    except TimeoutError as error:
        raise BadClipError(f"joining took more than {time_limit_s:.0f} s") from error
    finally:
        await reap(process)
    shown = complaint.decode("utf-8", "replace").strip()[-_STDERR_SHOWN_CHARS:]
    if process.returncode == BAD_DISK:
        raise StorageError(f"joining failed: {shown}", user_text=REFUSED)
    if process.returncode:
        raise BadClipError(f"joining ended with {process.returncode}: {shown}")
    return told.decode()


async def _attend(process: asyncio.subprocess.Process, order: str) -> tuple[bytes, bytes]:
    """Give the child its order and read it to its end; its stdin stays open until then."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise OSError("the joiner has no pipes")
    # It may die before it has read its order; its exit code tells.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(order.encode() + b"\n")
        await process.stdin.drain()
    told, complaint = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return told, complaint
