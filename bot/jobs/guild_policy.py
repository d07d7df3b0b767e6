"""Guild settings applied to what a member asks for; pure, no I/O."""

from __future__ import annotations

from dataclasses import replace

from bot.errors import ForbiddenByGuildError
from bot.guild import GuildSettings, Remixers
from bot.jobs.catalogue import Catalogue, ClipOptions
from bot.model import Job, Viewer


def check_place(settings: GuildSettings, viewer: Viewer) -> None:
    """Raise ForbiddenByGuildError, naming the allowed channels, unless the viewer is in one."""
    if settings.channel_ids and not viewer.channel_ids.intersection(settings.channel_ids):
        where = ", ".join(f"<#{each}>" for each in settings.channel_ids[:10])
        raise ForbiddenByGuildError(f"Clips are made elsewhere in this server: {where}.")


def check_remix(settings: GuildSettings, parent: Job, viewer: Viewer) -> None:
    """Raise ForbiddenByGuildError unless the viewer may remix or extend `parent`."""
    if parent.user_id == viewer.user_id or settings.remixers is Remixers.EVERYBODY:
        return
    if settings.remixers is Remixers.NOBODY:
        raise ForbiddenByGuildError("In this server everybody remixes only their own clips.")
    if settings.remix_role_id not in viewer.role_ids:
        raise ForbiddenByGuildError(
            f"In this server <@&{settings.remix_role_id}> may remix others' clips."
        )


def with_guild_defaults(
    settings: GuildSettings, catalogue: Catalogue, options: ClipOptions
) -> ClipOptions:
    """Return `options` with the guild's defaults where it has none and they are offered.

    catalogue  the models that the guild allows.
    Raises BadOptionError for a model that is not in it.
    """
    fits = (each for each in catalogue.offers if options.image is None or each.model.takes_image)
    if options.model is None and any(each.key == settings.default_model for each in fits):
        options = replace(options, model=settings.default_model)
    chosen = catalogue.offers if options.model is None else (catalogue.offer_named(options.model),)
    lengths = {each for offer in chosen for each in offer.model.seconds}
    if options.seconds is None and settings.default_seconds in lengths:
        options = replace(options, seconds=settings.default_seconds)
    sizes = {str(each) for offer in chosen for each in offer.model.sizes}
    if options.size is None and settings.default_size in sizes:
        options = replace(options, size=settings.default_size)
    return options
