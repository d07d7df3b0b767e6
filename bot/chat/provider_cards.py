"""The video services as a moderator in a hurry reads them: how each is, and who gets the next clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import discord
from discord import app_commands

from bot.chat.serving import jobs_of
from bot.chat.sheet import PLAIN, Sheet
from bot.chat.text import escaped
from bot.chat.viewers import viewer_of
from bot.errors import ModeratorsOnlyError, RefusedError
from bot.jobs.catalogue import Wish
from bot.jobs.house import furnished
from bot.jobs.kitchens import Kitchen
from bot.jobs.service import JobService
from bot.model import Viewer
from bot.providers.base import Model
from bot.providers.health import Condition
from bot.quota.sentences import relative

#: So many models of a service are named, fewer where all of it gets too long, each with so many
#: characters.
_NAMED = (4, 2, 0)
_LABEL_CHARS = 30
#: 2026-11: an embed's description has room for 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 4000
_NEXT = "▶ next: who makes the next clip of a member who names no model."
_NOBODY = (
    "⚠️ **Nobody takes new clips now**: members who ask for one are told so. "
    "`drain` with `back` gives a service work again."
)
_MARKS = {Condition.OK: "✅ ok", Condition.THROTTLED: "⏳ pause", Condition.OUT: "⛔ out"}


async def offered_services(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Complete the name of a video service with how each is now; nothing for others than moderators."""
    by = viewer_of(interaction)
    if not by.is_moderator:
        return []
    kitchens = await jobs_of(interaction).kitchens.all(by.guild_id)
    return [
        app_commands.Choice(name=f"{each.name} · {_mark(each)}", value=each.name)
        for each in kitchens
        if typed.strip().casefold() in each.name
    ][:25]


async def services_sheet(jobs: JobService, by: Viewer, now: datetime) -> Sheet:
    """Return the services as `by`'s server has them, in the order in which they are tried.

    Raises ModeratorsOnlyError.
    """
    if by.guild_id is None or not by.is_moderator:
        raise ModeratorsOnlyError
    kitchens = await jobs.kitchens.all(by.guild_id)
    first = await _next(jobs, by, by.guild_id, kitchens)
    embed = discord.Embed(title="Video services", colour=PLAIN)
    embed.description = _page(kitchens, first, now)
    if first is not None:
        embed.set_footer(text=_NEXT)
    return Sheet(embed=embed, view=None)


async def used(jobs: JobService, by: Viewer, name: str | None) -> str:
    """Return the answer after a service, or the usual order (None), was chosen."""
    if name is None:
        return "The services are tried in the operator's order again."
    chosen = await _seen(jobs, by, name)
    said = f"`{chosen.name}` is tried first here from now on. Clips under way stay where they are."
    if chosen.drained_everywhere:
        return f"{said} But the bot's operator has drained it: so far it gets none."
    if not chosen.takes_work:
        return f"{said} It takes none at this moment: those who can make them get the next clips."
    return said


async def drained(jobs: JobService, by: Viewer, name: str, *, back: bool) -> str:
    """Return the answer after a service was drained, or given work again."""
    chosen = await _seen(jobs, by, name)
    if not back:
        return (
            f"`{chosen.name}` gets no new clips from here. What it is making is finished there; "
            "what still waits goes to the next service that can make it."
        )
    if chosen.drained_everywhere:
        return (
            f"This server lets `{chosen.name}` have clips again, but its operator has drained it."
        )
    return f"`{chosen.name}` gets clips from here again."


def state_words(kitchen: Kitchen, now: datetime) -> tuple[str, str]:
    """Return a sign for whether a service gets work here, and in words why not and for how long."""
    if kitchen.models and all(each.is_retired(now) for each in kitchen.models):
        return "🗄️", "retired: none of its models is made any more"
    drained_by = ["by the operator"] if kitchen.drained_everywhere else []
    drained_by += ["here"] if kitchen.drained_here else []
    sign, health = _health_words(kitchen)
    if not drained_by:
        return sign, health
    # A pause is over before a drain is; an outage may be why it is drained.
    is_out = kitchen.health.condition is Condition.OUT
    return "🚰", f"drained {' and '.join(drained_by)}{f' · {sign} {health}' if is_out else ''}"


async def _next(
    jobs: JobService, by: Viewer, guild_id: int, kitchens: Sequence[Kitchen]
) -> str | None:
    """Return who gets the next order of somebody who names no model; None: it would be refused."""
    catalogue = await jobs.offered(by)
    rules = await jobs.keeper.rules(guild_id)
    wish = Wish(prompt=".")
    try:
        order = catalogue.order(furnished(rules, catalogue, wish), wish.prompt)
    except RefusedError:
        return None
    if not any(each.name == order.provider and each.takes_work for each in kitchens):
        # As the order will fare: it waits only where nobody else can make it now.
        order = next(catalogue.alternatives(replace(order, any_model=True)), order)
    return order.provider


async def _seen(jobs: JobService, by: Viewer, name: str) -> Kitchen:
    wanted = name.strip().lower()
    kitchens = await jobs.kitchens.all(by.guild_id)
    return next(each for each in kitchens if each.name == wanted)


def _page(kitchens: Sequence[Kitchen], first: str | None, now: datetime) -> str:
    page = ""
    for named in _NAMED:
        lines = [_line(each, now, named, is_next=each.name == first) for each in kitchens]
        # Apart from each other: on a telephone each takes two or three lines.
        page = "\n\n".join([*lines, *([_NOBODY] if first is None else [])])
        if len(page) <= _DESCRIPTION_CHARS:
            break
    return page


def _line(kitchen: Kitchen, now: datetime, named: int, *, is_next: bool) -> str:
    sign, words = state_words(kitchen, now)
    parts = [f"{sign} **{kitchen.name}**", words]
    if is_next:
        parts.append("▶ **next**")
    if kitchen.is_preferred:
        parts.append("⭐ tried first here")
    parts.append(f"{kitchen.running} of {kitchen.slots} under way")
    parts.append(_models(kitchen.models, now, named))
    return " · ".join(parts)


def _models(models: Sequence[Model], now: datetime, most: int) -> str:
    labels = [
        escaped(each.label, _LABEL_CHARS) + (" (retired)" if each.is_retired(now) else "")
        for each in sorted(models, key=lambda each: each.is_retired(now))
    ]
    if not labels:
        return "no models known yet"
    if not most:
        return f"{len(labels)} models"
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def _health_words(kitchen: Kitchen) -> tuple[str, str]:
    health = kitchen.health
    if _is_well(kitchen) or health.until is None:
        return "✅", "ok"
    if health.condition is Condition.THROTTLED:
        return "⏳", f"pause, ends {relative(health.until)}: {health.reason}"
    again = "the next clip tries it" if kitchen.takes_work else f"again {relative(health.until)}"
    return "⛔", f"out since {relative(health.since)}: {health.reason} ({again})"


def _is_well(kitchen: Kitchen) -> bool:
    # A pause that is over was one; an outage is over when an order was taken.
    return kitchen.takes_work and kitchen.health.condition is not Condition.OUT


def _mark(kitchen: Kitchen) -> str:
    if kitchen.drained_everywhere or kitchen.drained_here:
        return "🚰 drained"
    return _MARKS[Condition.OK if _is_well(kitchen) else kitchen.health.condition]
