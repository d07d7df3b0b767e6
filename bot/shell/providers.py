"""`python -m bot providers …`: lists and chooses providers; the bot may be running."""

import argparse
import asyncio
from dataclasses import replace
from enum import StrEnum

from bot.app import AdminContext, database_path, open_admin_context
from bot.clock import Clock
from bot.errors import RefusedError, StorageError
from bot.guild import EVERYWHERE, GuildSettings
from bot.providers import registry
from bot.providers.registry import check_provider_names
from bot.settings import Settings
from bot.shell import provider_table
from bot.shell.arguments import Subparsers
from bot.shell.provider_facts import (
    CheckOutcome,
    ProviderCheck,
    check_providers,
    collect_facts,
    default_facts,
    settings_fault,
)
from bot.storage.guild_settings import Actor
from bot.storage.instance_lock import InstanceLock

#: Attempts to store a choice while other writers change it.
_MAX_TRIES = 5


class ProviderAction(StrEnum):
    """What the operator can choose for all guilds."""

    #: Try the provider before the others, and resume it.
    USE = "use"
    #: Give the provider no new jobs.
    DRAIN = "drain"
    #: End a drain.
    RESUME = "resume"


#: The help line of each action on the command line.
_HELP = {
    ProviderAction.USE: "try one before all others, and resume it; --usual: back to the order of VIDEO_PROVIDERS",
    ProviderAction.DRAIN: "give one no new jobs; its running jobs go on",
    ProviderAction.RESUME: "give one new jobs again",
}


def add_providers(subparsers: Subparsers) -> None:
    """Add `providers` and its commands, whose arguments `run_providers` reads."""
    what = "list the video APIs and choose which get new jobs; the bot may be running"
    providers = subparsers.add_parser("providers", help=what, description=what)
    check_help, table_help = (
        "call the configured ones, free of charge",
        "print only the table of the documentation",
    )
    providers.add_argument("--check", action="store_true", help=check_help)
    providers.add_argument("--markdown", action="store_true", help=table_help)
    ways = providers.add_subparsers(dest="way", metavar="use | drain | resume")
    # argparse lists the names when one is wrong, so the metavar need not.
    names = registry.provider_names()
    for action, help_line in _HELP.items():
        parser = ways.add_parser(action.value, help=help_line, description=help_line)
        if action is not ProviderAction.USE:
            parser.add_argument("name", metavar="NAME", choices=names)
            continue
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("name", metavar="NAME", nargs="?", choices=names)
        which.add_argument("--usual", action="store_true", help="none before the others")


async def run_providers(
    settings: Settings, arguments: argparse.Namespace, clock: Clock
) -> tuple[bool, str]:
    """Run a command; return whether all is well, and a report for the operator.

    Raises StorageError, RefusedError and SettingsError.
    """
    if arguments.way is not None:
        action = ProviderAction(arguments.way)
        return True, await choose_provider(settings, action, arguments.name)
    if arguments.markdown:
        return True, provider_table.markdown_table(await default_facts(clock))
    return await list_providers(settings, clock, is_live=arguments.check)


async def list_providers(settings: Settings, clock: Clock, *, is_live: bool) -> tuple[bool, str]:
    """Return whether all providers are usable, and a table of all video APIs.

    is_live  also make one free call to each configured provider.
    A provider is not usable when its settings are wrong or the free call failed.
    Raises StorageError and SettingsError.
    """
    check_provider_names(settings)
    bot_wide = await _bot_wide_settings(settings)
    checked: tuple[ProviderCheck, ...] = ()
    if is_live:
        names = settings.video_providers
        usable = tuple(name for name in names if settings_fault(name, settings, clock) is None)
        checked = await check_providers(replace(settings, video_providers=usable), clock)
    facts = await collect_facts(settings, clock, is_live=is_live)
    is_healthy = not any(each.faulty_variable for each in facts) and not any(
        each.outcome in (CheckOutcome.REFUSED, CheckOutcome.TROUBLE) for each in checked
    )
    return is_healthy, provider_table.terminal_table(
        facts, bot_wide, {each.name: each for each in checked}
    )


async def _bot_wide_settings(settings: Settings) -> GuildSettings:
    if not await asyncio.to_thread(database_path(settings).exists):
        return GuildSettings()
    context = await open_admin_context(settings)
    try:
        return await context.guild_store.guild_settings(EVERYWHERE)
    finally:
        await context.store.close()


async def choose_provider(settings: Settings, action: ProviderAction, name: str | None) -> str:
    """Store the operator's choice for all guilds, and return a report.

    name  the provider; None only with USE: go back to the order of VIDEO_PROVIDERS.
    The audit log names the operator. Raises StorageError, also when there is no database;
    RefusedError for a name that VIDEO_PROVIDERS lacks, or when other writers always interfere.
    """
    context = await open_admin_context(settings)
    try:
        return await _store_choice(context, settings, action, name)
    finally:
        await context.store.close()


async def _store_choice(
    context: AdminContext, settings: Settings, action: ProviderAction, name: str | None
) -> str:
    names, store = settings.video_providers, context.guild_store
    if name is not None and name not in names and action is not ProviderAction.RESUME:
        raise RefusedError(f"VIDEO_PROVIDERS does not name {name}, only {', '.join(names)}")
    for _ in range(_MAX_TRIES):
        seen = await store.guild_settings(EVERYWHERE)
        wanted = apply_choice(seen, action, name)
        operator = Actor(user_id=None, at=context.clock.now())
        if await store.replace_guild_settings(EVERYWHERE, wanted, operator, expected=seen):
            running = 0 if name is None else await context.store.slots_taken(name)
            report = provider_table.describe_choice(seen, wanted, names, name, running)
            return f"{report}\n{await asyncio.to_thread(_shell_context, settings)}"
    raise RefusedError("the choice was changed at the same time; try again")


def _shell_context(settings: Settings) -> str:
    """Return which database and VIDEO_PROVIDERS the command used; blocks.

    A bot that was started in another folder or by a service manager may use others.
    """
    path = database_path(settings)
    try:
        is_held = InstanceLock.is_held(path)
        seen = "a bot runs on it" if is_held else "NO BOT runs on it: is it the right one?"
    except StorageError as error:
        seen = str(error)
    return (
        f"  Database: {path.resolve()} ({seen})\n"
        f"  VIDEO_PROVIDERS in this shell: {', '.join(settings.video_providers)}; "
        "the bot uses its own"
    )


def apply_choice(
    guild_settings: GuildSettings, action: ProviderAction, name: str | None
) -> GuildSettings:
    """Return the settings for all guilds after the operator's choice about provider `name`."""
    first = guild_settings.preferred_provider
    drained = tuple(each for each in guild_settings.drained_providers if each != name)
    match action:
        case ProviderAction.USE:
            first = name
        case ProviderAction.DRAIN:
            # A provider must not be both preferred and drained.
            first = None if first == name else first
            drained = (*drained, *(() if name is None else (name,)))
        case ProviderAction.RESUME:
            pass
    return replace(guild_settings, preferred_provider=first, drained_providers=drained)
