"""Choices of autocomplete. Members can type anything else, so submit checks everything again."""

from collections.abc import Iterable, Sequence

import discord
from discord import app_commands

from bot.chat import text
from bot.chat.clips.clip_text import request_text
from bot.chat.viewers import job_service_of, viewer_of
from bot.errors import BadOptionError, NoProviderError
from bot.jobs.catalogue import Catalogue, Offer
from bot.model import Job
from bot.quota.sentences import dollars

#: With more choices or a longer name Discord shows no choice at all.
_MAX_CHOICES = 25
_NAME_CHARS = 100


async def offered_models(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Complete a `model` option with the models that the guild allows."""
    jobs = job_service_of(interaction)
    offered = await jobs.catalogue_for(viewer_of(interaction))
    return model_choices(offered, typed, with_provider=len(jobs.provider_admin.names) > 1)


async def known_models(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Complete a `model` option with all models, also those that are no longer offered."""
    known = {
        offer.model.name: offer
        for offer in reversed(job_service_of(interaction).catalogue.all_offers)
    }
    return _first_choices(
        app_commands.Choice(name=offer.model.label[:_NAME_CHARS], value=offer.option_value)
        for offer in reversed(known.values())
        if typed.casefold() in f"{offer.key} {offer.model.label}".casefold()
    )


async def offered_seconds(
    interaction: discord.Interaction, typed: int | str
) -> list[app_commands.Choice[int]]:
    """Complete a `seconds` option for the command's `model`, if that is filled in."""
    offered = await job_service_of(interaction).catalogue_for(viewer_of(interaction))
    return seconds_choices(offered, interaction.namespace.model, str(typed))


async def offered_sizes(
    interaction: discord.Interaction, typed: str
) -> list[app_commands.Choice[str]]:
    """Complete a `size` option for the command's `model` and `seconds`."""
    chosen = interaction.namespace
    offered = await job_service_of(interaction).catalogue_for(viewer_of(interaction))
    return size_choices(offered, chosen.model, chosen.seconds, typed)


def model_choices(
    catalogue: Catalogue, typed: str, *, with_provider: bool = True
) -> list[app_commands.Choice[str]]:
    """Return the models whose name holds `typed`, with the price of their shortest clip.

    with_provider  whether the name says which provider has it.
    """
    return _first_choices(
        app_commands.Choice(
            name=_model_name(offer, with_provider=with_provider), value=offer.option_value
        )
        for offer in catalogue.offers
        if typed.casefold() in f"{offer.key} {offer.model.label}".casefold()
    )


def seconds_choices(
    catalogue: Catalogue, model: str | None, typed: str
) -> list[app_commands.Choice[int]]:
    """Return the lengths that the chosen (or any) model can do."""
    lengths = {each for offer in _matching_offers(catalogue, model) for each in offer.model.seconds}
    return [
        app_commands.Choice(name=f"{each} s", value=each)
        for each in sorted(lengths)
        if str(each).startswith(typed)
    ][:_MAX_CHOICES]


def size_choices(
    catalogue: Catalogue, model: str | None, seconds: int | None, typed: str
) -> list[app_commands.Choice[str]]:
    """Return the sizes that the chosen (or preferred) model can do, with the price of a clip."""
    choices: dict[str, app_commands.Choice[str]] = {}
    for offer in _matching_offers(catalogue, model):
        length = seconds if seconds in offer.model.seconds else offer.model.seconds[0]
        for size in offer.model.sizes:
            if typed.casefold() in str(size) and str(size) not in choices:
                price = dollars(offer.model.price_usd_micros(length, size))
                shape = "wide" if size.width_px > size.height_px else "tall"
                name = f"{size} · {shape} · {price} for {length} s"
                choices[str(size)] = app_commands.Choice(name=name, value=str(size))
    return _first_choices(choices.values())


def job_choices(jobs: Sequence[Job], typed: str) -> list[app_commands.Choice[str]]:
    """Return jobs whose id or prompt holds `typed`."""
    wanted = typed.strip().casefold()
    return _first_choices(
        app_commands.Choice(
            name=f"{job.id} · {text.STATE_TITLES[job.state]} · {request_text(job)}"[:_NAME_CHARS],
            value=job.id,
        )
        for job in jobs
        if wanted in f"{job.id} {job.spec.prompt}".casefold()
    )


def clip_choices(jobs: Sequence[Job]) -> list[app_commands.Choice[str]]:
    """Return the found clips by id and request."""
    return _first_choices(
        app_commands.Choice(name=f"{job.id} · {request_text(job)}"[:_NAME_CHARS], value=job.id)
        for job in jobs
    )


def _matching_offers(catalogue: Catalogue, model: str | None) -> Sequence[Offer]:
    if not model:
        return catalogue.offers
    try:
        return [catalogue.offer_named(model)]
    except (BadOptionError, NoProviderError):
        return catalogue.offers


def _model_name(offer: Offer, *, with_provider: bool) -> str:
    model = offer.model
    usd_micros = model.price_usd_micros(model.seconds[0], model.sizes[0])
    facts = [offer.provider] if with_provider else []
    facts.append(f"{dollars(usd_micros)} a clip" if usd_micros else dollars(0))
    facts += ["audio"] if model.has_audio else []
    rest = "".join(f" · {each}" for each in facts)
    # Only the label is cut, never the price.
    max_chars = _NAME_CHARS - len(rest)
    label = model.label
    if len(label) > max_chars:
        label = f"{label[: max_chars - 1].rstrip()}…"
    return label + rest


def _first_choices(choices: Iterable[app_commands.Choice[str]]) -> list[app_commands.Choice[str]]:
    return list(choices)[:_MAX_CHOICES]
