"""The models of all providers, and how clip options become a render spec."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.clock import Clock
from bot.errors import BadOptionError, NoProviderError
from bot.guild import GuildSettings
from bot.model import Operation, RenderSpec, Size
from bot.providers.base import Model, Provider
from bot.providers.health import CircuitBreakers

#: How many models the answer to an unknown model name lists.
_MAX_NAMED = 15
#: Longest value of a command option. 2026-11-20: Discord's documentation of choices.
_OPTION_MAX_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipOptions:
    """The options that a member typed for a clip; None where an option was left out."""

    prompt: str
    model: str | None = None
    seconds: int | None = None
    size: str | None = None
    #: The file of a reference image that was checked already.
    image: Path | None = None
    #: 1 to 4 variants.
    count: int = 1

    def with_image(self, image: Path) -> "ClipOptions":
        """Return the same options with a reference image."""
        return replace(self, image=image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model at a provider."""

    provider: str
    model: Model

    @property
    def key(self) -> str:
        """The value of the model option, `provider/model`; no two offers share one."""
        return f"{self.provider}/{self.model.name}"

    @property
    def option_value(self) -> str:
        """A name of this offer that fits into a command option (100 characters)."""
        names = (self.key, self.model.name, self.model.label, self.key[:_OPTION_MAX_CHARS])
        return next(name for name in names if len(name) <= _OPTION_MAX_CHARS)

    @property
    def names(self) -> frozenset[str]:
        """The names by which people may ask for this offer, case folded."""
        names = (self.key, self.option_value, self.model.name, self.model.label)
        return frozenset(name.casefold() for name in names)

    def spec(
        self, prompt: str, seconds: int, size: Size, *, image: Path | None = None
    ) -> RenderSpec:
        """Return the render spec for a clip at this offer, with its price; checks nothing."""
        return RenderSpec(
            prompt=prompt,
            provider=self.provider,
            model=self.model.name,
            seconds=seconds,
            size=size,
            image=image,
            estimate_usd_micros=self.model.price_usd_micros(seconds, size),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSelection:
    """Which offers a guild may use, and which providers are tried first for its jobs."""

    #: Keys of the allowed offers; empty: all are allowed.
    keys: frozenset[str] = frozenset()
    #: Providers that are tried before the others, the most preferred first.
    preferred: tuple[str, ...] = ()
    #: Providers that get no new jobs.
    drained: frozenset[str] = frozenset()

    @classmethod
    def from_settings(cls, *settings: GuildSettings) -> "ModelSelection":
        """Combine settings: drained in any of them is drained; the first preference goes first."""
        limited = (frozenset(each.models) for each in settings if each.models)
        wanted = [each.preferred_provider for each in settings]
        return cls(
            keys=next(limited, frozenset[str]()),
            preferred=tuple(each for each in wanted if each is not None),
            drained=frozenset(name for each in settings for name in each.drained_providers),
        )


class Catalogue:
    """The offers of all providers, the preferred ones first, else in the operator's order."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        health: CircuitBreakers,
        clock: Clock,
        selection: ModelSelection | None = None,
    ) -> None:
        self._providers = providers
        self._health = health
        self._clock = clock
        self._selection = ModelSelection() if selection is None else selection

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The offers that can be used now: not retired, not drained, and not out of service."""
        return tuple(
            each for each in self._enabled_offers() if not self._health.is_out(each.provider)
        )

    @property
    def all_offers(self) -> tuple[Offer, ...]:
        """Every model of every configured provider, also those that can't be used now."""
        names = dict.fromkeys((*self._selection.preferred, *self._providers))
        return tuple(
            Offer(provider=name, model=model)
            for name in names
            if name in self._providers
            for model in self._providers[name].capabilities().models
        )

    def select(self, selection: ModelSelection) -> "Catalogue":
        """Return a catalogue limited to `selection`."""
        return Catalogue(self._providers, self._health, self._clock, selection)

    def offer_named(self, name: str) -> Offer:
        """Return the first usable offer whose key, model name or label is `name`, in any case.

        Another provider's offer of the same model counts too. Raises NoProviderError when the model
        is out of service, and BadOptionError, which names others, for an unknown or retired model.
        """
        found = self._offers_named(name)
        # If the named provider is out, another provider may offer the same model.
        models = {each.model.name for each in found}
        same = [each for each in self.all_offers if each.model.name in models]
        for each in (*found, *same):
            if each in self.offers:
                return each
        if any(each in self._enabled_offers() for each in found):
            raise NoProviderError(
                f"{found[0].model.label} is out of service right now. {self._available_hint()}"
            )
        if found and found[0].model.is_retired(self._clock.now()):
            raise BadOptionError("model", *self._retired_hint(found[0]))
        raise BadOptionError("model", "I don't have that one.", self._available_hint())

    def model_named(self, name: str) -> Model:
        """Return the model that `name` means, also one that can't be used now.

        Raises BadOptionError for a model that no configured provider has.
        """
        found = self._offers_named(name)
        if not found:
            raise BadOptionError("model", "I don't have that one.", self._available_hint())
        return found[0].model

    def takes_image(self, provider: str, model: str) -> bool:
        """Return whether a model, which may be out of service, accepts a reference image."""
        offer = self._find_offer(self.all_offers, provider, model)
        return offer is not None and offer.model.takes_image

    def can_compose(self, spec: RenderSpec) -> bool:
        """Return whether the model of `spec` can make the clip without its parent's render."""
        offer = self._find_offer(self.all_offers, spec.provider, spec.model)
        return offer is not None and can_make(offer.model, spec)

    def offer(self, provider: str, model: str) -> Offer | None:
        """Return the offer of this model at this provider; None when it can't be used now."""
        return self._find_offer(self.offers, provider, model)

    def offers_of_model(self, spec: RenderSpec) -> tuple[Offer, ...]:
        """Return the offers of the model that `spec` names, at all providers."""
        label = self.model_label(spec.provider, spec.model)
        return tuple(
            each
            for each in self.offers
            if spec.model == each.model.name or label == each.model.label
        )

    def provider_label(self, provider: str) -> str | None:
        """Return a provider's name for people; None when only one provider is configured."""
        return provider if len(self._providers) > 1 else None

    def can_cancel(self, provider: str) -> bool:
        """Return whether a provider can cancel a running render so that it isn't billed."""
        known = self._providers.get(provider)
        return known is not None and known.capabilities().can_cancel

    def model_label(self, provider: str, model: str) -> str:
        """Return the model's name for people; `model` itself when no provider has it any more."""
        offer = self._find_offer(self.all_offers, provider, model)
        return model if offer is None else offer.model.label

    def resolve(self, options: ClipOptions, prompt: str) -> RenderSpec:
        """Return the render spec for `options` at their model, else at the first that can do all.

        prompt  the prompt as the prompt gate returned it.
        Raises BadOptionError, which names the option and the possible values, and NoProviderError.
        """
        if options.model is not None:
            return resolve_at(self.offer_named(options.model), options, prompt)
        return replace(self.resolve_first(self.offers, options, prompt), any_model=True)

    def resolve_first(
        self, offers: Sequence[Offer], options: ClipOptions, prompt: str
    ) -> RenderSpec:
        """Return the render spec at the first of `offers` that can do all that `options` ask for.

        Offers whose provider takes jobs now are tried before the others.
        Raises the first offer's BadOptionError when none can, and NoProviderError without offers.
        """
        if not offers:
            raise NoProviderError("No video service is available right now. Try again later.")
        refusals: list[BadOptionError] = []
        # A provider that is cooling down is better than none: the job waits until it takes jobs.
        for offer in sorted(offers, key=lambda each: not self._health.takes_work(each.provider)):
            try:
                return resolve_at(offer, options, prompt)
            except BadOptionError as refusal:
                refusals.append(refusal)
        raise refusals[0]

    def alternatives(self, spec: RenderSpec) -> Iterator[RenderSpec]:
        """Yield the spec for other providers that take jobs now, preferred ones first.

        If the member chose the model, only providers with the same model are tried. They make the
        clip from prompt and reference image, never from a render of the first provider.
        """
        for offer in self.offers if spec.any_model else self.offers_of_model(spec):
            if offer.provider == spec.provider or not self._health.takes_work(offer.provider):
                continue
            if can_make(offer.model, spec):
                price = offer.model.price_usd_micros(spec.seconds, spec.size)
                name = offer.model.name
                yield replace(spec, provider=offer.provider, model=name, estimate_usd_micros=price)

    def _offers_named(self, name: str) -> list[Offer]:
        wanted = name.strip().casefold()
        return [each for each in self.all_offers if wanted in each.names]

    def _enabled_offers(self) -> list[Offer]:
        """Return the allowed offers that aren't drained or retired, in service or not."""
        choice, now = self._selection, self._clock.now()
        return [
            each
            for each in self.all_offers
            if (not choice.keys or each.key in choice.keys)
            and each.provider not in choice.drained
            and not each.model.is_retired(now)
        ]

    def _find_offer(self, offers: Iterable[Offer], provider: str, model: str) -> Offer | None:
        of_both = (each for each in offers if (each.provider, each.model.name) == (provider, model))
        return next(of_both, None)

    def _retired_hint(self, offer: Offer) -> tuple[str, str]:
        def price(model: Model) -> int:
            return max(model.usd_micros_per_second.values(), default=0)

        gone, model = f"{offer.model.label} was retired on {offer.model.retired_on}.", offer.model
        near = min(
            (each.model for each in self.offers),
            key=lambda each: (
                each.takes_image != model.takes_image,
                abs(price(each) - price(model)),
            ),
            default=None,
        )
        return gone, "" if near is None else f"The nearest to it is `{near.label}`."

    def _available_hint(self) -> str:
        labels = dict.fromkeys(each.model.label[:60] for each in self.offers)
        known = ", ".join(f"`{label}`" for label in list(labels)[:_MAX_NAMED])
        return f"There is {known}." if known else "No other is available."


def can_make(model: Model, spec: RenderSpec) -> bool:
    """Return whether a model can make `spec` from its prompt and reference image alone.

    A native remix may be longer, or have a longer whole prompt, than the model accepts otherwise.
    """
    return (
        spec.seconds in model.seconds
        and spec.size in model.sizes
        and model.prompt_length(spec.prompt) <= model.prompt_max_chars
        and (model.takes_image or (spec.operation is not Operation.EXTEND and spec.image is None))
    )


def resolve_at(offer: Offer, options: ClipOptions, prompt: str) -> RenderSpec:
    """Return the render spec for `options` at one offer, whatever `options.model` says.

    Raises BadOptionError, which names the option and the possible values.
    """
    model = offer.model
    if model.prompt_length(prompt) > model.prompt_max_chars:
        raise prompt_too_long(model, prompt)
    seconds = model.seconds[0] if options.seconds is None else options.seconds
    if seconds not in model.seconds:
        possible = f"It can do {_join_with_or(model.seconds)}."
        raise BadOptionError("seconds", f"{model.label} can't do {seconds}.", possible)
    size = model.sizes[0] if options.size is None else _parse_size(options.size, model)
    if size not in model.sizes:
        possible = f"It can do {_join_with_or(model.sizes)}."
        raise BadOptionError("size", f"{model.label} can't do {size}.", possible)
    if options.image is not None and not model.takes_image:
        raise BadOptionError("image", f"{model.label} takes no pictures.", "Leave it out.")
    return offer.spec(prompt, seconds, size, image=options.image)


def prompt_too_long(model: Model, prompt: str, about: str = "") -> BadOptionError:
    """Return the error for a prompt that is too long for a model.

    about  begins the error's text; for example, it says that a parent's prompt was added.
    """
    length = model.prompt_length(prompt)
    double = "" if length == len(prompt) else " An emoji counts as two or more."
    return BadOptionError(
        "prompt",
        f"{about}{length} characters are too many for {model.label}.",
        f"It takes {model.prompt_max_chars}.{double}",
    )


def _parse_size(text: str, model: Model) -> Size:
    try:
        return Size.parse(text)
    except ValueError as error:
        possible = f"It can be {_join_with_or(model.sizes)}."
        raise BadOptionError("size", "that is not a size.", possible) from error


def _join_with_or(values: Sequence[int | Size]) -> str:
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last
