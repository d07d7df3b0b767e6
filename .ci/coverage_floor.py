"""Refuse a coverage floor below that of another commit, whose pyproject.toml is read from stdin.

    git show main:pyproject.toml | python3 .ci/coverage_floor.py

The floor is `fail_under` in pyproject.toml; a file without one has a floor of 0. Exits with 1 when
the floor here is lower or missing, and when nothing comes on stdin.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def floor_of(pyproject: str) -> float:
    """Return the floor in per cent, 0 without any."""
    report = tomllib.loads(pyproject).get("tool", {}).get("coverage", {}).get("report", {})
    return float(report.get("fail_under", 0))


def main() -> int:
    """Print both floors; return the exit code."""
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
