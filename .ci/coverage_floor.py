"""Fail if this checkout's coverage floor is below that of the pyproject.toml given on stdin.

    git show main:pyproject.toml | python3 .ci/coverage_floor.py

The coverage floor is the setting `fail_under` in pyproject.toml; a file without the setting has a
floor of 0. The script exits with 1 when the floor in the working directory is lower or 0, or when
stdin is empty.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def floor_of(pyproject: str) -> float:
    """Return the coverage floor in per cent that a pyproject.toml sets; 0 if it sets none."""
    report = tomllib.loads(pyproject).get("tool", {}).get("coverage", {}).get("report", {})
    return float(report.get("fail_under", 0))


def main() -> int:
    """Print the coverage floors of the other commit and of this checkout; return the exit code."""
    there = sys.stdin.read()
    if not there:
        print("No pyproject.toml came on stdin.", file=sys.stderr)
        return 1
    before = floor_of(there)
    now = floor_of(Path("pyproject.toml").read_text(encoding="utf-8"))
    print(f"coverage floor: {before:g} there, {now:g} here")
    if now >= before and now > 0:
        return 0
    print("The floor only rises: test what the change adds, or take it back.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
