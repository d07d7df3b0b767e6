"""`python -m tests.throttle` runs a command with only a share of one CPU core."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: A program that works for two seconds of real time; its exit code is the CPU time it got, in
#: hundredths of a second.
_WORK = """
import sys, time
start, cpu_s = time.monotonic(), time.process_time()
while time.monotonic() - start < 2:
    pass
sys.exit(round(100 * (time.process_time() - cpu_s)))
"""


def throttled(code: str) -> int:
    command = ("-m", "tests.throttle", "--share", "0.2", "--", sys.executable, "-c", code)
    return subprocess.run((sys.executable, *command), cwd=ROOT, check=False).returncode  # noqa: S603


def test_a_command_gets_a_part_of_a_core_only() -> None:
    assert 0 < throttled(_WORK) < 120


def test_the_exit_code_of_a_command_is_handed_on() -> None:
    assert throttled("raise SystemExit(3)") == 3
