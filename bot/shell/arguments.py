"""What an operator may write behind `python -m bot quota`, and what they mean by it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, Protocol, final

from bot.server import WINDOWS, Scope, Unit

_LARGEST_ID = 2**63 - 1
_MOST = 1_000_000
_DOLLAR_MICROS = 1_000_000
_LONGEST_REASON = 300
#: What `--lift` takes.
_LIFTS: Mapping[str, tuple[Unit, ...]] = {
    "clips": (Unit.CLIPS,),
    "seconds": (Unit.SECONDS,),
    "usd": (Unit.USD_MICROS,),
    "all": tuple(Unit),
}


@final
class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, on standard error, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (--help tells more)\n")


class Commands(Protocol):
    """What `ArgumentParser.add_subparsers` returns."""

    def add_parser(self, name: str, /, *, help: str, description: str) -> Parser:  # noqa: A002
        """Add a command."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom limits are for."""

    guild_id: int
    #: USER, ROLE or SERVER.
    scope: Scope
    #: The user or role; the server itself for SERVER.
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Tell what is set in a server, or where one member stands."""

    guild_id: int
    #: None: the whole server.
    user_id: int | None
    #: Roles that the member has; the shell can't see them.
    role_ids: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Set limits of one window."""

    subject: Subject
    #: By unit; None lifts it. One at least.
    amounts: Mapping[Unit, int | None]
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Remove all limits of a subject."""

    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Give:
    """Give a member a one-off extra."""

    guild_id: int
    user_id: int
    #: By unit, 1 or more of each. One at least.
    amounts: Mapping[Unit, int]
    reason: str | None


#: What an operator asks for.
Errand = Show | Set | Clear | Give


def add_quota(commands: Commands) -> None:
    """Add `quota` and its four commands; what they are given, `errand_of` reads."""
    what = "show and change limits, beside a running bot"
    quota = commands.add_parser("quota", help=what, description=what)
    ways = quota.add_subparsers(dest="way", metavar="show | set | clear | grant", required=True)
    show = _way(ways, "show", "what is set in a server, or where a member stands", _show)
    show.add_argument("--user", type=_id, metavar="ID")
    show.add_argument("--role", type=_id, metavar="ID", action="append", help="one they have")
    limit = _way(ways, "set", "limit a user, a role, or everybody in the server", _set)
    _add_subject(limit)
    _add_amounts(limit, _whole)
    limit.add_argument("--per", choices=WINDOWS, default="day", help="rolling; a month is 30 days")
    limit.add_argument("--lift", choices=_LIFTS, action="append", help="no limit of these")
    clear = _way(ways, "clear", "remove all limits of a user, a role, or of the server", _clear)
    _add_subject(clear)
    give = _way(ways, "grant", "give a user something extra, once", _give)
    give.add_argument("--user", type=_id, metavar="ID", required=True)
    _add_amounts(give, _some)
    give.add_argument("--reason", type=_reason, metavar="TEXT", help="moderators read it, too")


def errand_of(given: argparse.Namespace) -> Errand:
    """Return what was asked for; leaves with exit code 2 where arguments don't go together."""
    read: Callable[[argparse.Namespace], Errand] = given.read
    return read(given)


def _way(
    ways: Commands, name: str, what: str, read: Callable[[Parser, argparse.Namespace], Errand]
) -> Parser:
    way = ways.add_parser(name, help=what, description=what)
    way.add_argument("--server", type=_id, metavar="ID", required=True, help="as Discord copies it")
    way.set_defaults(read=partial(read, way))
    return way


def _add_subject(way: Parser) -> None:
    subject = way.add_mutually_exclusive_group()
    subject.add_argument("--user", type=_id, metavar="ID")
    subject.add_argument("--role", type=_id, metavar="ID")


def _add_amounts(way: Parser, whole: Callable[[str], int]) -> None:
    way.add_argument("--clips", type=whole, metavar="N")
    way.add_argument("--seconds", type=whole, metavar="N", help="of video")
    dollars = partial(_dollars, whole("1") if whole is _some else 0)
    way.add_argument("--usd", type=dollars, metavar="X", help="US dollars such as 2.50")


def _show(way: Parser, given: argparse.Namespace) -> Show:
    if given.role and given.user is None:
        way.error("argument --role: only together with --user")
    return Show(guild_id=given.server, user_id=given.user, role_ids=frozenset(given.role or ()))


def _set(way: Parser, given: argparse.Namespace) -> Set:
    amounts: dict[Unit, int | None] = dict(_amounts(given))
    for word in given.lift or ():
        for unit in _LIFTS[word]:
            if amounts.get(unit) is not None:
                way.error(f"argument --lift: {word} is limited by another argument")
            amounts[unit] = None
    if not amounts:
        way.error("argument --clips, --seconds, --usd or --lift: one at least is needed")
    return Set(subject=_subject(given), amounts=amounts, window=WINDOWS[given.per])


def _clear(_way: Parser, given: argparse.Namespace) -> Clear:
    return Clear(subject=_subject(given))


def _give(way: Parser, given: argparse.Namespace) -> Give:
    amounts = _amounts(given)
    if not amounts:
        way.error("argument --clips, --seconds or --usd: one at least is needed")
    return Give(guild_id=given.server, user_id=given.user, amounts=amounts, reason=given.reason)


def _subject(given: argparse.Namespace) -> Subject:
    # The role of everybody has the server's id.
    if given.user is None and given.role in (None, given.server):
        return Subject(guild_id=given.server, scope=Scope.SERVER, id=given.server)
    if given.user is None:
        return Subject(guild_id=given.server, scope=Scope.ROLE, id=given.role)
    return Subject(guild_id=given.server, scope=Scope.USER, id=given.user)


def _amounts(given: argparse.Namespace) -> dict[Unit, int]:
    named: dict[Unit, Any] = {
        Unit.CLIPS: given.clips,
        Unit.SECONDS: given.seconds,
        Unit.USD_MICROS: given.usd,
    }
    return {unit: amount for unit, amount in named.items() if amount is not None}


def _id(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", raw) or not 1 <= int(raw) <= _LARGEST_ID:
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not an id")
    return int(raw)


def _whole(raw: str, least: int = 0) -> int:
    if not re.fullmatch("[0-9]{1,7}", raw) or not least <= int(raw) <= _MOST:
        allowed = f"a whole number from {least} to {_MOST}"
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not {allowed}")
    return int(raw)


def _some(raw: str) -> int:
    return _whole(raw, 1)


def _dollars(least_micros: int, raw: str) -> int:
    """Return an amount in millionths, digit by digit: no float comes near it."""
    match = re.fullmatch(r"\$?([0-9]{1,7})(?:\.([0-9]{1,6}))?", raw)
    if match is not None:
        micros = int(match[1]) * _DOLLAR_MICROS + int((match[2] or "").ljust(6, "0"))
        if least_micros <= micros <= _MOST * _DOLLAR_MICROS:
            return micros
    least = "more than 0" if least_micros else "0"
    raise argparse.ArgumentTypeError(
        f"{raw[:40]!r} is not an amount such as 2.50, {least} to {_MOST}"
    )


def _reason(raw: str) -> str:
    text = " ".join(raw.split())
    if not 1 <= len(text) <= _LONGEST_REASON or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {_LONGEST_REASON} plain characters are needed")
    return text
