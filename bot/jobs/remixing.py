"""How a finished clip becomes the order for the next one; pure, no I/O.

The parent's provider does it by itself where it can; otherwise the order is composed from the
parent's words, and its last frame opens the clip where the model takes a picture.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.errors import BadOptionError, NoProviderError
from bot.jobs.catalogue import Catalogue, ClipOptions, Offer, prompt_too_long, resolve_at
from bot.model import Clip, Job, Operation, RenderSpec, Size
from bot.safety.prompt_gate import PromptGate
from bot.storage.base import NewJob

#: Whoever typed ten words would not believe a thousand.
_WITH_PARENT_PROMPT = "with the words of the clip before, "
_CANNOT_EXTEND = "No video service here can continue this clip."


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A clip that something is made from."""

    job: Job
    clip: Clip

    @property
    def seconds(self) -> int:
        """How long the whole clip is."""
        whole = self.job.spec.operation is not Operation.EXTEND
        return self.job.spec.seconds if whole else round(self.clip.duration_ms / 1000)

    @property
    def size(self) -> Size:
        return self.job.spec.size

    @property
    def remote_id(self) -> str | None:
        """What its provider knows the whole clip as; of one that was joined here it has a part."""
        return _remote_id(self.job)


def new_remix_job(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, options: ClipOptions, seed: int
) -> NewJob:
    """Return the job that makes `parent` again with the change that `wish.prompt` describes.

    Whatever the wish leaves open is kept: model, length, size, provider.
    Raises UnsafePromptError, BadOptionError and NoProviderError.
    """
    change = gate.sanitize(options.prompt)
    whole = replace(
        options,
        seconds=parent.seconds if options.seconds is None else options.seconds,
        size=str(parent.size) if options.size is None else options.size,
    )
    prompt = gate.sanitize(compose_prompt(parent.job.spec.prompt, "Change", change))
    offer = catalogue.offer(parent.job.spec.provider, parent.job.spec.model)
    native = offer is not None and _can_remix(catalogue, offer, parent, whole, change)
    if offer is not None and native:
        seconds = parent.seconds if whole.seconds is None else whole.seconds
        order = _spec_at(
            offer, prompt, seconds, _parse_size(whole.size) or parent.size, sent=change
        )
    else:
        order = _composed_spec(
            catalogue, offer, parent, whole, prompt, wanted_seconds=options.seconds
        )
    any_model = options.model is None and _is_any_model(catalogue, order, parent)
    return NewJob(
        spec=replace(order, operation=Operation.REMIX, change=change, any_model=any_model),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def new_extend_job(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, words: str | None, seed: int
) -> NewJob:
    """Return the job that lets `parent` go on, as `words` say or as it was.

    Raises UnsafePromptError, BadOptionError, and NoProviderError where nothing can continue it.
    """
    before = parent.job.spec
    change = gate.sanitize(words) if words and words.strip() else None
    prompt = before.prompt if change is None else compose_prompt(before.prompt, "Then", change)
    prompt = gate.sanitize(prompt)
    offer = catalogue.offer(before.provider, before.model)
    native = (
        offer is not None
        and Operation.EXTEND in offer.model.operations
        and parent.remote_id is not None
    )
    if offer is not None and native:
        sent = prompt if change is None else change
        order = _spec_at(
            offer, prompt, _extend_seconds(offer, before.seconds), before.size, sent=sent
        )
    else:
        order = _extend_spec(catalogue, offer, before, prompt)
    return NewJob(
        spec=replace(
            order,
            operation=Operation.EXTEND,
            change=change,
            any_model=_is_any_model(catalogue, order, parent),
        ),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def can_extend(catalogue: Catalogue, job: Job) -> bool:
    """Return whether `new_extend_job` would find somebody to continue this job's clip."""
    offer = catalogue.offer(job.spec.provider, job.spec.model)
    goes_on = offer is not None and Operation.EXTEND in offer.model.operations
    if goes_on and _remote_id(job) is not None:
        return True
    return any(_can_continue(each, job.spec.size) for each in catalogue.offers)


def check_extend(catalogue: Catalogue, job: Job) -> None:
    """Return if somebody here can continue this job's clip. Raises NoProviderError."""
    if not can_extend(catalogue, job):
        raise NoProviderError(_CANNOT_EXTEND)


def provider_prompt(job: Job) -> str:
    """Return what the video service reads: of a native remix the change alone."""
    order = job.spec
    native = job.source_remote_id is not None
    return order.change if native and order.change is not None else order.prompt


def compose_prompt(prompt: str, how: str, change: str) -> str:
    """Return one prompt of a parent's and what is asked for now: `a cat. Change: by night`."""
    return f"{prompt.rstrip(' .')}. {how}: {change}"


def split_prompt(prompt: str) -> list[str]:
    """Return what was asked for in each generation of a composed prompt, the first one first."""
    return re.split(r"\. (?:Change|Then): ", prompt)


def _remote_id(job: Job) -> str | None:
    joined = job.spec.operation is Operation.EXTEND and job.source_remote_id is None
    return None if joined else job.remote_id


def _is_any_model(catalogue: Catalogue, spec: RenderSpec, parent: Parent) -> bool:
    """Return whether any model may make `order`: one that was chosen for its parent is kept."""
    at = (spec.provider, spec.model)
    chosen = _offers_of_chosen_model(catalogue, parent.job.spec)
    return at not in [(each.provider, each.model.name) for each in chosen]


def _offers_of_chosen_model(catalogue: Catalogue, before: RenderSpec) -> tuple[Offer, ...]:
    """Return the offers of the model that was chosen for a parent; none where it was left to us."""
    return () if before.any_model else catalogue.offers_of_model(before)


def _offers_in_order(catalogue: Catalogue, offer: Offer | None, before: RenderSpec) -> list[Offer]:
    """Return the parent's own `offer`, then others of the model that was chosen, then the rest."""
    chosen = _offers_of_chosen_model(catalogue, before)
    others = [each for each in catalogue.offers if each != offer]
    others.sort(key=lambda each: each not in chosen)
    return others if offer is None else [offer, *others]


def _offer_named(catalogue: Catalogue, offer: Offer | None, name: str) -> Offer:
    """Return what `name` means, the parent's own `offer` before others of that name."""
    if offer is not None and name.strip().casefold() in offer.names:
        return offer
    return catalogue.offer_named(name)


def _can_remix(
    catalogue: Catalogue, offer: Offer, parent: Parent, full_options: ClipOptions, change: str
) -> bool:
    model = offer.model
    if Operation.REMIX not in model.operations or parent.remote_id is None:
        return False
    if full_options.image is not None:
        return False
    if (
        full_options.model is not None
        and _offer_named(catalogue, offer, full_options.model) != offer
    ):
        return False
    if model.prompt_length(change) > model.prompt_max_chars:
        return False
    size = _parse_size(full_options.size)
    as_it_was = full_options.seconds == parent.seconds and size == parent.size
    possible = full_options.seconds in model.seconds and size in model.sizes
    return as_it_was or (model.remix_can_change_format and possible)


def _composed_spec(
    catalogue: Catalogue,
    offer: Offer | None,
    parent: Parent,
    full_options: ClipOptions,
    prompt: str,
    *,
    wanted_seconds: int | None,
) -> RenderSpec:
    """Return the order at the model that was asked for, else the parent's, else the next.

    Where the parent's model was chosen, that one has the order also while its service rests.
    stretch  the length that was asked for, if one was. A parent that was extended may be longer than
             any of the model's clips, and so may its remixes: they are made as long as possible.
    """
    if full_options.model is not None:
        offers = [_offer_named(catalogue, offer, full_options.model)]
    else:
        offers = _offers_in_order(catalogue, offer, parent.job.spec)
        with suppress(BadOptionError, NoProviderError):
            return catalogue.resolve_first(
                _offers_of_chosen_model(catalogue, parent.job.spec), full_options, prompt
            )
    try:
        return catalogue.resolve_first(offers, full_options, prompt)
    except BadOptionError as refusal:
        if refusal.field == "prompt":
            raise prompt_too_long(offers[0].model, prompt, _WITH_PARENT_PROMPT) from refusal
        longest = max(offers[0].model.seconds)
        if wanted_seconds is not None or parent.seconds <= longest:
            raise
        return resolve_at(offers[0], replace(full_options, seconds=longest), prompt)


def _extend_spec(
    catalogue: Catalogue, offer: Offer | None, before: RenderSpec, prompt: str
) -> RenderSpec:
    """Return the order for a clip that begins with `before`'s last frame."""
    wordy: BadOptionError | None = None
    for each in _offers_in_order(catalogue, offer, before):
        if _can_continue(each, before.size):
            length = _extend_seconds(each, before.seconds)
            try:
                return _spec_at(each, prompt, length, before.size, sent=prompt)
            except BadOptionError as refusal:
                wordy = wordy or refusal
    raise wordy or NoProviderError(_CANNOT_EXTEND)


def _can_continue(offer: Offer, size: Size) -> bool:
    return offer.model.takes_image and size in offer.model.sizes


def _extend_seconds(offer: Offer, seconds: int) -> int:
    return seconds if seconds in offer.model.seconds else offer.model.seconds[0]


def _parse_size(text: str | None) -> Size | None:
    try:
        return None if text is None else Size.parse(text)
    except ValueError:
        return None


def _spec_at(offer: Offer, prompt: str, seconds: int, size: Size, *, sent: str) -> RenderSpec:
    """Return an order that is not measured by the model's list of lengths.

    sent  the words that the video service will read; those are measured.
    """
    model = offer.model
    if model.prompt_length(sent) > model.prompt_max_chars:
        raise prompt_too_long(model, sent, _WITH_PARENT_PROMPT if sent == prompt else "")
    return RenderSpec(
        prompt=prompt,
        provider=offer.provider,
        model=model.name,
        seconds=seconds,
        size=size,
        estimate_usd_micros=model.price_usd_micros(seconds, size),
    )
