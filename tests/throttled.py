"""Run a command on a slow CPU: `python -m tests.throttled COMMAND…`.

All processes of the command are stopped for four fifths of the time, so that each has a fifth of a
core. A test that fails only here depends on the speed of the machine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

RUN_S = 0.02
STOP_S = 0.08


def run_throttled(command: list[str]) -> int:
    """Run `command` in a process group of its own; return its exit code."""
    process = subprocess.Popen(command, process_group=0)  # noqa: S603 - the caller's own command
    try:
        while process.poll() is None:
            time.sleep(RUN_S)
            _signal(process.pid, signal.SIGSTOP)
            time.sleep(STOP_S)
            _signal(process.pid, signal.SIGCONT)
    except KeyboardInterrupt:
        _signal(process.pid, signal.SIGINT)
    return process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(run_throttled(sys.argv[1:]))
