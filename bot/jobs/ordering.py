"""From what a member asks for to the drafts of jobs, under the rules of the server it is asked in."""

from __future__ import annotations

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
from bot.jobs.guild_policy import check_place, with_guild_defaults
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.library import Library
from bot.jobs.remixing import new_extend_job, new_remix_job
from bot.model import Job, Operation, RenderSpec, Request, Viewer
from bot.safety.prompt_gate import PromptGate
from bot.storage.base import NewJob


class Ordering:
    """Drafts of jobs. Every refusal is a RefusedError; nothing is reserved here.

    All raise BadOptionError, ForbiddenByGuildError, UnsafePromptError, NoProviderError and StorageError.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        settings_cache: GuildSettingsCache,
        library: Library,
        gate: PromptGate,
    ) -> None:
        self._catalogue = catalogue
        self._settings_cache = settings_cache
        self._library = library
        self._gate = gate

    async def catalogue_for(self, guild_id: int | None) -> Catalogue:
        """Return what can be asked for in a server, or in direct messages."""
        return await self._selected(await self._settings_cache.settings(guild_id))

    async def generate(
        self, options: ClipOptions, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return a draft for each variant of a wish."""
        rules = await self._settings_cache.settings(viewer.guild_id)
        check_place(rules, viewer)
        catalogue = await self._selected(rules)
        full = with_guild_defaults(rules, catalogue, options)
        order = catalogue.resolve(full, self._gate.sanitize(options.prompt))
        order = replace(order, any_model=options.model is None)
        return [NewJob(spec=order, seed=_seed(request.id, each)) for each in range(options.count)]

    async def remix(
        self, clip_id: str, options: ClipOptions, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return the draft of a clip made again with a change.

        Raises as `Library.source`, too.
        """
        catalogue = await self._catalogue_for_viewer(viewer)
        parent = await self._library.parent(clip_id, viewer)
        return [new_remix_job(catalogue, self._gate, parent, options, _seed(request.id, 0))]

    async def extend(
        self, clip_id: str, words: str | None, viewer: Viewer, request: Request
    ) -> Sequence[NewJob]:
        """Return the draft of a clip that goes on. Raises as `Library.source`, too."""
        catalogue = await self._catalogue_for_viewer(viewer)
        parent = await self._library.parent(clip_id, viewer)
        return [new_extend_job(catalogue, self._gate, parent, words, _seed(request.id, 0))]

    async def repeat(self, clip_id: str, viewer: Viewer, request: Request) -> Sequence[NewJob]:
        """Return the draft of what was ordered once, with another seed.

        Raises as `Library.source`, too.
        """
        catalogue = await self._catalogue_for_viewer(viewer)
        before = (await self._library.parent(clip_id, viewer)).job
        order, seed = before.spec, _seed(request.id, 0)
        offer = _repeat_offer(catalogue, order)
        is_ours = order.any_model or offer is None
        wish = ClipOptions(
            prompt=order.prompt,
            model=None if offer is None else offer.key,
            seconds=order.seconds,
            size=str(order.size),
            image=order.image,
        )
        if before.parent_id is not None:
            draft = await self._repeat_from_parent(
                catalogue, before, before.parent_id, wish, viewer, seed
            )
            return [replace(draft, spec=replace(draft.spec, any_model=is_ours))]
        anew = replace(self._resolve_again(catalogue, wish), any_model=is_ours)
        return [NewJob(spec=anew, seed=seed)]

    async def _repeat_from_parent(
        self,
        catalogue: Catalogue,
        before: Job,
        parent_id: str,
        options: ClipOptions,
        viewer: Viewer,
        seed: int,
    ) -> NewJob:
        """Return the draft that starts from the same parent; of one that is gone, from its words."""
        order = before.spec
        try:
            parent = await self._library.parent(parent_id, viewer)
        except (
            ClipExpiredError,
            ForbiddenByGuildError,
            NoSuchClipError,
            RemixForbiddenError,
        ) as refusal:
            is_gone = isinstance(refusal, ClipExpiredError)
            if not is_gone and not await self._library.is_gone(parent_id):
                told = (
                    f"`{before.id}` was made from a clip that you can't use: it can't be repeated."
                )
                raise RemixForbiddenError(told) from refusal
            if order.operation is Operation.EXTEND:
                told = f"The clip that `{before.id}` goes on from is gone: it can't be repeated."
                raise RemixForbiddenError(told) from refusal
            # A remix still, so that what others read stays its change and not the parent's words.
            again = self._resolve_again(catalogue, options)
            again = replace(again, operation=order.operation, change=order.change)
            return NewJob(spec=again, seed=seed, parent_id=parent_id)
        if order.operation is Operation.EXTEND:
            return new_extend_job(catalogue, self._gate, parent, order.change, seed)
        options = replace(options, prompt=order.change or order.prompt)
        try:
            return new_remix_job(catalogue, self._gate, parent, options, seed)
        except BadOptionError:
            kept = replace(options, seconds=None, size=None)
            return new_remix_job(catalogue, self._gate, parent, kept, seed)

    def _resolve_again(self, catalogue: Catalogue, options: ClipOptions) -> RenderSpec:
        """Return the order for what was ordered once, as near to it as can be had now."""
        prompt = self._gate.sanitize(options.prompt)
        try:
            return catalogue.resolve(options, prompt)
        except BadOptionError:
            # As long as an extended clip was, or of another size: nobody offers that from nothing.
            return catalogue.resolve(replace(options, seconds=None, size=None), prompt)

    async def check_place(self, viewer: Viewer) -> None:
        """Return if the server lets clips be where the viewer is. Raises ForbiddenByGuildError."""
        check_place(await self._settings_cache.settings(viewer.guild_id), viewer)

    async def _catalogue_for_viewer(self, viewer: Viewer) -> Catalogue:
        """Return what can be asked for where the viewer is."""
        rules = await self._settings_cache.settings(viewer.guild_id)
        check_place(rules, viewer)
        return await self._selected(rules)

    async def _selected(self, settings: GuildSettings) -> Catalogue:
        return self._catalogue.select(
            ModelSelection.from_settings(settings, await self._settings_cache.everywhere())
        )


def _repeat_offer(catalogue: Catalogue, spec: RenderSpec) -> Offer | None:
    """Return where `order` is made again: as it was; else, if its model was chosen, who else has it."""
    offer = catalogue.offer(spec.provider, spec.model)
    if offer is not None or spec.any_model:
        return offer
    return next(iter(catalogue.offers_of_model(spec)), None)


def _seed(request_id: int, variant: int) -> int:
    """Return a seed that a redelivered interaction finds again; differs between variants."""
    digest = hashlib.sha256(f"{request_id}:{variant}".encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
