"""Turns a member's request into new jobs, under the settings of the guild where it was made."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from bot.errors import (
    BadOptionError,
    ClipExpiredError,
    ForbiddenByGuildError,
    NoSuchClipError,
    RemixForbiddenError,
)
from bot.guild import GuildSettings
from bot.jobs.catalogue import Catalogue, ClipOptions, ModelSelection, Offer
from bot.jobs.library import Library
from bot.jobs.remixing import Remixing
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Operation, RenderSpec, Request, Viewer
from bot.safety.prompt_gate import PromptGate
from bot.storage.base import NewJob

#: The errors that say that a clip can't be remixed or extended by its viewer.
_NO_PARENT = (ClipExpiredError, ForbiddenByGuildError, NoSuchClipError, RemixForbiddenError)


class Ordering:
    """Makes new jobs from requests and reserves nothing. A refusal is a RefusedError."""

    def __init__(self, ctx: WorkerContext, library: Library) -> None:
        self._catalogue = ctx.catalogue
        self._settings_cache = ctx.settings_cache
        self._library = library
        self._gate = PromptGate()

    async def catalogue_for(self, guild_id: int | None) -> Catalogue:
        """Return the offers of a guild, or with None those of direct messages."""
        return await self._selected(await self._settings_cache.settings(guild_id))

    async def generate(
        self, options: ClipOptions, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return a new job for each variant that `options` ask for."""
        settings = await self._settings_cache.settings(viewer.guild_id)
        _check_place(settings, viewer)
        catalogue = await self._selected(settings)
        full = with_guild_defaults(settings, catalogue, options)
        spec = catalogue.resolve(full, self._gate.sanitize(options.prompt))
        spec = replace(spec, any_model=options.model is None)
        return [NewJob(spec=spec, seed=_seed(request.id, each)) for each in range(options.count)]

    async def remix(
        self, clip_id: str, options: ClipOptions, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return the job that remakes a clip with the change that `options.prompt` describes."""
        catalogue = await self._catalogue_for_viewer(viewer)
        remixing = Remixing(catalogue, self._gate, await self._library.parent(clip_id, viewer))
        return [remixing.remix(options, _seed(request.id, 0))]

    async def extend(
        self, clip_id: str, words: str | None, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return the job that continues a clip, as `words` describe or with its own prompt."""
        catalogue = await self._catalogue_for_viewer(viewer)
        remixing = Remixing(catalogue, self._gate, await self._library.parent(clip_id, viewer))
        return [remixing.extend(words, _seed(request.id, 0))]

    async def repeat(self, clip_id: str, viewer: Viewer, request: Request) -> Sequence[NewJob]:
        """Return the job that makes a clip once more, with another seed."""
        catalogue = await self._catalogue_for_viewer(viewer)
        before = (await self._library.parent(clip_id, viewer)).job
        spec, seed = before.spec, _seed(request.id, 0)
        offer = _repeat_offer(catalogue, spec)
        any_model = spec.any_model or offer is None
        options = ClipOptions(
            prompt=spec.prompt,
            model=None if offer is None else offer.key,
            seconds=spec.seconds,
            size=str(spec.size),
            image=spec.image,
        )
        if before.parent_id is None:
            new_job = NewJob(spec=self._resolve_again(catalogue, options), seed=seed)
        else:
            new_job = await self._repeat_child(catalogue, before, options, viewer, seed)
        return [replace(new_job, spec=replace(new_job.spec, any_model=any_model))]

    async def _repeat_child(
        self, catalogue: Catalogue, before: Job, options: ClipOptions, viewer: Viewer, seed: int
    ) -> NewJob:
        """Return the job that repeats the remix or extension `before` from the same parent.

        Where the parent is gone, a remix is made from its own prompt. Raises RemixForbiddenError
        when an extension's parent is gone, or when the viewer may not use the parent.
        """
        spec, parent_id = before.spec, before.parent_id or ""
        try:
            parent = await self._library.parent(parent_id, viewer)
        except _NO_PARENT as refusal:
            is_expired = isinstance(refusal, ClipExpiredError)
            if not is_expired and not await self._library.is_gone(parent_id):
                text = f"`{before.id}` was made from a clip that you can't use"
                raise RemixForbiddenError(f"{text}: it can't be repeated.") from refusal
            if spec.operation is Operation.EXTEND:
                text = f"The clip that `{before.id}` goes on from is gone: it can't be repeated."
                raise RemixForbiddenError(text) from refusal
            # The repeat stays a remix, so that others read its change and not the parent's prompt.
            again = self._resolve_again(catalogue, options)
            again = replace(again, operation=spec.operation, change=spec.change)
            return NewJob(spec=again, seed=seed, parent_id=parent_id)
        remixing = Remixing(catalogue, self._gate, parent)
        if spec.operation is Operation.EXTEND:
            return remixing.extend(spec.change, seed)
        options = replace(options, prompt=spec.change or spec.prompt)
        try:
            return remixing.remix(options, seed)
        except BadOptionError:
            return remixing.remix(replace(options, seconds=None, size=None), seed)

    def _resolve_again(self, catalogue: Catalogue, options: ClipOptions) -> RenderSpec:
        """Return the spec for an earlier clip's options, or the nearest that is possible now."""
        prompt = self._gate.sanitize(options.prompt)
        try:
            return catalogue.resolve(options, prompt)
        except BadOptionError:
            # No model makes a clip as long as an extended one, or of its size, from a prompt.
            return catalogue.resolve(replace(options, seconds=None, size=None), prompt)

    async def check_place(self, viewer: Viewer) -> None:
        """Raise ForbiddenByGuildError unless the guild allows clips where the viewer is."""
        _check_place(await self._settings_cache.settings(viewer.guild_id), viewer)

    async def _catalogue_for_viewer(self, viewer: Viewer) -> Catalogue:
        settings = await self._settings_cache.settings(viewer.guild_id)
        _check_place(settings, viewer)
        return await self._selected(settings)

    async def _selected(self, settings: GuildSettings) -> Catalogue:
        return self._catalogue.select(
            ModelSelection.from_settings(settings, await self._settings_cache.everywhere())
        )


def _check_place(settings: GuildSettings, viewer: Viewer) -> None:
    if settings.channel_ids and not viewer.channel_ids.intersection(settings.channel_ids):
        where = ", ".join(f"<#{each}>" for each in settings.channel_ids[:10])
        raise ForbiddenByGuildError(f"Clips are made elsewhere in this server: {where}.")


def with_guild_defaults(
    settings: GuildSettings, catalogue: Catalogue, options: ClipOptions
) -> ClipOptions:
    """Return `options` with the guild's default model, length and size where left out and offered.

    catalogue  the models that the guild allows.
    Raises BadOptionError for a model that the guild doesn't allow.
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


def _repeat_offer(catalogue: Catalogue, spec: RenderSpec) -> Offer | None:
    """Return the offer for repeating `spec`: the same one if it can be used now.

    Otherwise another provider's offer of the same model, if the member chose that model; else None.
    """
    offer = catalogue.offer(spec.provider, spec.model)
    if offer is not None or spec.any_model:
        return offer
    return next(iter(catalogue.offers_of_model(spec)), None)


def _seed(request_id: int, variant: int) -> int:
    """Return a seed that is the same for a redelivered interaction and differs between variants."""
    digest = hashlib.sha256(f"{request_id}:{variant}".encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
