"""Starts and limits child processes that draw, decode and encode.

Such a process gets no secrets, runs at a lower priority, and ends when the bot does.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

#: Exit codes of a child whose parent is gone, and of a child that cannot write its file.
ORPHANED, BAD_DISK = 4, 5
_NICENESS = 10
#: Limit of a child's address space: several times the memory that the largest clip needs.
_MEMORY_MAX_BYTES = 3 * 1024**3


def child_environment() -> Mapping[str, str]:
    """Return all environment variables of a child process, which hold no token, key or proxy."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUTF8": "1",
        # Each child uses one core; more threads would also make numpy reserve more memory.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


async def reap(process: asyncio.subprocess.Process) -> None:
    """Kill a child process unless it has ended, and wait for its end."""
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
    import resource  # noqa: PLC0415 - Windows has no such module

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, hard))


def exit_with_stdin(clean_up: Callable[[], None] | None = None) -> None:
    """Wait until stdin ends because the parent is gone; then call `clean_up` and end the process.

    Called in the child, on a thread of its own.
    """
    sys.stdin.read()
    if clean_up is not None:
        with contextlib.suppress(OSError):
            clean_up()
    os._exit(ORPHANED)
