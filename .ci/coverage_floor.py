"""Refuse a coverage floor below that of another commit: `coverage_floor.py COMMIT`.

The floor is `fail_under` in pyproject.toml. Exits with 1 when the one in the work tree is lower or
missing; a COMMIT without a floor has one of 0. Raises CalledProcessError for an unknown COMMIT.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path


def floor_of(pyproject: str) -> float:
    """Return the floor in per cent, 0 without any."""
    report = tomllib.loads(pyproject).get("tool", {}).get("coverage", {}).get("report", {})
    return float(report.get("fail_under", 0))


def main(commit: str) -> int:
    """Print both floors; return the exit code."""
    command = ["git", "show", f"{commit}:pyproject.toml"]
    there = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")  # noqa: S603
    before = floor_of(there.stdout)
    now = floor_of(Path("pyproject.toml").read_text(encoding="utf-8"))
    print(f"coverage floor: {before:g} at {commit}, {now:g} here")
    if now >= before and now > 0:
        return 0
    print("The floor only rises: test what the change adds, or take it back.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
