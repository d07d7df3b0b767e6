"""What members can ask for: the models of all providers, and the way from a wish to an order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import BadOptionError, NoProviderError
from bot.model import Order, Size
from bot.providers.base import Model, Provider

#: So many models are named where none of that name is known.
_NAMED = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a member typed; None where an option was left out."""

    prompt: str
    model: str | None = None
    seconds: int | None = None
    size: str | None = None
    #: A picture that was checked already.
    image: Path | None = None
    #: 1 to 4 variants.
    count: int = 1

    def with_image(self, image: Path) -> Wish:
        """Return the same wish with a checked picture."""
        return replace(self, image=image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model at a provider."""

    provider: str
    model: Model

    @property
    def key(self) -> str:
        """What the model option holds; unique."""
        return f"{self.provider}/{self.model.name}"


class Catalogue:
    """The offers of all configured providers, in the operator's order of preference."""

    def __init__(self, providers: Mapping[str, Provider], keys: Collection[str] = ()) -> None:
        """Take all offers, or those with these keys."""
        self._providers = providers
        offers = (
            Offer(provider=name, model=model)
            for name, provider in providers.items()
            for model in provider.capabilities().models
        )
        self._offers = tuple(offer for offer in offers if not keys or offer.key in keys)
        self._cancelling = frozenset(
            name for name, provider in providers.items() if provider.capabilities().can_cancel
        )

    @property
    def offers(self) -> tuple[Offer, ...]:
        """All of them, preferred first."""
        return self._offers

    def only(self, keys: Collection[str]) -> Catalogue:
        """Return the catalogue of the offers with these keys; all of them for no keys."""
        return Catalogue(self._providers, keys)

    def named(self, name: str) -> Offer:
        """Return the offer that `name` means: its key, model name or label, in any case.

        Raises BadOptionError listing what there is.
        """
        wanted = name.strip().casefold()
        for offer in self._offers:
            if wanted in {
                offer.key.casefold(),
                offer.model.name.casefold(),
                offer.model.label.casefold(),
            }:
                return offer
        known = ", ".join(f"`{offer.model.label[:60]}`" for offer in self._offers[:_NAMED])
        raise BadOptionError("model", "I don't have that one.", f"There is {known}.")

    def offer(self, provider: str, model: str) -> Offer | None:
        """Return the offer of just this model at this provider, if there is one."""
        for offer in self._offers:
            if (offer.provider, offer.model.name) == (provider, model):
                return offer
        return None

    def can_cancel(self, provider: str) -> bool:
        """Whether a render that this provider has begun can be stopped before it is paid for."""
        return provider in self._cancelling

    def label(self, provider: str, model: str) -> str:
        """Return the model's name for people; its own name when it is no longer offered."""
        offer = self.offer(provider, model)
        return model if offer is None else offer.model.label

    def order(self, wish: Wish, prompt: str) -> Order:
        """Return the order for a wish: its model's, or the first that can do all of it.

        prompt  as the prompt gate let it through.
        Raises BadOptionError naming the option and what is possible.
        """
        if not self._offers:
            raise NoProviderError("No video service is configured right now.")
        if wish.model is not None:
            return order_from(self.named(wish.model), wish, prompt)
        return self.first_order(self._offers, wish, prompt)

    def first_order(self, offers: Sequence[Offer], wish: Wish, prompt: str) -> Order:
        """Return the order at the first of `offers` (at least one) that can do all of `wish`.

        Raises BadOptionError, the first offer's, when none can.
        """
        refusals: list[BadOptionError] = []
        for offer in offers:
            try:
                return order_from(offer, wish, prompt)
            except BadOptionError as refusal:
                refusals.append(refusal)
        raise refusals[0]


def order_from(offer: Offer, wish: Wish, prompt: str) -> Order:
    """Return the order for `wish` at one offer; `wish.model` has been looked at already.

    Raises BadOptionError naming the option and what is possible.
    """
    model = offer.model
    if len(prompt) > model.prompt_max_chars:
        allowed = f"It takes {model.prompt_max_chars}."
        raise BadOptionError(
            "prompt", f"{len(prompt)} characters are too many for {model.label}.", allowed
        )
    seconds = model.seconds[0] if wish.seconds is None else wish.seconds
    if seconds not in model.seconds:
        possible = _either([str(each) for each in model.seconds])
        raise BadOptionError(
            "seconds", f"{model.label} can't do {seconds}.", f"It can do {possible}."
        )
    size = model.sizes[0] if wish.size is None else _size(wish.size, model)
    if size not in model.sizes:
        possible = _either([str(each) for each in model.sizes])
        raise BadOptionError("size", f"{model.label} can't do {size}.", f"It can do {possible}.")
    if wish.image is not None and not model.takes_image:
        raise BadOptionError("image", f"{model.label} takes no pictures.", "Leave it out.")
    return Order(
        prompt=prompt,
        provider=offer.provider,
        model=model.name,
        seconds=seconds,
        size=size,
        image=wish.image,
        estimate_usd_micros=model.price_usd_micros(seconds, size),
    )


def _size(text: str, model: Model) -> Size:
    try:
        return Size.parse(text)
    except ValueError as error:
        possible = _either([str(each) for each in model.sizes])
        raise BadOptionError("size", "that is not a size.", f"It can be {possible}.") from error


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
