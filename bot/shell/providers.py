"""`python -m bot providers …`: the video APIs looked at, and chosen from, beside a running bot."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.app import Desk, database_of, open_desk
from bot.clock import Clock
from bot.errors import RefusedError, StorageError
from bot.providers.registry import check_names
from bot.server import EVERYWHERE, HouseRules
from bot.settings import Settings
from bot.shell import provider_table
from bot.shell.kitchen_check import Checked, Verdict, check_all, is_usable
from bot.shell.provider_arguments import Choose, Look, Way
from bot.shell.provider_facts import documented, facts_of
from bot.storage.guard import Guard
from bot.storage.keeping import Actor

#: So often a choice is made again that somebody else has changed meanwhile.
_TRIES = 5


async def run_providers(
    settings: Settings, errand: Look | Choose, clock: Clock
) -> tuple[bool, str]:
    """Do what the operator asks for; return whether all is well, and what they read.

    All is well unless a configured API has wrong settings or, when called, does not answer as it
    should. Changes are audited as the operator's.
    Raises StorageError, for a choice also where there is no database yet; RefusedError for a name
    that VIDEO_PROVIDERS does not hold; and SettingsError.
    """
    match errand:
        case Look(is_markdown=True):
            return True, provider_table.markdown(await documented(clock))
        case Look():
            return await _look(settings, clock, is_live=errand.is_live)
        case Choose():
            desk = await open_desk(settings)
            try:
                return True, await _choose(desk, settings, errand)
            finally:
                await desk.store.close()


async def _look(settings: Settings, clock: Clock, *, is_live: bool) -> tuple[bool, str]:
    check_names(settings)
    rules = await _rules(settings)
    checked: tuple[Checked, ...] = ()
    if is_live:
        usable = (
            name for name in settings.video_providers if is_usable(name, settings, clock) is None
        )
        checked = await check_all(replace(settings, video_providers=tuple(usable)), clock)
    facts = await facts_of(settings, clock, is_live=is_live)
    is_well = not any(each.wrong for each in facts) and not any(
        each.verdict in (Verdict.REFUSED, Verdict.TROUBLE) for each in checked
    )
    return is_well, provider_table.terminal(facts, rules, {each.name: each for each in checked})


async def _rules(settings: Settings) -> HouseRules:
    """Return what was chosen for all servers; the defaults where there is no database yet."""
    if not await asyncio.to_thread(database_of(settings).exists):
        return HouseRules()
    desk = await open_desk(settings)
    try:
        return await desk.keeping.rules(EVERYWHERE)
    finally:
        await desk.store.close()


async def _choose(desk: Desk, settings: Settings, errand: Choose) -> str:
    name = errand.name
    if name is not None and name not in settings.video_providers and errand.way is not Way.RESUME:
        named = ", ".join(settings.video_providers)
        raise RefusedError(f"VIDEO_PROVIDERS does not name {name}, only {named}")
    for _ in range(_TRIES):
        seen = await desk.keeping.rules(EVERYWHERE)
        wanted = chosen(seen, errand)
        operator = Actor(user_id=None, at=desk.clock.now())
        if await desk.keeping.change_rules(EVERYWHERE, wanted, operator, seen=seen):
            running = 0 if name is None else await desk.store.slots_taken(name)
            told = provider_table.choice(seen, wanted, settings.video_providers, name, running)
            return f"{told}\n{await asyncio.to_thread(_place, settings)}"
    raise RefusedError("somebody else keeps changing the choice; try again")


def _place(settings: Settings) -> str:
    """Return what of this errand the settings of this shell decided; blocks.

    The bot may have been started with others: from another folder, or by a service manager.
    """
    path = database_of(settings)
    try:
        seen = "a bot runs on it" if Guard.is_held(path) else "I see NO BOT on it: is it the bot's?"
    except StorageError as error:
        seen = str(error)
    return (
        f"  Database: {path.resolve()} ({seen})\n"
        f"  VIDEO_PROVIDERS in this shell: {', '.join(settings.video_providers)}; "
        "the bot goes by its own"
    )


def chosen(rules: HouseRules, errand: Choose) -> HouseRules:
    """Return the rules after a choice."""
    name, first = errand.name, rules.preferred_provider
    drained = tuple(each for each in rules.drained_providers if each != name)
    match errand.way:
        case Way.USE:
            return replace(rules, preferred_provider=name, drained_providers=drained)
        case Way.DRAIN:
            # Both at once would tell the operator two things.
            first = None if first == name else first
            drained = (*drained, *(() if name is None else (name,)))
            return replace(rules, preferred_provider=first, drained_providers=drained)
        case Way.RESUME:
            return replace(rules, drained_providers=drained)
