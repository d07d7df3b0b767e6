"""The arguments of `python -m bot quota`, parsed into commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn, Protocol, final

from bot.guild import WINDOWS, Scope, Unit
from bot.quota.sentences import units_named

_MAX_ID = 2**63 - 1
_MAX_AMOUNT = 1_000_000
_DOLLAR_MICROS = 1_000_000
_REASON_MAX_CHARS = 300


@final
class Parser(argparse.ArgumentParser):
    """A parser that reports an error as one line on stderr and exits with code 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        line = " ".join(message.split())
        self.exit(2, f"{self.prog}: {line} (--help tells more)\n")


class Subparsers(Protocol):
    """What `ArgumentParser.add_subparsers` returns."""

    def add_parser(self, name: str, /, *, help: str, description: str) -> Parser:  # noqa: A002
        """Add a command."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSubject:
    """The user, role or guild that limits apply to."""

    guild_id: int
    #: USER, ROLE or GUILD.
    scope: Scope
    #: The user or role; the guild itself for GUILD.
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLimits:
    """Show the limits of a guild, or the quota status of a member."""

    guild_id: int
    #: None: the whole server.
    user_id: int | None
    #: Roles that the member has; the shell can't see them.
    role_ids: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimits:
    """Set limits of one window."""

    subject: LimitSubject
    #: By unit; None lifts it. One at least.
    amounts: Mapping[Unit, int | None]
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearLimits:
    """Remove all limits of a subject."""

    subject: LimitSubject


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantExtra:
    """Give a member a one-off extra."""

    guild_id: int
    user_id: int
    #: By unit, 1 or more of each. One at least.
    amounts: Mapping[Unit, int]
    reason: str | None


#: One of the quota commands.
QuotaCommand = ShowLimits | ChangeLimits | ClearLimits | GrantExtra


def add_quota(subparsers: Subparsers) -> None:
    """Add `quota` and its four subcommands; `read_quota_command` reads their arguments."""
    what = "show and change limits, beside a running bot"
    quota = subparsers.add_parser("quota", help=what, description=what)
    ways = quota.add_subparsers(dest="way", metavar="show | set | clear | grant", required=True)
    show = _add_command(ways, "show", "what is set in a server, or where a member stands", _show)
    show.add_argument("--user", type=_id, metavar="ID")
    show.add_argument("--role", type=_id, metavar="ID", action="append", help="one they have")
    limit = _add_command(ways, "set", "limit a user, a role, or everybody in the server", _set)
    _add_subject(limit)
    _add_amounts(limit, _whole)
    limit.add_argument("--per", choices=WINDOWS, default="day", help="rolling; a month is 30 days")
    limit.add_argument(
        "--lift",
        choices=[*(unit.option for unit in Unit), "all"],
        action="append",
        help="no limit of these",
    )
    clear = _add_command(
        ways, "clear", "remove all limits of a user, a role, or of the server", _clear
    )
    _add_subject(clear)
    give = _add_command(ways, "grant", "give a user something extra, once", _grant)
    give.add_argument("--user", type=_id, metavar="ID", required=True)
    _add_amounts(give, _positive)
    give.add_argument("--reason", type=_reason, metavar="TEXT", help="moderators read it, too")


def read_quota_command(arguments: argparse.Namespace) -> QuotaCommand:
    """Return the command; exits with code 2 if its arguments don't go together."""
    read: Callable[[argparse.Namespace], QuotaCommand] = arguments.read
    return read(arguments)


def _add_command(
    subparsers: Subparsers,
    name: str,
    what: str,
    read: Callable[[Parser, argparse.Namespace], QuotaCommand],
) -> Parser:
    way = subparsers.add_parser(name, help=what, description=what)
    way.add_argument("--server", type=_id, metavar="ID", required=True, help="as Discord copies it")
    way.set_defaults(read=partial(read, way))
    return way


def _add_subject(parser: Parser) -> None:
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument("--user", type=_id, metavar="ID")
    subject.add_argument("--role", type=_id, metavar="ID")


def _add_amounts(parser: Parser, read_amount: Callable[[str], int]) -> None:
    for unit in Unit:
        option = f"--{unit.option}"
        match unit:
            case Unit.CLIPS:
                parser.add_argument(option, type=read_amount, metavar="N")
            case Unit.SECONDS:
                parser.add_argument(option, type=read_amount, metavar="N", help="of video")
            case Unit.USD_MICROS:
                read_usd = partial(_dollars, 1 if read_amount is _positive else 0)
                words = "US dollars such as 2.50"
                parser.add_argument(option, type=read_usd, metavar="X", help=words)


def _show(parser: Parser, arguments: argparse.Namespace) -> ShowLimits:
    if arguments.role and arguments.user is None:
        parser.error("argument --role: only together with --user")
    return ShowLimits(
        guild_id=arguments.server, user_id=arguments.user, role_ids=frozenset(arguments.role or ())
    )


def _set(parser: Parser, arguments: argparse.Namespace) -> ChangeLimits:
    amounts: dict[Unit, int | None] = dict(_amounts(arguments))
    for word in arguments.lift or ():
        for unit in units_named(word):
            if amounts.get(unit) is not None:
                parser.error(f"argument --lift: {word} is limited by another argument")
            amounts[unit] = None
    if not amounts:
        parser.error("argument --clips, --seconds, --usd or --lift: one at least is needed")
    return ChangeLimits(subject=_subject(arguments), amounts=amounts, window=WINDOWS[arguments.per])


def _clear(_parser: Parser, arguments: argparse.Namespace) -> ClearLimits:
    return ClearLimits(subject=_subject(arguments))


def _grant(parser: Parser, arguments: argparse.Namespace) -> GrantExtra:
    amounts = _amounts(arguments)
    if not amounts:
        parser.error("argument --clips, --seconds or --usd: one at least is needed")
    return GrantExtra(
        guild_id=arguments.server, user_id=arguments.user, amounts=amounts, reason=arguments.reason
    )


def _subject(arguments: argparse.Namespace) -> LimitSubject:
    # The @everyone role has the id of the guild.
    if arguments.user is None and arguments.role in (None, arguments.server):
        return LimitSubject(guild_id=arguments.server, scope=Scope.GUILD, id=arguments.server)
    if arguments.user is None:
        return LimitSubject(guild_id=arguments.server, scope=Scope.ROLE, id=arguments.role)
    return LimitSubject(guild_id=arguments.server, scope=Scope.USER, id=arguments.user)


def _amounts(arguments: argparse.Namespace) -> dict[Unit, int]:
    named: dict[str, Any] = vars(arguments)
    return {unit: named[unit.option] for unit in Unit if named[unit.option] is not None}


def _id(raw: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", raw) or not 1 <= int(raw) <= _MAX_ID:
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not an id")
    return int(raw)


def _whole(raw: str, least: int = 0) -> int:
    if not re.fullmatch("[0-9]{1,7}", raw) or not least <= int(raw) <= _MAX_AMOUNT:
        allowed = f"a whole number from {least} to {_MAX_AMOUNT}"
        raise argparse.ArgumentTypeError(f"{raw[:40]!r} is not {allowed}")
    return int(raw)


def _positive(raw: str) -> int:
    return _whole(raw, 1)


def _dollars(least_micros: int, raw: str) -> int:
    """Return an amount in millionths of a dollar, without float rounding."""
    match = re.fullmatch(r"\$?([0-9]{1,7})(?:\.([0-9]{1,6}))?", raw)
    if match is not None:
        micros = int(match[1]) * _DOLLAR_MICROS + int((match[2] or "").ljust(6, "0"))
        if least_micros <= micros <= _MAX_AMOUNT * _DOLLAR_MICROS:
            return micros
    least = "more than 0" if least_micros else "0"
    raise argparse.ArgumentTypeError(
        f"{raw[:40]!r} is not an amount such as 2.50, {least} to {_MAX_AMOUNT}"
    )


def _reason(raw: str) -> str:
    text = " ".join(raw.split())
    if not 1 <= len(text) <= _REASON_MAX_CHARS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {_REASON_MAX_CHARS} plain characters are needed")
    return text
