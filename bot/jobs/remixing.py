"""Makes new jobs that remix or extend a finished clip; pure, no I/O.

If the parent's provider can remix or extend its own render, it does (a native remix or extension).
Otherwise the prompt is composed from the parent's prompt and the change, and the parent's last frame
is the first frame of the clip where the model accepts a reference image.
"""

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


class Remixing:
    """Makes the jobs that remix or extend one parent, with the offers of a guild.

    Both methods raise UnsafePromptError, BadOptionError and NoProviderError.
    """

    def __init__(self, catalogue: Catalogue, gate: PromptGate, parent: Parent) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._parent = parent
        self._before = before = parent.job.spec
        self._remote_id = _remote_id(parent.job)
        #: The offer that made the parent; None when that offer can't be used now.
        self._offer = catalogue.offer(before.provider, before.model)
        #: The offers of the model that a member chose for the parent; none if the bot chose.
        self._chosen = () if before.any_model else catalogue.offers_of_model(before)

    def remix(self, options: ClipOptions, seed: int) -> NewJob:
        """Return the job that remakes the parent with the change that `options.prompt` describes.

        Model, length, size and provider stay the parent's where `options` don't name them.
        """
        change = self._gate.sanitize(options.prompt)
        seconds = self._parent.seconds if options.seconds is None else options.seconds
        size = str(self._before.size) if options.size is None else options.size
        whole = replace(options, seconds=seconds, size=size)
        prompt = self._gate.sanitize(compose_prompt(self._before.prompt, "Change", change))
        offer = self._offer
        native = offer is not None and self._can_remix(offer, whole, change)
        if offer is not None and native:
            spec = _spec_at(offer, prompt, seconds, Size.parse(size), sent=change)
        else:
            spec = self._composed_spec(whole, prompt, wanted_seconds=options.seconds)
        any_model = options.model is None and self._is_any_model(spec)
        spec = replace(spec, operation=Operation.REMIX, change=change, any_model=any_model)
        return self._new_job(spec, seed, native=native)

    def extend(self, words: str | None, seed: int) -> NewJob:
        """Return the job that continues the parent with `words`, or with its own prompt if None."""
        before, offer = self._before, self._offer
        change = self._gate.sanitize(words) if words and words.strip() else None
        prompt = before.prompt if change is None else compose_prompt(before.prompt, "Then", change)
        prompt = self._gate.sanitize(prompt)
        native = offer is not None and _extends(offer) and self._remote_id is not None
        if offer is not None and native:
            sent = prompt if change is None else change
            seconds = _extend_seconds(offer, before.seconds)
            spec = _spec_at(offer, prompt, seconds, before.size, sent=sent)
        else:
            spec = self._extend_spec(prompt)
        any_model = self._is_any_model(spec)
        spec = replace(spec, operation=Operation.EXTEND, change=change, any_model=any_model)
        return self._new_job(spec, seed, native=native)

    def _new_job(self, spec: RenderSpec, seed: int, *, native: bool) -> NewJob:
        source_id = self._remote_id if native else None
        return NewJob(
            spec=spec, seed=seed, parent_id=self._parent.job.id, source_remote_id=source_id
        )

    def _is_any_model(self, spec: RenderSpec) -> bool:
        """Return whether any model may make `spec`: its model was not chosen for the parent."""
        at = (spec.provider, spec.model)
        return at not in [(each.provider, each.model.name) for each in self._chosen]

    def _offers_in_order(self) -> list[Offer]:
        """Return the parent's own offer, then others of the model chosen for it, then the rest."""
        others = [each for each in self._catalogue.offers if each != self._offer]
        others.sort(key=lambda each: each not in self._chosen)
        return others if self._offer is None else [self._offer, *others]

    def _offer_named(self, name: str) -> Offer:
        """Return the offer that `name` means; if the parent's own offer has that name, that one."""
        if self._offer is not None and name.strip().casefold() in self._offer.names:
            return self._offer
        return self._catalogue.offer_named(name)

    def _can_remix(self, offer: Offer, options: ClipOptions, change: str) -> bool:
        model = offer.model
        if Operation.REMIX not in model.operations or self._remote_id is None:
            return False
        if options.image is not None:
            return False
        if options.model is not None and self._offer_named(options.model) != offer:
            return False
        if model.prompt_length(change) > model.prompt_max_chars:
            return False
        try:
            size = None if options.size is None else Size.parse(options.size)
        except ValueError:
            return False
        as_it_was = options.seconds == self._parent.seconds and size == self._before.size
        possible = options.seconds in model.seconds and size in model.sizes
        return as_it_was or (model.remix_can_change_format and possible)

    def _composed_spec(
        self, options: ClipOptions, prompt: str, *, wanted_seconds: int | None
    ) -> RenderSpec:
        """Return the spec at the model that `options` name, else the parent's, else another.

        A model that was chosen for the parent is kept also while its provider is cooling down.
        wanted_seconds  the length that the member asked for. If None and the parent, being an
                        extended clip, is longer than the model's clips, the longest one is made.
        """
        if options.model is not None:
            offers = [self._offer_named(options.model)]
        else:
            offers = self._offers_in_order()
            with suppress(BadOptionError, NoProviderError):
                return self._catalogue.resolve_first(self._chosen, options, prompt)
        try:
            return self._catalogue.resolve_first(offers, options, prompt)
        except BadOptionError as refusal:
            if refusal.field == "prompt":
                raise prompt_too_long(offers[0].model, prompt, _WITH_PARENT_PROMPT) from refusal
            longest = max(offers[0].model.seconds)
            if wanted_seconds is not None or self._parent.seconds <= longest:
                raise
            return resolve_at(offers[0], replace(options, seconds=longest), prompt)

    def _extend_spec(self, prompt: str) -> RenderSpec:
        size, too_long = self._before.size, None
        for each in self._offers_in_order():
            if _can_continue(each, size):
                seconds = _extend_seconds(each, self._before.seconds)
                try:
                    return _spec_at(each, prompt, seconds, size, sent=prompt)
                except BadOptionError as refusal:
                    too_long = too_long or refusal
        raise too_long or NoProviderError(_CANNOT_EXTEND)


def can_extend(catalogue: Catalogue, job: Job) -> bool:
    """Return whether `Remixing.extend` would find a model that can continue this job's clip."""
    offer = catalogue.offer(job.spec.provider, job.spec.model)
    if offer is not None and _extends(offer) and _remote_id(job) is not None:
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
    """Return the id of a job's whole clip at its provider, which has none for a joined clip."""
    joined = job.spec.operation is Operation.EXTEND and job.source_remote_id is None
    return None if joined else job.remote_id


def _extends(offer: Offer) -> bool:
    return Operation.EXTEND in offer.model.operations


def _can_continue(offer: Offer, size: Size) -> bool:
    return offer.model.takes_image and size in offer.model.sizes


def _extend_seconds(offer: Offer, seconds: int) -> int:
    return seconds if seconds in offer.model.seconds else offer.model.seconds[0]


def _spec_at(offer: Offer, prompt: str, seconds: int, size: Size, *, sent: str) -> RenderSpec:
    """Return a spec without checking that the model offers this length and size.

    sent  the prompt that the provider will get. Raises BadOptionError when it is too long.
    """
    model = offer.model
    if model.prompt_length(sent) > model.prompt_max_chars:
        raise prompt_too_long(model, sent, _WITH_PARENT_PROMPT if sent == prompt else "")
    return offer.spec(prompt, seconds, size)
