"""One line of what the doctor found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_LINE_MAX_CHARS = 400
#: What a terminal begins a colour with, by the level; `\x1b[0m` ends it.
_COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "problem": "\x1b[31m"}


class Level(StrEnum):
    """How much it matters."""

    OK = "ok"
    #: The bot works, but something is not as good as it could be.
    WARNING = "warning"
    #: Something does not work until the operator acts.
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    #: What it is about, in a word or two.
    subject: str
    message: str
    #: What to do, in words of the bot's own alone; empty where nothing is to be done.
    advice: str = ""


def ok(subject: str, message: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(level=Level.OK, subject=subject, message=message)


def warning(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that can wait."""
    return Finding(level=Level.WARNING, subject=subject, message=message, advice=advice)


def problem(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(level=Level.PROBLEM, subject=subject, message=message, advice=advice)


def format_findings(
    findings: Iterable[Finding], redact: Callable[[str], str], *, in_colour: bool
) -> list[str]:
    """Return one line for each finding.

    clean  takes secrets out of a text.
    """
    return [_format_finding(each, redact, in_colour=in_colour) for each in findings]


def one_line(text: str) -> str:
    """Return `text` as one bounded line: strangers wrote some of it, and a terminal obeys."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LINE_MAX_CHARS else f"{line[: _LINE_MAX_CHARS - 1]}…"


def _format_finding(finding: Finding, redact: Callable[[str], str], *, in_colour: bool) -> str:
    # Cleaned before it is cut: half a secret would not be recognised. An advice may be a link with
    # a query, which would be taken for a signature.
    said = one_line(redact(finding.message))
    advice = f" → {one_line(finding.advice)}" if finding.advice else ""
    level = f"{finding.level:<8}"
    if in_colour:
        level = f"{_COLOURS[finding.level]}{level}\x1b[0m"
    return f"{level} {finding.subject}: {said}{advice}"
