"""Findings of the doctor, and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_LINE_MAX_CHARS = 400
#: Terminal codes that begin the colour of a level; `\x1b[0m` ends it.
_COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "problem": "\x1b[31m"}


class Level(StrEnum):
    """Severity of a finding."""

    OK = "ok"
    #: The bot works, but something is not as good as it could be.
    WARNING = "warning"
    #: Something does not work until the operator acts.
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Result of one check."""

    level: Level
    #: What was checked, in a word or two.
    subject: str
    message: str
    #: What to do, without text from outside; empty when there is nothing to do.
    advice: str = ""


def ok(subject: str, message: str) -> Finding:
    """Return a finding without fault."""
    return Finding(level=Level.OK, subject=subject, message=message)


def warning(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that is not urgent."""
    return Finding(level=Level.WARNING, subject=subject, message=message, advice=advice)


def problem(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that the operator must fix."""
    return Finding(level=Level.PROBLEM, subject=subject, message=message, advice=advice)


def format_findings(
    findings: Iterable[Finding], redact: Callable[[str], str], *, in_colour: bool
) -> list[str]:
    """Return one line for each finding.

    redact  masks the secrets in a text.
    """
    return [_format_finding(each, redact, in_colour=in_colour) for each in findings]


def one_line(text: str) -> str:
    """Return `text` as one line of limited length, without control codes that a terminal obeys."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LINE_MAX_CHARS else f"{line[: _LINE_MAX_CHARS - 1]}…"


def _format_finding(finding: Finding, redact: Callable[[str], str], *, in_colour: bool) -> str:
    # Redact before cutting, because half a secret would not be recognised. Advice is not redacted:
    # it may be a link whose query looks like a signature.
    message = one_line(redact(finding.message))
    advice = f" → {one_line(finding.advice)}" if finding.advice else ""
    level = f"{finding.level:<8}"
    if in_colour:
        level = f"{_COLOURS[finding.level]}{level}\x1b[0m"
    return f"{level} {finding.subject}: {message}{advice}"
