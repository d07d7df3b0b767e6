"""One line of what the doctor found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

_LONGEST = 400
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
    about: str
    said: str
    #: What to do, in words of the bot's own alone; empty where nothing is to be done.
    advice: str = ""


def ok(about: str, said: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(level=Level.OK, about=about, said=said)


def warning(about: str, said: str, advice: str) -> Finding:
    """Return a finding that can wait."""
    return Finding(level=Level.WARNING, about=about, said=said, advice=advice)


def problem(about: str, said: str, advice: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(level=Level.PROBLEM, about=about, said=said, advice=advice)


def lines(
    findings: Iterable[Finding], clean: Callable[[str], str], *, in_colour: bool
) -> list[str]:
    """Return one line for each finding.

    clean  takes secrets out of a text.
    """
    return [_line(each, clean, in_colour=in_colour) for each in findings]


def plain(text: str) -> str:
    """Return `text` as one bounded line: strangers wrote some of it, and a terminal obeys."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _line(finding: Finding, clean: Callable[[str], str], *, in_colour: bool) -> str:
    # Cleaned before it is cut: half a secret would not be recognised. An advice may be a link with
    # a query, which would be taken for a signature.
    said = plain(clean(finding.said))
    advice = f" → {plain(finding.advice)}" if finding.advice else ""
    level = f"{finding.level:<8}"
    if in_colour:
        level = f"{_COLOURS[finding.level]}{level}\x1b[0m"
    return f"{level} {finding.about}: {said}{advice}"
