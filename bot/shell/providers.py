"""`python -m bot providers …`: lists and chooses providers; the bot may be running."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.app import AdminContext, database_path, open_admin_context
from bot.clock import Clock
from bot.errors import RefusedError, StorageError
from bot.guild import EVERYWHERE, GuildSettings
from bot.providers import registry
from bot.providers.registry import check_provider_names
from bot.settings import Settings
from bot.shell import provider_table
from bot.shell.arguments import Parser, Subparsers
from bot.shell.provider_check import CheckOutcome, ProviderCheck, check_providers, settings_fault
from bot.shell.provider_facts import collect_facts, default_facts
from bot.storage.guild_settings import Actor
from bot.storage.instance_lock import InstanceLock


@dataclass(frozen=True, slots=True, kw_only=True)
class ListProviders:
    """List the providers."""

    #: Whether to call the configured ones.
    is_live: bool
    #: Whether to print the documentation's table, which ignores the settings.
    is_markdown: bool


class ProviderAction(StrEnum):
    """What the operator can choose for all guilds."""

    #: Try the provider before the others, and resume it.
    USE = "use"
    #: Give the provider no new jobs.
    DRAIN = "drain"
    #: End a drain.
    RESUME = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseProvider:
    """Choose which providers get new jobs in all guilds."""

    action: ProviderAction
    #: None only with USE: go back to the order of VIDEO_PROVIDERS.
    name: str | None


_HELP = {
    ProviderAction.USE: "try one before all others, and resume it; --usual: back to the order of VIDEO_PROVIDERS",
    ProviderAction.DRAIN: "give one no new jobs; its running jobs go on",
    ProviderAction.RESUME: "give one new jobs again",
}


def add_providers(subparsers: Subparsers) -> None:
    """Add `providers` and its commands, whose arguments `read_providers_command` reads."""
    what = "list the video APIs and choose which get new jobs; the bot may be running"
    providers = subparsers.add_parser("providers", help=what, description=what)
    providers.add_argument(
        "--check", action="store_true", help="call the configured ones, free of charge"
    )
    providers.add_argument(
        "--markdown", action="store_true", help="print only the table of the documentation"
    )
    ways = providers.add_subparsers(dest="way", metavar="use | drain | resume")
    for way in ProviderAction:
        _add_action(ways, way)


def read_providers_command(arguments: argparse.Namespace) -> ListProviders | ChooseProvider:
    """Return the command that the arguments mean."""
    if arguments.way is None:
        return ListProviders(is_live=arguments.check, is_markdown=arguments.markdown)
    return ChooseProvider(action=ProviderAction(arguments.way), name=arguments.name)


def _add_action(subparsers: Subparsers, action: ProviderAction) -> Parser:
    parser = subparsers.add_parser(action.value, help=_HELP[action], description=_HELP[action])
    # argparse lists the names when one is wrong, so the metavar need not.
    names = registry.provider_names()
    if action is not ProviderAction.USE:
        parser.add_argument("name", metavar="NAME", choices=names)
        return parser
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", metavar="NAME", nargs="?", choices=names)
    which.add_argument("--usual", action="store_true", help="none before the others")
    return parser


#: Attempts to store a choice while other writers change it.
_MAX_TRIES = 5


async def run_providers(
    settings: Settings, command: ListProviders | ChooseProvider, clock: Clock
) -> tuple[bool, str]:
    """Run a command; return whether all is well, and a report for the operator.

    All is well unless a configured provider has wrong settings or a live call failed. Changes are
    audited as the operator's.
    Raises StorageError, for a choice also when there is no database; RefusedError for a name that
    VIDEO_PROVIDERS lacks; and SettingsError.
    """
    match command:
        case ListProviders(is_markdown=True):
            return True, provider_table.markdown_table(await default_facts(clock))
        case ListProviders():
            return await _list_providers(settings, clock, is_live=command.is_live)
        case ChooseProvider():
            context = await open_admin_context(settings)
            try:
                return True, await _choose_provider(context, settings, command)
            finally:
                await context.store.close()


async def _list_providers(settings: Settings, clock: Clock, *, is_live: bool) -> tuple[bool, str]:
    check_provider_names(settings)
    bot_wide = await _bot_wide_settings(settings)
    checked: tuple[ProviderCheck, ...] = ()
    if is_live:
        usable = (
            name
            for name in settings.video_providers
            if settings_fault(name, settings, clock) is None
        )
        checked = await check_providers(replace(settings, video_providers=tuple(usable)), clock)
    facts = await collect_facts(settings, clock, is_live=is_live)
    is_healthy = not any(each.faulty_variable for each in facts) and not any(
        each.outcome in (CheckOutcome.REFUSED, CheckOutcome.TROUBLE) for each in checked
    )
    return is_healthy, provider_table.terminal_table(
        facts, bot_wide, {each.name: each for each in checked}
    )


async def _bot_wide_settings(settings: Settings) -> GuildSettings:
    """Return the settings for all guilds; the defaults when there is no database yet."""
    if not await asyncio.to_thread(database_path(settings).exists):
        return GuildSettings()
    context = await open_admin_context(settings)
    try:
        return await context.guild_store.guild_settings(EVERYWHERE)
    finally:
        await context.store.close()


async def _choose_provider(
    context: AdminContext, settings: Settings, command: ChooseProvider
) -> str:
    name = command.name
    if (
        name is not None
        and name not in settings.video_providers
        and command.action is not ProviderAction.RESUME
    ):
        named = ", ".join(settings.video_providers)
        raise RefusedError(f"VIDEO_PROVIDERS does not name {name}, only {named}")
    for _ in range(_MAX_TRIES):
        seen = await context.guild_store.guild_settings(EVERYWHERE)
        wanted = apply_choice(seen, command)
        operator = Actor(user_id=None, at=context.clock.now())
        if await context.guild_store.replace_guild_settings(
            EVERYWHERE, wanted, operator, expected=seen
        ):
            running = 0 if name is None else await context.store.slots_taken(name)
            report = provider_table.describe_choice(
                seen, wanted, settings.video_providers, name, running
            )
            return f"{report}\n{await asyncio.to_thread(_shell_context, settings)}"
    raise RefusedError("the choice was changed at the same time; try again")


def _shell_context(settings: Settings) -> str:
    """Return which settings of this shell the command used; blocks.

    A bot that was started in another folder or by a service manager may have others.
    """
    path = database_path(settings)
    try:
        seen = (
            "a bot runs on it"
            if InstanceLock.is_held(path)
            else "NO BOT runs on it: is it the right one?"
        )
    except StorageError as error:
        seen = str(error)
    return (
        f"  Database: {path.resolve()} ({seen})\n"
        f"  VIDEO_PROVIDERS in this shell: {', '.join(settings.video_providers)}; "
        "the bot uses its own"
    )


def apply_choice(guild_settings: GuildSettings, command: ChooseProvider) -> GuildSettings:
    """Return the settings for all guilds after a choice."""
    name, first = command.name, guild_settings.preferred_provider
    drained = tuple(each for each in guild_settings.drained_providers if each != name)
    match command.action:
        case ProviderAction.USE:
            return replace(guild_settings, preferred_provider=name, drained_providers=drained)
        case ProviderAction.DRAIN:
            # A provider must not be both preferred and drained.
            first = None if first == name else first
            drained = (*drained, *(() if name is None else (name,)))
            return replace(guild_settings, preferred_provider=first, drained_providers=drained)
        case ProviderAction.RESUME:
            return replace(guild_settings, drained_providers=drained)
