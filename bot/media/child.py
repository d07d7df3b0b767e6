"""What child processes that draw, decode and encode have in common, on both sides of the pipe.

They see no secret, give way to the bot, and end when it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

#: The exit code of a child whose parent is gone.
ORPHANED = 4
#: The exit code of a child to which the disk refused its file.
BAD_DISK = 5
_NICENESS = 10
#: Address space: several times what the largest clip takes, far less than the machine.
_MEMORY_MAX_BYTES = 3 * 1024**3


def environment() -> Mapping[str, str]:
    """Return all that a child gets to see: no token, no key, no proxy."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUTF8": "1",
        # One child, one core; more threads would also change what numpy reserves.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


async def reap(process: asyncio.subprocess.Process) -> None:
    """Return when a child is dead and waited for, by force if it has not ended by itself."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def yield_to_others() -> None:
    """Give way to the bot, and never take the whole machine's memory; called in the child."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, hard))


def end_with_stdin(tidy: Callable[[], None] | None = None) -> None:
    """Wait until stdin ends, `tidy`, and end the process: nobody waits for it any more.

    Called in the child, on a thread of its own.
    """
    sys.stdin.read()
    if tidy is not None:
        with contextlib.suppress(OSError):
            tidy()
    os._exit(ORPHANED)
