"""Makes new jobs that remix or extend a finished clip; pure, no I/O.

If the parent's provider can remix or extend its own render, it does (a native remix or extension).
Otherwise the prompt is composed from the parent's prompt and the change, and the parent's last frame
is the first frame of the clip where the model accepts a reference image.
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

#: Explains why a short change makes a prompt that is too long.
_WITH_PARENT_PROMPT = "with the words of the clip before, "
_CANNOT_EXTEND = "No video service here can continue this clip."


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A clip that is remixed or extended."""

    job: Job
    clip: Clip

    @property
    def seconds(self) -> int:
        """Length of the whole clip."""
        whole = self.job.spec.operation is not Operation.EXTEND
        return self.job.spec.seconds if whole else round(self.clip.duration_ms / 1000)

    @property
    def size(self) -> Size:
        return self.job.spec.size

    @property
    def remote_id(self) -> str | None:
        """The provider's id of the whole clip; None if the bot joined it: the provider has only a part."""
        return _remote_id(self.job)


def new_remix_job(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, options: ClipOptions, seed: int
) -> NewJob:
    """Return the job that makes `parent` again with the change that `options.prompt` describes.

    Model, length, size and provider stay the parent's where `options` don't name them.
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
        spec = _spec_at(offer, prompt, seconds, _parse_size(whole.size) or parent.size, sent=change)
    else:
        spec = _composed_spec(
            catalogue, offer, parent, whole, prompt, wanted_seconds=options.seconds
        )
    any_model = options.model is None and _is_any_model(catalogue, spec, parent)
    return NewJob(
        spec=replace(spec, operation=Operation.REMIX, change=change, any_model=any_model),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def new_extend_job(
    catalogue: Catalogue, gate: PromptGate, parent: Parent, words: str | None, seed: int
) -> NewJob:
    """Return the job that continues `parent`: with `words`, or with the parent's prompt if None.

    Raises UnsafePromptError, BadOptionError, and NoProviderError where no model can continue it.
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
        spec = _spec_at(
            offer, prompt, _extend_seconds(offer, before.seconds), before.size, sent=sent
        )
    else:
        spec = _extend_spec(catalogue, offer, before, prompt)
    return NewJob(
        spec=replace(
            spec,
            operation=Operation.EXTEND,
            change=change,
            any_model=_is_any_model(catalogue, spec, parent),
        ),
        seed=seed,
        parent_id=parent.job.id,
        source_remote_id=parent.remote_id if native else None,
    )


def can_extend(catalogue: Catalogue, job: Job) -> bool:
    """Return whether `new_extend_job` would find a model that can continue this job's clip."""
    offer = catalogue.offer(job.spec.provider, job.spec.model)
    extends_natively = offer is not None and Operation.EXTEND in offer.model.operations
    if extends_natively and _remote_id(job) is not None:
        return True
    return any(_can_continue(each, job.spec.size) for each in catalogue.offers)


def check_extend(catalogue: Catalogue, job: Job) -> None:
    """Raise NoProviderError unless a model can continue this job's clip."""
    if not can_extend(catalogue, job):
        raise NoProviderError(_CANNOT_EXTEND)


def provider_prompt(job: Job) -> str:
    """Return the prompt for the provider: for a native remix or extension only the change."""
    spec = job.spec
    native = job.source_remote_id is not None
    return spec.change if native and spec.change is not None else spec.prompt


def compose_prompt(prompt: str, how: str, change: str) -> str:
    """Join a parent's prompt and a change into one prompt: `a cat. Change: by night`."""
    return f"{prompt.rstrip(' .')}. {how}: {change}"


def split_prompt(prompt: str) -> list[str]:
    """Split a composed prompt into the first prompt and the changes, oldest first."""
    return re.split(r"\. (?:Change|Then): ", prompt)


def _remote_id(job: Job) -> str | None:
    joined = job.spec.operation is Operation.EXTEND and job.source_remote_id is None
    return None if joined else job.remote_id


def _is_any_model(catalogue: Catalogue, spec: RenderSpec, parent: Parent) -> bool:
    """Return whether any model may make `spec`; False if its model was chosen for the parent."""
    at = (spec.provider, spec.model)
    chosen = _offers_of_chosen_model(catalogue, parent.job.spec)
    return at not in [(each.provider, each.model.name) for each in chosen]


def _offers_of_chosen_model(catalogue: Catalogue, before: RenderSpec) -> tuple[Offer, ...]:
    """Return the offers of the model that a member chose for the parent; none if the bot chose."""
    return () if before.any_model else catalogue.offers_of_model(before)


def _offers_in_order(catalogue: Catalogue, offer: Offer | None, before: RenderSpec) -> list[Offer]:
    """Return the parent's own `offer`, then others of the model chosen for it, then the rest."""
    chosen = _offers_of_chosen_model(catalogue, before)
    others = [each for each in catalogue.offers if each != offer]
    others.sort(key=lambda each: each not in chosen)
    return others if offer is None else [offer, *others]


def _offer_named(catalogue: Catalogue, offer: Offer | None, name: str) -> Offer:
    """Return the offer that `name` means; if the parent's own `offer` has that name, that one."""
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
    """Return the spec at the model that `full_options` name, else the parent's, else another.

    A model that was chosen for the parent is kept also while its provider is cooling down.
    wanted_seconds  the length that the member asked for. If None and the parent, being an extended
                    clip, is longer than the model's clips can be, the longest possible is used.
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
    """Return the spec for a clip that begins with the last frame of `before`'s clip."""
    too_long: BadOptionError | None = None
    for each in _offers_in_order(catalogue, offer, before):
        if _can_continue(each, before.size):
            length = _extend_seconds(each, before.seconds)
            try:
                return _spec_at(each, prompt, length, before.size, sent=prompt)
            except BadOptionError as refusal:
                too_long = too_long or refusal
    raise too_long or NoProviderError(_CANNOT_EXTEND)


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
    """Return a spec without checking that the model offers this length and size.

    sent  the prompt that the provider will get. Raises BadOptionError when it is too long.
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
