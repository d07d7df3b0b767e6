"""From what a member asks for to the drafts of jobs, under the rules of the server it is asked in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from bot.errors import (
    BadOptionError,
    ClipExpiredError,
    HouseRuleError,
    NoSuchClipError,
    RemixForbiddenError,
)
from bot.jobs.catalogue import Catalogue, Choice, Offer, Wish
from bot.jobs.house import check_place, furnished
from bot.jobs.houses import Houses
from bot.jobs.library import Library
from bot.jobs.remixing import extend_draft, remix_draft
from bot.model import Job, Operation, Order, Request, Viewer
from bot.safety.gate import PromptGate
from bot.server import HouseRules
from bot.storage.base import Draft


class Ordering:
    """Drafts of jobs. Every refusal is a RefusedError; nothing is reserved here.

    All raise BadOptionError, HouseRuleError, UnsafePromptError, NoProviderError and StorageError.
    """

    def __init__(
        self, *, catalogue: Catalogue, houses: Houses, library: Library, gate: PromptGate
    ) -> None:
        self._catalogue = catalogue
        self._houses = houses
        self._library = library
        self._gate = gate

    async def offered(self, guild_id: int | None) -> Catalogue:
        """Return what can be asked for in a server, or in direct messages."""
        return await self._chosen(await self._houses.rules(guild_id))

    async def generate(self, wish: Wish, viewer: Viewer, request: Request) -> Sequence[Draft]:
        """Return a draft for each variant of a wish."""
        rules = await self._houses.rules(viewer.guild_id)
        check_place(rules, viewer)
        catalogue = await self._chosen(rules)
        full = furnished(rules, catalogue, wish)
        order = catalogue.order(full, self._gate.admit(wish.prompt))
        order = replace(order, any_model=wish.model is None)
        return [Draft(order=order, seed=_seed(request.id, each)) for each in range(wish.count)]

    async def remix(
        self, clip_id: str, wish: Wish, viewer: Viewer, request: Request
    ) -> Sequence[Draft]:
        """Return the draft of a clip made again with a change.

        Raises as `Library.source`, too.
        """
        catalogue = await self._admitted(viewer)
        parent = await self._library.source(clip_id, viewer)
        return [remix_draft(catalogue, self._gate, parent, wish, _seed(request.id, 0))]

    async def extend(
        self, clip_id: str, words: str | None, viewer: Viewer, request: Request
    ) -> Sequence[Draft]:
        """Return the draft of a clip that goes on. Raises as `Library.source`, too."""
        catalogue = await self._admitted(viewer)
        parent = await self._library.source(clip_id, viewer)
        return [extend_draft(catalogue, self._gate, parent, words, _seed(request.id, 0))]

    async def again(self, clip_id: str, viewer: Viewer, request: Request) -> Sequence[Draft]:
        """Return the draft of what was ordered once, with another seed.

        Raises as `Library.source`, too.
        """
        catalogue = await self._admitted(viewer)
        before = (await self._library.source(clip_id, viewer)).job
        order, seed = before.order, _seed(request.id, 0)
        offer = _kept_offer(catalogue, order)
        is_ours = order.any_model or offer is None
        wish = Wish(
            prompt=order.prompt,
            model=None if offer is None else offer.key,
            seconds=order.seconds,
            size=str(order.size),
            image=order.image,
        )
        if before.parent_id is not None:
            draft = await self._from_parent(catalogue, before, before.parent_id, wish, viewer, seed)
            return [replace(draft, order=replace(draft.order, any_model=is_ours))]
        anew = replace(self._anew(catalogue, wish), any_model=is_ours)
        return [Draft(order=anew, seed=seed)]

    async def _from_parent(
        self,
        catalogue: Catalogue,
        before: Job,
        parent_id: str,
        wish: Wish,
        viewer: Viewer,
        seed: int,
    ) -> Draft:
        """Return the draft that starts from the same parent; of one that is gone, from its words."""
        order = before.order
        try:
            parent = await self._library.source(parent_id, viewer)
        except (
            ClipExpiredError,
            HouseRuleError,
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
            again = self._anew(catalogue, wish)
            again = replace(again, operation=order.operation, change=order.change)
            return Draft(order=again, seed=seed, parent_id=parent_id)
        if order.operation is Operation.EXTEND:
            return extend_draft(catalogue, self._gate, parent, order.change, seed)
        wish = replace(wish, prompt=order.change or order.prompt)
        try:
            return remix_draft(catalogue, self._gate, parent, wish, seed)
        except BadOptionError:
            kept = replace(wish, seconds=None, size=None)
            return remix_draft(catalogue, self._gate, parent, kept, seed)

    def _anew(self, catalogue: Catalogue, wish: Wish) -> Order:
        """Return the order for what was ordered once, as near to it as can be had now."""
        prompt = self._gate.admit(wish.prompt)
        try:
            return catalogue.order(wish, prompt)
        except BadOptionError:
            # As long as an extended clip was, or of another size: nobody offers that from nothing.
            return catalogue.order(replace(wish, seconds=None, size=None), prompt)

    async def check_post(self, viewer: Viewer) -> None:
        """Return if the server lets clips be where the viewer is. Raises HouseRuleError."""
        check_place(await self._houses.rules(viewer.guild_id), viewer)

    async def _admitted(self, viewer: Viewer) -> Catalogue:
        """Return what can be asked for where the viewer is."""
        rules = await self._houses.rules(viewer.guild_id)
        check_place(rules, viewer)
        return await self._chosen(rules)

    async def _chosen(self, rules: HouseRules) -> Catalogue:
        return self._catalogue.chosen(Choice.under(rules, await self._houses.everywhere()))


def _kept_offer(catalogue: Catalogue, order: Order) -> Offer | None:
    """Return where `order` is made again: as it was; else, if its model was chosen, who else has it."""
    offer = catalogue.offer(order.provider, order.model)
    if offer is not None or order.any_model:
        return offer
    return next(iter(catalogue.of_model(order)), None)


def _seed(request_id: int, variant: int) -> int:
    """Return a seed that a redelivered interaction finds again; differs between variants."""
    digest = hashlib.sha256(f"{request_id}:{variant}".encode()).digest()
    return int.from_bytes(digest[:4]) & 0x7FFF_FFFF
