"""How a finished clip becomes the order for the next one; pure, no I/O.

The parent's provider does it by itself where it can; otherwise the order is composed from the
parent's words, and its last frame opens the clip where the model takes a picture.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.errors import BadOptionError, NoProviderError
from bot.jobs.catalogue import Catalogue, Offer, Wish, order_from, too_long
from bot.model import Clip, Job, Operation, Order, Size
from bot.safety.gate import PromptGate
from bot.storage.base import Draft

#: Whoever typed ten words would not believe a thousand.
_WITH = "with the words of the clip before, "
_NOBODY = "No video service here can continue this clip."


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A clip that something is made from."""

    job: Job
    clip: Clip

    @property
    def seconds(self) -> int:
        """How long the whole clip is."""
        whole = self.job.order.operation is not Operation.EXTEND
        return self.job.order.seconds if whole else round(self.clip.duration_ms / 1000)

    @property
    def size(self) -> Size:
        return self.job.order.size

    @property
    def remote_id(self) -> str | None:
        """What its provider knows the whole clip as; of one that was joined here it has a part."""
        return _remote_id(self.job)


def remix_draft(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, wish: Wish, seed: int
) -> Draft:
    """Return the job that makes `parent` again with the change that `wish.prompt` describes.

    Whatever the wish leaves open is kept: model, length, size, provider.
    Raises UnsafePromptError, BadOptionError and NoProviderError.
    """
    change = gate.admit(wish.prompt)
    whole = replace(
        wish,
        seconds=parent.seconds if wish.seconds is None else wish.seconds,
        size=str(parent.size) if wish.size is None else wish.size,
    )
    prompt = gate.admit(composed(parent.job.order.prompt, "Change", change))
    offer = catalogue.offer(parent.job.order.provider, parent.job.order.model)
    native = offer is not None and _can_remix(catalogue, offer, parent, whole, change)
    if offer is not None and native:
        seconds = parent.seconds if whole.seconds is None else whole.seconds
        order = _sized(offer, prompt, seconds, _size(whole.size) or parent.size, sent=change)
    else:
        order = _composed_order(catalogue, offer, parent, whole, prompt, stretch=wish.seconds)
    any_model = wish.model is None and _was_left_to_us(catalogue, order, parent)
    return Draft(
        order=replace(order, operation=Operation.REMIX, change=change, any_model=any_model),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def extend_draft(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, words: str | None, seed: int
) -> Draft:
    """Return the job that lets `parent` go on, as `words` say or as it was.

    Raises UnsafePromptError, BadOptionError, and NoProviderError where nothing can continue it.
    """
    before = parent.job.order
    change = gate.admit(words) if words and words.strip() else None
    prompt = before.prompt if change is None else composed(before.prompt, "Then", change)
    prompt = gate.admit(prompt)
    offer = catalogue.offer(before.provider, before.model)
    native = (
        offer is not None
        and Operation.EXTEND in offer.model.operations
        and parent.remote_id is not None
    )
    if offer is not None and native:
        sent = prompt if change is None else change
        order = _sized(offer, prompt, _length(offer, before.seconds), before.size, sent=sent)
    else:
        order = _continued(catalogue, offer, before, prompt)
    return Draft(
        order=replace(
            order,
            operation=Operation.EXTEND,
            change=change,
            any_model=_was_left_to_us(catalogue, order, parent),
        ),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def can_extend(catalogue: Catalogue, job: Job) -> bool:
    """Return whether `extend_draft` would find somebody to continue this job's clip."""
    offer = catalogue.offer(job.order.provider, job.order.model)
    goes_on = offer is not None and Operation.EXTEND in offer.model.operations
    if goes_on and _remote_id(job) is not None:
        return True
    return any(_continues(each, job.order.size) for each in catalogue.offers)


def check_extend(catalogue: Catalogue, job: Job) -> None:
    """Return if somebody here can continue this job's clip. Raises NoProviderError."""
    if not can_extend(catalogue, job):
        raise NoProviderError(_NOBODY)


def words_for_provider(job: Job) -> str:
    """Return what the video service reads: of a native remix the change alone."""
    order = job.order
    native = job.source_remote_id is not None
    return order.change if native and order.change is not None else order.prompt


def composed(prompt: str, how: str, change: str) -> str:
    """Return one prompt of a parent's and what is asked for now: `a cat. Change: by night`."""
    return f"{prompt.rstrip(' .')}. {how}: {change}"


def generations(prompt: str) -> list[str]:
    """Return what was asked for in each generation of a composed prompt, the first one first."""
    return re.split(r"\. (?:Change|Then): ", prompt)


def _remote_id(job: Job) -> str | None:
    joined = job.order.operation is Operation.EXTEND and job.source_remote_id is None
    return None if joined else job.remote_id


def _was_left_to_us(catalogue: Catalogue, order: Order, parent: Parent) -> bool:
    """Return whether any model may make `order`: one that was chosen for its parent is kept."""
    at = (order.provider, order.model)
    chosen = _chosen(catalogue, parent.job.order)
    return at not in [(each.provider, each.model.name) for each in chosen]


def _chosen(catalogue: Catalogue, before: Order) -> tuple[Offer, ...]:
    """Return the offers of the model that was chosen for a parent; none where it was left to us."""
    return () if before.any_model else catalogue.of_model(before)


def _in_turn(catalogue: Catalogue, offer: Offer | None, before: Order) -> list[Offer]:
    """Return the parent's own `offer`, then others of the model that was chosen, then the rest."""
    chosen = _chosen(catalogue, before)
    others = [each for each in catalogue.offers if each != offer]
    others.sort(key=lambda each: each not in chosen)
    return others if offer is None else [offer, *others]


def _named(catalogue: Catalogue, offer: Offer | None, name: str) -> Offer:
    """Return what `name` means, the parent's own `offer` before others of that name."""
    if offer is not None and name.strip().casefold() in offer.names:
        return offer
    return catalogue.named(name)


def _can_remix(
    catalogue: Catalogue, offer: Offer, parent: Parent, whole: Wish, change: str
) -> bool:
    model = offer.model
    if Operation.REMIX not in model.operations or parent.remote_id is None:
        return False
    if whole.image is not None:
        return False
    if whole.model is not None and _named(catalogue, offer, whole.model) != offer:
        return False
    if model.length_of(change) > model.prompt_max_chars:
        return False
    size = _size(whole.size)
    as_it_was = whole.seconds == parent.seconds and size == parent.size
    possible = whole.seconds in model.seconds and size in model.sizes
    return as_it_was or (model.remix_reshapes and possible)


def _composed_order(
    catalogue: Catalogue,
    offer: Offer | None,
    parent: Parent,
    whole: Wish,
    prompt: str,
    *,
    stretch: int | None,
) -> Order:
    """Return the order at the model that was asked for, else the parent's, else the next.

    Where the parent's model was chosen, that one has the order also while its service rests.
    stretch  the length that was asked for, if one was. A parent that was extended may be longer than
             any of the model's clips, and so may its remixes: they are made as long as possible.
    """
    if whole.model is not None:
        offers = [_named(catalogue, offer, whole.model)]
    else:
        offers = _in_turn(catalogue, offer, parent.job.order)
        with suppress(BadOptionError, NoProviderError):
            return catalogue.first_order(_chosen(catalogue, parent.job.order), whole, prompt)
    try:
        return catalogue.first_order(offers, whole, prompt)
    except BadOptionError as refusal:
        if refusal.field == "prompt":
            raise too_long(offers[0].model, prompt, _WITH) from refusal
        longest = max(offers[0].model.seconds)
        if stretch is not None or parent.seconds <= longest:
            raise
        return order_from(offers[0], replace(whole, seconds=longest), prompt)


def _continued(catalogue: Catalogue, offer: Offer | None, before: Order, prompt: str) -> Order:
    """Return the order for a clip that begins with `before`'s last frame."""
    wordy: BadOptionError | None = None
    for each in _in_turn(catalogue, offer, before):
        if _continues(each, before.size):
            length = _length(each, before.seconds)
            try:
                return _sized(each, prompt, length, before.size, sent=prompt)
            except BadOptionError as refusal:
                wordy = wordy or refusal
    raise wordy or NoProviderError(_NOBODY)


def _continues(offer: Offer, size: Size) -> bool:
    return offer.model.takes_image and size in offer.model.sizes


def _length(offer: Offer, seconds: int) -> int:
    return seconds if seconds in offer.model.seconds else offer.model.seconds[0]


def _size(text: str | None) -> Size | None:
    try:
        return None if text is None else Size.parse(text)
    except ValueError:
        return None


def _sized(offer: Offer, prompt: str, seconds: int, size: Size, *, sent: str) -> Order:
    """Return an order that is not measured by the model's list of lengths.

    sent  the words that the video service will read; those are measured.
    """
    model = offer.model
    if model.length_of(sent) > model.prompt_max_chars:
        raise too_long(model, sent, _WITH if sent == prompt else "")
    return Order(
        prompt=prompt,
        provider=offer.provider,
        model=model.name,
        seconds=seconds,
        size=size,
        estimate_usd_micros=model.price_usd_micros(seconds, size),
    )
