"""Parser of the command line, and the types of its arguments: ids, amounts, a reason."""

import argparse
import re
from typing import NoReturn, Protocol, final

_MAX_ID = 2**63 - 1
_MAX_AMOUNT = 1_000_000
_DOLLAR_MICROS = 1_000_000
_REASON_MAX_CHARS = 300


@final
class Parser(argparse.ArgumentParser):
    """A parser that reports an error as one line on stderr and exits with code 2."""

    def error(self, message: str) -> NoReturn:
        """Print `message` as one line on stderr and end the process with code 2."""
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (--help tells more)\n")


class Subparsers(Protocol):
    """The commands of a parser, as `ArgumentParser.add_subparsers` returns them."""

    def add_parser(self, name: str, /, *, help: str, description: str) -> Parser:  # noqa: A002
        """Add a command with its line in `--help`, and return the parser of its arguments."""
        ...


def parse_id(raw: str) -> int:
    """Read a Discord id. Raises ArgumentTypeError."""
    if not re.fullmatch("[0-9]{1,19}", raw) or not 1 <= int(raw) <= _MAX_ID:
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not an id")
    return int(raw)


def parse_whole(raw: str, least: int = 0) -> int:
    """Read a whole number from `least` to a million. Raises ArgumentTypeError."""
    if not re.fullmatch("[0-9]{1,7}", raw) or not least <= int(raw) <= _MAX_AMOUNT:
        allowed = f"a whole number from {least} to {_MAX_AMOUNT}"
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not {allowed}")
    return int(raw)


def parse_dollars(least_micros: int, raw: str) -> int:
    """Read dollars as a whole number of millionths. Raises ArgumentTypeError."""
    match = re.fullmatch(r"\$?([0-9]{1,7})(?:\.([0-9]{1,6}))?", raw)
    if match is not None:
        micros = int(match[1]) * _DOLLAR_MICROS + int((match[2] or "").ljust(6, "0"))
        if least_micros <= micros <= _MAX_AMOUNT * _DOLLAR_MICROS:
            return micros
    least = "more than 0" if least_micros else "0"
    raise argparse.ArgumentTypeError(
        f"{raw[:40]!r} is not an amount such as 2.50, {least} to {_MAX_AMOUNT}"
    )


def parse_reason(raw: str) -> str:
    """Read 1 to 300 printable characters; each run of spaces becomes one. Raises ArgumentTypeError."""
    text = " ".join(raw.split())
    if not 1 <= len(text) <= _REASON_MAX_CHARS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {_REASON_MAX_CHARS} plain characters are needed")
    return text
