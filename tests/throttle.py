"""Runs a command whose processes each get only a small share of a CPU core.

    python -m tests.throttle --share 0.2 -- python -m pytest --numprocesses 4

This finds tests that depend on the machine's speed. A process that has used up its share is stopped
(SIGSTOP) until more CPU time is due to it (SIGCONT), so no privileges are needed. Processes that
end within a few milliseconds are not throttled. The exit code is the command's. Works on Linux and
macOS.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

#: Seconds between two checks of the throttled processes.
_TICK_S = 0.04
#: New child processes are searched for only every few checks, because the search is expensive.
_TICKS_PER_SEARCH = 5
#: CPU seconds that a stopped process can save up at most.
_SAVED_S = 0.05


@dataclass(slots=True)
class _Throttled:
    """A process that is throttled, with the CPU time it has used and may still use, in seconds."""

    process: psutil.Process
    used_s: float
    left_s: float = _SAVED_S
    is_stopped: bool = False

    def tick(self, earned_s: float) -> None:
        """Stop or continue the process. Raises psutil.Error when the process has ended."""
        used_s = _cpu_s(self.process)
        self.left_s = min(self.left_s + earned_s - (used_s - self.used_s), _SAVED_S)
        self.used_s = used_s
        if self.left_s < 0 and not self.is_stopped:
            self.process.send_signal(signal.SIGSTOP)
            self.is_stopped = True
        elif self.left_s >= 0 and self.is_stopped:
            self.process.send_signal(signal.SIGCONT)
            self.is_stopped = False


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.throttle")
    parser.add_argument("--share", type=float, default=0.2, help="of a core, for each process")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command or not 0 < given.share <= 1:
        parser.error("needs a command, and a share above 0 and up to 1")
    with subprocess.Popen(command) as child:  # noqa: S603 - this script's caller chose the command
        throttled: dict[int, _Throttled] = {}
        try:
            _hold_down(child, throttled, given.share)
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
        finally:
            for each in throttled.values():
                with suppress(psutil.Error):
                    each.process.resume()
    return child.returncode


def _hold_down(
    child: subprocess.Popen[bytes], throttled: dict[int, _Throttled], share: float
) -> None:
    """Throttle the child process and all its descendants until the child ends."""
    root, ticks, before_s = psutil.Process(child.pid), 0, time.monotonic()
    while child.poll() is None:
        if ticks % _TICKS_PER_SEARCH == 0:
            _find(root, throttled)
        now_s = time.monotonic()
        for pid, each in list(throttled.items()):
            try:
                each.tick((now_s - before_s) * share)
            except psutil.Error:
                del throttled[pid]
        before_s, ticks = now_s, ticks + 1
        time.sleep(_TICK_S)


def _find(root: psutil.Process, throttled: dict[int, _Throttled]) -> None:
    with suppress(psutil.Error):
        for process in (root, *root.children(recursive=True)):
            if process.pid not in throttled:
                with suppress(psutil.Error):
                    throttled[process.pid] = _Throttled(process, _cpu_s(process))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    sys.exit(main())
