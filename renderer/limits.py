"""Limits the renderer process: it must not slow down the machine, and must exit when the process
that started it has exited.
"""

from __future__ import annotations

import os
import sys

#: The renderer's exit code when stdin has ended, which means that the process that started it has
#: exited.
ORPHANED = 4
_NICENESS = 10
#: The largest address space of the renderer: several times what the largest clip needs, and much
#: less than the machine has.
_MEMORY_MAX_BYTES = 3 * 1024**3


def limit_resources() -> None:
    """Lower the priority of this process and limit its memory. Does nothing on Windows."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has no such module

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > _MEMORY_MAX_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, hard))


def exit_with_stdin() -> None:
    """Read stdin to its end, then exit the process with the code ORPHANED.

    The call blocks until then, so run it on a thread of its own.
    """
    sys.stdin.read()
    os._exit(ORPHANED)
