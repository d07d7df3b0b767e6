"""`python -m bot quota …`: the operator shows and changes limits while the bot runs."""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from bot.app import AdminContext, open_admin_context
from bot.guild import WINDOWS, Grant, GuildLimit, Scope, Unit
from bot.model import Viewer
from bot.quota.sentences import units_named
from bot.settings import Settings
from bot.shell import quota_report
from bot.shell.arguments import (
    Parser,
    Subparsers,
    parse_dollars,
    parse_id,
    parse_reason,
    parse_whole,
)
from bot.storage.guild_settings import Actor

#: A command with its arguments: reads and writes the database, and returns its report.
QuotaCommand = Callable[[AdminContext], Awaitable[str]]
_RECENT = timedelta(days=30)


def add_quota(subparsers: Subparsers) -> None:
    """Add `quota` and its four subcommands; `read_quota_command` reads their arguments."""
    what = "show and change limits, beside a running bot"
    quota = subparsers.add_parser("quota", help=what, description=what)
    ways = quota.add_subparsers(dest="way", metavar="show | set | clear | grant", required=True)
    show = _add_command(ways, "show", "what is set in a server, or where a member stands", _show)
    show.add_argument("--user", type=parse_id, metavar="ID")
    show.add_argument("--role", type=parse_id, metavar="ID", action="append", help="one they have")
    limit = _add_command(ways, "set", "limit a user, a role, or everybody in the server", _set)
    _add_subject(limit)
    _add_amounts(limit, least=0)
    limit.add_argument("--per", choices=WINDOWS, default="day", help="rolling; a month is 30 days")
    units = [*(unit.option for unit in Unit), "all"]
    limit.add_argument("--lift", choices=units, action="append", help="no limit of these")
    what = "remove all limits of a user, a role, or of the server"
    _add_subject(_add_command(ways, "clear", what, _clear))
    give = _add_command(ways, "grant", "give a user something extra, once", _grant)
    give.add_argument("--user", type=parse_id, metavar="ID", required=True)
    _add_amounts(give, least=1)
    give.add_argument("--reason", type=parse_reason, metavar="TEXT", help="moderators read it, too")


def read_quota_command(arguments: argparse.Namespace) -> QuotaCommand:
    """Return the command; exits with code 2 if its arguments don't go together."""
    read: Callable[[argparse.Namespace], QuotaCommand] = arguments.read
    return read(arguments)


async def run_quota(settings: Settings, command: QuotaCommand) -> str:
    """Carry out a command and return its report; changes go to the audit log as the operator's.

    Raises StorageError, also when there is no database yet.
    """
    context = await open_admin_context(settings)
    try:
        return await command(context)
    finally:
        await context.store.close()


def _add_command(
    subparsers: Subparsers,
    name: str,
    what: str,
    read: Callable[[Parser, argparse.Namespace], QuotaCommand],
) -> Parser:
    way = subparsers.add_parser(name, help=what, description=what)
    server_help = "as Discord copies it"
    way.add_argument("--server", type=parse_id, metavar="ID", required=True, help=server_help)
    way.set_defaults(read=partial(read, way))
    return way


def _add_subject(parser: Parser) -> None:
    subject = parser.add_mutually_exclusive_group()
    subject.add_argument("--user", type=parse_id, metavar="ID")
    subject.add_argument("--role", type=parse_id, metavar="ID")


def _add_amounts(parser: Parser, *, least: int) -> None:
    read_whole = partial(parse_whole, least=least)
    for unit in Unit:
        option = f"--{unit.option}"
        match unit:
            case Unit.CLIPS:
                parser.add_argument(option, type=read_whole, metavar="N")
            case Unit.SECONDS:
                parser.add_argument(option, type=read_whole, metavar="N", help="of video")
            case Unit.USD_MICROS:
                read_usd = partial(parse_dollars, least)
                words = "US dollars such as 2.50"
                parser.add_argument(option, type=read_usd, metavar="X", help=words)


def _show(parser: Parser, arguments: argparse.Namespace) -> QuotaCommand:
    if arguments.user is None:
        if arguments.role:
            parser.error("argument --role: only together with --user")
        return partial(_guild_report, guild_id=arguments.server)
    role_ids = frozenset[int](arguments.role or ())
    viewer = Viewer(user_id=arguments.user, guild_id=arguments.server, role_ids=role_ids)
    return partial(_member_report, viewer=viewer)


def _set(parser: Parser, arguments: argparse.Namespace) -> QuotaCommand:
    amounts: dict[Unit, int | None] = dict(_amounts(arguments))
    for word in arguments.lift or ():
        for unit in units_named(word):
            if amounts.get(unit) is not None:
                parser.error(f"argument --lift: {word} is limited by another argument")
            amounts[unit] = None
    if not amounts:
        parser.error("argument --clips, --seconds, --usd or --lift: one at least is needed")
    scope, subject_id = _subject(arguments)
    window = WINDOWS[arguments.per]
    limits = [
        GuildLimit(scope=scope, subject_id=subject_id, unit=unit, window=window, amount=amount)
        for unit, amount in amounts.items()
    ]
    return partial(
        _change_limits,
        arguments,
        lambda context: context.guild_store.set_limits(
            arguments.server, limits, _operator(context)
        ),
    )


def _clear(_parser: Parser, arguments: argparse.Namespace) -> QuotaCommand:
    return partial(
        _change_limits,
        arguments,
        lambda context: context.guild_store.clear_limits(
            arguments.server, *_subject(arguments), _operator(context)
        ),
    )


def _grant(parser: Parser, arguments: argparse.Namespace) -> QuotaCommand:
    amounts = _amounts(arguments)
    if not amounts:
        parser.error("argument --clips, --seconds or --usd: one at least is needed")
    return partial(_grant_extra, arguments=arguments, amounts=amounts)


def _subject(arguments: argparse.Namespace) -> tuple[Scope, int]:
    """Return the scope and the id of the user, role or guild that limits are for."""
    if arguments.user is not None:
        return Scope.USER, arguments.user
    # The @everyone role has the id of the guild.
    if arguments.role in (None, arguments.server):
        return Scope.GUILD, arguments.server
    return Scope.ROLE, arguments.role


def _amounts(arguments: argparse.Namespace) -> Mapping[Unit, int]:
    named: dict[str, Any] = vars(arguments)
    return {unit: named[unit.option] for unit in Unit if named[unit.option] is not None}


async def _guild_report(context: AdminContext, guild_id: int) -> str:
    now = context.clock.now()
    budget = await context.store.read_ledger(
        lambda ledger: context.quota.budget(ledger, guild_id, now)
    )
    return quota_report.guild_report(
        guild_id,
        await context.guild_store.limits(guild_id),
        context.quota.defaults,
        budget,
        await context.guild_store.usage_by_day(guild_id, now - _RECENT),
    )


async def _member_report(context: AdminContext, viewer: Viewer) -> str:
    now = context.clock.now()
    status = await context.store.read_ledger(
        lambda ledger: context.quota.status(ledger, viewer, now)
    )
    return quota_report.member_report(viewer, status, now)


async def _change_limits(
    arguments: argparse.Namespace,
    change: Callable[[AdminContext], Awaitable[object]],
    context: AdminContext,
) -> str:
    """Apply `change` to the limits of one subject, and report its limits before and after."""
    subject = _subject(arguments)

    async def limits() -> list[GuildLimit]:
        found = await context.guild_store.limits(arguments.server)
        return [each for each in found if (each.scope, each.subject_id) == subject]

    before = await limits()
    await change(context)
    return quota_report.change_report(*subject, arguments.server, before, await limits())


async def _grant_extra(
    context: AdminContext, arguments: argparse.Namespace, amounts: Mapping[Unit, int]
) -> str:
    operator = _operator(context)
    viewer = Viewer(user_id=arguments.user, guild_id=arguments.server)
    given = [
        Grant(
            guild_id=arguments.server,
            user_id=arguments.user,
            unit=unit,
            amount=amount,
            at=operator.at,
            reason=arguments.reason,
        )
        for unit, amount in amounts.items()
    ]
    await context.guild_store.grant(given, operator)
    return f"{quota_report.grant_report(given)}\n\n{await _member_report(context, viewer)}"


def _operator(context: AdminContext) -> Actor:
    return Actor(user_id=None, at=context.clock.now())
