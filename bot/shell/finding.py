"""Findings of `python -m bot doctor`, and how the command prints them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_LINE_MAX_CHARS = 400
#: Terminal codes that begin the colour of a level; `\x1b[0m` ends it.
_COLOURS = {"ok": "\x1b[32m", "warning": "\x1b[33m", "problem": "\x1b[31m"}


class Level(StrEnum):
    """Severity of a finding."""

    OK = "ok"
    #: The bot works, but the operator can improve something.
    WARNING = "warning"
    #: A part of the bot does not work until the operator acts.
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check of the doctor."""

    level: Level
    #: The part of the installation that was checked, in one or two words.
    subject: str
    message: str
    #: What the operator should do, without text from outside; empty: nothing to do.
    advice: str = ""


def ok(subject: str, message: str) -> Finding:
    """Return a finding without fault."""
    return Finding(level=Level.OK, subject=subject, message=message)


def warning(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that the operator should look at, although the bot works."""
    return Finding(level=Level.WARNING, subject=subject, message=message, advice=advice)


def problem(subject: str, message: str, advice: str) -> Finding:
    """Return a finding that the operator must fix."""
    return Finding(level=Level.PROBLEM, subject=subject, message=message, advice=advice)


def format_findings(
    findings: Iterable[Finding], redact: Callable[[str], str], *, in_colour: bool
) -> list[str]:
    """Return one line for each finding; `redact` masks the secrets in a text."""
    lines: list[str] = []
    for each in findings:
        # Redact before cutting, because half a secret would not be recognised. Advice is not
        # redacted: it may be a link whose query looks like a signature.
        message = one_line(redact(each.message))
        advice = f" → {one_line(each.advice)}" if each.advice else ""
        level = f"{each.level:<8}"
        if in_colour:
            level = f"{_COLOURS[each.level]}{level}\x1b[0m"
        lines.append(f"{level} {each.subject}: {message}{advice}")
    return lines


def one_line(text: str) -> str:
    """Return `text` as one line of at most 400 characters, without control codes for a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LINE_MAX_CHARS else f"{line[: _LINE_MAX_CHARS - 1]}…"
