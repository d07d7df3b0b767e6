"""Support for child processes that draw, decode and encode, for both parent and child.

They get no secrets, run at a lower priority, and end when the bot does.
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
#: Address space: several times what the largest clip needs.
_MEMORY_MAX_BYTES = 3 * 1024**3


def child_environment() -> Mapping[str, str]:
    """Return the whole environment of a child: no token, no key, no proxy."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUTF8": "1",
        # One core for each child; more threads would also make numpy reserve more memory.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


async def reap(process: asyncio.subprocess.Process) -> None:
    """Kill a child unless it has ended, and wait for it."""
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()


def limit_resources() -> None:
    """Lower the priority and limit the memory of this process; called in the child."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, hard))


def exit_with_stdin(clean_up: Callable[[], None] | None = None) -> None:
    """Wait until stdin ends, which means that the parent is gone; clean up and end the process.

    Called in the child, on a thread of its own.
    """
    sys.stdin.read()
    if clean_up is not None:
        with contextlib.suppress(OSError):
            clean_up()
    os._exit(ORPHANED)
