"""The video services as a moderator in a hurry reads them: how each is, and who gets the next clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import discord
from discord import app_commands

from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.serving import job_service_of
from bot.chat.text import escaped
from bot.chat.viewers import viewer_of
from bot.errors import ModeratorsOnlyError, RefusedError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.guild_policy import with_guild_defaults
from bot.jobs.provider_admin import ProviderStatus
from bot.jobs.service import JobService
from bot.model import Viewer
from bot.providers.base import Model
from bot.providers.health import CircuitState
from bot.quota.sentences import relative

#: So many models of a service are named, fewer where all of it gets too long, each with so many
#: characters.
_MODELS_SHOWN = (4, 2, 0)
_LABEL_CHARS = 30
#: 2026-11: an embed's description has room for 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 4000
_NEXT_NOTE = "▶ next: who makes the next clip of a member who names no model."
_NO_PROVIDER_NOTE = (
    "⚠️ **Nobody takes new clips now**: members who ask for one are told so. "
    "`drain` with `back` gives a service work again."
)
_CONDITION_LABELS = {
    CircuitState.CLOSED: "✅ ok",
    CircuitState.COOLING_DOWN: "⏳ pause",
    CircuitState.OUT: "⛔ out",
}


async def offered_providers(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Complete the name of a video service with how each is now; nothing for others than moderators."""
    by = viewer_of(interaction)
    if not by.is_moderator:
        return []
    kitchens = await job_service_of(interaction).provider_admin.all(by.guild_id)
    return [
        app_commands.Choice(name=f"{each.name} · {_condition_label(each)}", value=each.name)
        for each in kitchens
        if typed.strip().casefold() in each.name
    ][:25]


async def build_providers_message(jobs: JobService, by: Viewer, now: datetime) -> EmbedMessage:
    """Return the services as `by`'s server has them, in the order in which they are tried.

    Raises ModeratorsOnlyError.
    """
    if by.guild_id is None or not by.is_moderator:
        raise ModeratorsOnlyError
    kitchens = await jobs.provider_admin.all(by.guild_id)
    first = await _next_provider(jobs, by, by.guild_id, kitchens)
    embed = discord.Embed(title="Video services", colour=DEFAULT_COLOUR)
    embed.description = _description(kitchens, first, now)
    if first is not None:
        embed.set_footer(text=_NEXT_NOTE)
    return EmbedMessage(embed=embed, view=None)


async def preference_changed(jobs: JobService, by: Viewer, name: str | None) -> str:
    """Return the answer after a service, or the usual order (None), was chosen."""
    if name is None:
        return "The services are tried in the operator's order again."
    chosen = await _provider_named(jobs, by, name)
    said = f"`{chosen.name}` is tried first here from now on. Clips under way stay where they are."
    if chosen.drained_everywhere:
        return f"{said} But the bot's operator has drained it: so far it gets none."
    if not chosen.takes_work:
        return f"{said} It takes none at this moment: those who can make them get the next clips."
    return said


async def drain_changed(jobs: JobService, by: Viewer, name: str, *, back: bool) -> str:
    """Return the answer after a service was drained, or given work again."""
    chosen = await _provider_named(jobs, by, name)
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


def provider_state(provider: ProviderStatus, now: datetime) -> tuple[str, str]:
    """Return a sign for whether a service gets work here, and in words why not and for how long."""
    if provider.models and all(each.is_retired(now) for each in provider.models):
        return "🗄️", "retired: none of its models is made any more"
    drained_by = ["by the operator"] if provider.drained_everywhere else []
    drained_by += ["here"] if provider.drained_here else []
    sign, health = _health_text(provider)
    if not drained_by:
        return sign, health
    # A pause is over before a drain is; an outage may be why it is drained.
    is_out = provider.health.circuit is CircuitState.OUT
    return "🚰", f"drained {' and '.join(drained_by)}{f' · {sign} {health}' if is_out else ''}"


async def _next_provider(
    jobs: JobService, by: Viewer, guild_id: int, providers: Sequence[ProviderStatus]
) -> str | None:
    """Return who gets the next order of somebody who names no model; None: it would be refused."""
    catalogue = await jobs.catalogue_for(by)
    rules = await jobs.moderation.settings(guild_id)
    wish = ClipOptions(prompt=".")
    try:
        order = catalogue.resolve(with_guild_defaults(rules, catalogue, wish), wish.prompt)
    except RefusedError:
        return None
    if not any(each.name == order.provider and each.takes_work for each in providers):
        # As the order will fare: it waits only where nobody else can make it now.
        order = next(catalogue.alternatives(replace(order, any_model=True)), order)
    return order.provider


async def _provider_named(jobs: JobService, by: Viewer, name: str) -> ProviderStatus:
    wanted = name.strip().lower()
    kitchens = await jobs.provider_admin.all(by.guild_id)
    return next(each for each in kitchens if each.name == wanted)


def _description(providers: Sequence[ProviderStatus], next_name: str | None, now: datetime) -> str:
    page = ""
    for named in _MODELS_SHOWN:
        lines = [
            _provider_line(each, now, named, is_next=each.name == next_name) for each in providers
        ]
        # Apart from each other: on a telephone each takes two or three lines.
        page = "\n\n".join([*lines, *([_NO_PROVIDER_NOTE] if next_name is None else [])])
        if len(page) <= _DESCRIPTION_CHARS:
            break
    return page


def _provider_line(
    provider: ProviderStatus, now: datetime, max_models: int, *, is_next: bool
) -> str:
    sign, words = provider_state(provider, now)
    parts = [f"{sign} **{provider.name}**", words]
    if is_next:
        parts.append("▶ **next**")
    if provider.is_preferred:
        parts.append("⭐ tried first here")
    parts.append(f"{provider.running} of {provider.slots} under way")
    parts.append(_model_labels(provider.models, now, max_models))
    return " · ".join(parts)


def _model_labels(models: Sequence[Model], now: datetime, max_models: int) -> str:
    labels = [
        escaped(each.label, _LABEL_CHARS) + (" (retired)" if each.is_retired(now) else "")
        for each in sorted(models, key=lambda each: each.is_retired(now))
    ]
    if not labels:
        return "no models known yet"
    if not max_models:
        return f"{len(labels)} models"
    more = f" and {len(labels) - max_models} more" if len(labels) > max_models else ""
    return ", ".join(labels[:max_models]) + more


def _health_text(provider: ProviderStatus) -> tuple[str, str]:
    health = provider.health
    if _is_healthy(provider) or health.until is None:
        return "✅", "ok"
    if health.circuit is CircuitState.COOLING_DOWN:
        return "⏳", f"pause, ends {relative(health.until)}: {health.reason}"
    again = "the next clip tries it" if provider.takes_work else f"again {relative(health.until)}"
    return "⛔", f"out since {relative(health.since)}: {health.reason} ({again})"


def _is_healthy(provider: ProviderStatus) -> bool:
    # A pause that is over was one; an outage is over when an order was taken.
    return provider.takes_work and provider.health.circuit is not CircuitState.OUT


def _condition_label(provider: ProviderStatus) -> str:
    if provider.drained_everywhere or provider.drained_here:
        return "🚰 drained"
    return _CONDITION_LABELS[
        CircuitState.CLOSED if _is_healthy(provider) else provider.health.circuit
    ]
