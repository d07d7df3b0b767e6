"""The providers for moderators: the health of each, and which one makes the next clip."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import discord
from discord import app_commands

from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.text import escaped, fitted
from bot.chat.viewers import job_service_of, viewer_of
from bot.errors import RefusedError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.ordering import with_guild_defaults
from bot.jobs.provider_admin import ProviderStatus
from bot.jobs.service import JobService
from bot.model import Viewer
from bot.providers.base import Model
from bot.providers.health import CircuitState
from bot.quota.sentences import relative

#: Most models that are named for each provider; the next number if the text gets too long.
_MODELS_SHOWN = (4, 2, 0)
_LABEL_CHARS = 30
#: 2026-11: an embed's description holds 4096 characters (Discord's documentation).
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
    """Complete the name of a provider, with its health; offers nothing unless to moderators."""
    by = viewer_of(interaction)
    if not by.is_moderator:
        return []
    providers = await job_service_of(interaction).provider_admin.all(by.guild_id)
    return [
        app_commands.Choice(name=f"{each.name} · {_condition_label(each)}", value=each.name)
        for each in providers
        if typed.strip().casefold() in each.name
    ][:25]


async def build_providers_message(jobs: JobService, by: Viewer, now: datetime) -> EmbedMessage:
    """Return the providers as `by`'s guild has them, in the order in which they are tried.

    Raises ModeratorsOnlyError.
    """
    guild_id = by.moderated_guild_id()
    providers = await jobs.provider_admin.all(guild_id)
    next_name = await _next_provider(jobs, by, guild_id, providers)
    embed = discord.Embed(title="Video services", colour=DEFAULT_COLOUR)
    embed.description = _description(providers, next_name, now)
    if next_name is not None:
        embed.set_footer(text=_NEXT_NOTE)
    return EmbedMessage(embed=embed, view=None)


async def preference_changed(jobs: JobService, by: Viewer, name: str | None) -> str:
    """Return the answer after a provider, or the usual order (None), was chosen."""
    if name is None:
        return "The services are tried in the operator's order again."
    chosen = await _provider_named(jobs, by, name)
    answer = (
        f"`{chosen.name}` is tried first here from now on. Clips under way stay where they are."
    )
    if chosen.drained_everywhere:
        return f"{answer} But the bot's operator has drained it: so far it gets none."
    if not chosen.takes_work:
        return f"{answer} It takes none at this moment: those who can make them get the next clips."
    return answer


async def drain_changed(jobs: JobService, by: Viewer, name: str, *, back: bool) -> str:
    """Return the answer after a provider was drained, or (`back`) is no longer."""
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
    """Return an emoji for a provider's state in a guild, and in words why it is so and until when."""
    if provider.models and all(each.is_retired(now) for each in provider.models):
        return "🗄️", "retired: none of its models is made any more"
    drained_by = ["by the operator"] if provider.drained_everywhere else []
    drained_by += ["here"] if provider.drained_here else []
    sign, health = _health_text(provider)
    if not drained_by:
        return sign, health
    # A cooldown ends before a drain; an outage may be the reason for the drain.
    is_out = provider.health.circuit is CircuitState.OUT
    return "🚰", f"drained {' and '.join(drained_by)}{f' · {sign} {health}' if is_out else ''}"


async def _next_provider(
    jobs: JobService, by: Viewer, guild_id: int, providers: Sequence[ProviderStatus]
) -> str | None:
    """Return which provider gets the next clip without a model; None if it would be refused."""
    catalogue = await jobs.catalogue_for(by)
    settings = await jobs.moderation.settings(guild_id)
    options = ClipOptions(prompt=".")
    try:
        spec = catalogue.resolve(with_guild_defaults(settings, catalogue, options), options.prompt)
    except RefusedError:
        return None
    if not any(each.name == spec.provider and each.takes_work for each in providers):
        # The job fails over, and waits only if no other provider can make it now.
        spec = next(catalogue.alternatives(replace(spec, any_model=True)), spec)
    return spec.provider


async def _provider_named(jobs: JobService, by: Viewer, name: str) -> ProviderStatus:
    wanted = name.strip().lower()
    providers = await jobs.provider_admin.all(by.guild_id)
    return next(each for each in providers if each.name == wanted)


def _description(providers: Sequence[ProviderStatus], next_name: str | None, now: datetime) -> str:
    note = [_NO_PROVIDER_NOTE] if next_name is None else []

    def page(max_models: int) -> str:
        lines = [
            _provider_line(each, now, max_models, is_next=each.name == next_name)
            for each in providers
        ]
        # With blank lines between: on a phone each takes two or three lines.
        return "\n\n".join(lines + note)

    return fitted(page, _DESCRIPTION_CHARS, _MODELS_SHOWN)


def _provider_line(
    provider: ProviderStatus, now: datetime, max_models: int, *, is_next: bool
) -> str:
    emoji, state = provider_state(provider, now)
    parts = [f"{emoji} **{provider.name}**", state]
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
    # A cooldown ends by itself; an outage ends when the provider accepts a request.
    return provider.takes_work and provider.health.circuit is not CircuitState.OUT


def _condition_label(provider: ProviderStatus) -> str:
    if provider.drained_everywhere or provider.drained_here:
        return "🚰 drained"
    return _CONDITION_LABELS[
        CircuitState.CLOSED if _is_healthy(provider) else provider.health.circuit
    ]
