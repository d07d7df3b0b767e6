"""A slow CPU for tests."""

from __future__ import annotations

import sys

from tests.throttled import run_throttled

#: Prints the CPU time that half a second of work takes on the clock.
_WORK = """
import sys, time
start, cpu = time.monotonic(), time.process_time()
while time.monotonic() - start < 0.5:
    pass
sys.exit(round(100 * (time.process_time() - cpu)))
"""


def test_a_command_has_a_part_of_a_core_only() -> None:
    assert 0 < run_throttled([sys.executable, "-c", _WORK]) < 30


def test_a_command_s_exit_code_is_handed_on() -> None:
    assert run_throttled([sys.executable, "-c", "raise SystemExit(3)"]) == 3
