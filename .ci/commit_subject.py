"""Refuse commit subjects of more than 72 characters: `commit_subject.py FILE`.

FILE  a commit's message, as git hands it to its commit-msg hook; `-` reads one subject a line.
Exits with 1 when a subject is too long. Those of merges are git's own and may have any length.
"""

from __future__ import annotations

import sys
from pathlib import Path

MOST = 72


def too_long(subjects: list[str]) -> list[str]:
    """Return what is wrong with each subject that is too long."""
    return [
        f"{len(each)} characters, at most {MOST}: {each}"
        for each in subjects
        if len(each) > MOST and not each.startswith("Merge ")
    ]


def subject_of(message: str) -> list[str]:
    """Return the first line that is neither empty nor one of git's comments, if there is one."""
    lines = (line.strip() for line in message.splitlines())
    return [line for line in lines if line and not line.startswith("#")][:1]


def main(name: str) -> int:
    """Print what is wrong; return the exit code."""
    if name == "-":
        subjects = sys.stdin.read().splitlines()
    else:
        subjects = subject_of(Path(name).read_text(encoding="utf-8"))
    found = too_long(subjects)
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
