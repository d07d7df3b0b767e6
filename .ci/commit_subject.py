"""Refuse commits whose subject is longer than 72 characters: `commit_subject.py FILE`.

FILE  the file with the commit message, as git hands it to a commit-msg hook; with `-`, the script
reads subjects from stdin instead, one a line.
The script exits with 1 when a subject is too long. Subjects of merge commits may have any length,
because git writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

MOST = 72


def too_long(subjects: list[str]) -> list[str]:
    """Return one error message for each subject that is longer than 72 characters."""
    return [
        f"{len(each)} characters, at most {MOST}: {each}"
        for each in subjects
        if len(each) > MOST and not each.startswith("Merge ")
    ]


def subject_of(message: str) -> list[str]:
    """Return a message's first line that is not empty and no git comment, as a list of 0 or 1."""
    lines = (line.strip() for line in message.splitlines())
    return [line for line in lines if line and not line.startswith("#")][:1]


def main(name: str) -> int:
    """Print an error for each commit subject that is too long; return the exit code, 0 or 1."""
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
