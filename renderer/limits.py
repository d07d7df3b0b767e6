"""Keeps this process from slowing down or outliving the one that started it."""

from __future__ import annotations

import os
import sys

#: The exit code when stdin has ended: the process that started this one is gone.
ORPHANED = 4
_NICENESS = 10
#: Address space: several times what the largest clip needs, far less than the machine has.
_MEMORY_MAX_BYTES = 3 * 1024**3


def limit_resources() -> None:
    """Lower the priority of this process and cap its memory; does nothing on Windows."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has no such module

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, hard))


def exit_with_stdin() -> None:
    """Read stdin to its end, then exit with ORPHANED; runs on a thread of its own."""
    sys.stdin.read()
    os._exit(ORPHANED)
