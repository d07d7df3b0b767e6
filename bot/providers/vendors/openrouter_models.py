"""Reads OpenRouter's list of models: lengths, sizes, and prices where they are understood."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from bot.model import Size
from bot.providers.base import Model
from bot.providers.http.json_fields import list_or_empty, object_or_empty
from bot.providers.vendors.model_setting import (
    MAX_SECONDS,
    MAX_USD_PER_SECOND,
    usd_to_micros,
)
from bot.providers.vendors.size_formats import format_of, sizes_of

#: The sizes that the API has, each named by aspect ratio and resolution.
SIZES = sizes_of("720p", "480p", "1080p")

# 2026-11-20: the keys of prices are not documented. This grammar follows copies of the catalogue that
# others published from August to October 2026. The prices of two clips that others paid agree:
# `duration_seconds…` are dollars (veo-3.1-lite, 4 s at 0.03: $0.12), `cents_per_…` are cents
# (grok-imagine-video).
_PER_SECOND = re.compile(
    r"(?P<cents>cents_per_(?:second_output|video_output_second))?"
    r"(?(cents)|(?:(?P<mode>text|image)_to_video_)?duration_seconds"
    r"(?:_(?P<audio>with|without)_audio)?)"
    r"(?:_(?P<resolution>[0-9]+[pk]))?"
)
#: Prices of inputs that the bot never sends: reference clips and images, clips to continue.
_NEVER_SENT = re.compile(
    r"reference_images|reference_duration_seconds(_[0-9]+[pk])?"
    r"|cents_per_second_video_continuation(_[0-9]+[pk])?"
)
_PER_IMAGE = "cents_per_image_input"


class _PriceError(Exception):
    """Why a price can't be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PriceLine:
    """One price per second."""

    #: The key without the resolution.
    family: str
    #: `text` or `image`; None: both.
    mode: str | None
    #: `with` or `without`; None: both.
    audio: str | None
    #: Such as `720p`; None: every resolution without a line of its own in the family.
    resolution: str | None
    usd_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model in the API's list."""

    label: str
    #: Shortest first.
    seconds: tuple[int, ...]
    #: By size.
    usd_micros_per_second: Mapping[Size, int]
    takes_image: bool
    has_audio: bool
    has_seed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyModel(Mapping[str, Model]):
    """A mapping that has every name, each with a model whose facts the API will tell; lists none."""

    #: Where the bot reads the rest.
    source: str

    def __getitem__(self, name: str) -> Model:
        return Model(
            name=name,
            label=name,
            seconds=(),
            sizes=(),
            usd_micros_per_second={},
            takes_image=True,
            facts_source=self.source,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def complete_models(
    configured: tuple[Model, ...], facts: Mapping[str, ModelFacts]
) -> tuple[Model, ...]:
    """Return the models whose facts are complete: the setting's, and for the rest the API's.

    configured  as the setting has them, without lengths or sizes where it names none.
    facts       by the model's name.
    """
    found = (_complete_model(model, facts.get(model.name)) for model in configured)
    return tuple(model for model in found if model.seconds and model.sizes)


def _complete_model(configured: Model, facts: ModelFacts | None) -> Model:
    if facts is None:
        return replace(configured, takes_image=False)
    prices = configured.usd_micros_per_second or facts.usd_micros_per_second
    # A setting with prices replaces the API's lengths; without prices it only narrows them.
    seconds = configured.seconds if configured.usd_micros_per_second else ()
    seconds = seconds or tuple(
        s for s in facts.seconds if s in (configured.seconds or facts.seconds)
    )
    return replace(
        configured,
        label=facts.label if configured.label == configured.name else configured.label,
        seconds=seconds,
        sizes=configured.sizes or tuple(prices),
        usd_micros_per_second=prices,
        takes_image=configured.takes_image and facts.takes_image,
        has_audio=configured.has_audio and facts.has_audio,
    )


def read_catalogue(
    body: object, wanted: tuple[Model, ...]
) -> tuple[Mapping[str, ModelFacts], Mapping[str, str]]:
    """Return the facts of the wanted models, and why some can't be used, both by name.

    body  of the answer to GET /videos/models. Raises ValueError unless it is a list of models.
    """
    data: object = object_or_empty(body).get("data")
    if not isinstance(data, list) or not data:
        raise ValueError("no list of models")
    listed = cast("list[object]", data)
    entries = {str(each["id"]): each for each in map(object_or_empty, listed) if each.get("id")}
    facts: dict[str, ModelFacts] = {}
    complaints: dict[str, str] = {}
    for model in wanted:
        entry = entries.get(model.name)
        if entry is None:
            complaints[model.name] = "it is not in the list"
            continue
        try:
            facts[model.name] = _read_facts(entry, has_audio=model.has_audio)
        except _PriceError as error:
            complaints[model.name] = str(error)
            facts[model.name] = _read_facts({**entry, "pricing_skus": {}}, has_audio=False)
            continue
        if not facts[model.name].usd_micros_per_second or not facts[model.name].seconds:
            complaints[model.name] = "the list has no length, or no price for a size"
    return facts, complaints


def _read_facts(entry: Mapping[str, Any], *, has_audio: bool) -> ModelFacts:
    """Read one model of the list; without sizes where nothing has a price. Raises _PriceError."""
    skus = object_or_empty(entry.get("pricing_skus"))
    lines = [
        _read_price(key, value) for key, value in skus.items() if not _is_irrelevant_price(key)
    ]
    can_audio = entry.get("generate_audio") is True
    audio = "with" if can_audio and has_audio else "without"
    sizes = {
        size: format_of(size, SIZES).resolution for size in SIZES if _is_supported(entry, size)
    }
    words = {size: _max_price(lines, "text", audio, each) for size, each in sizes.items()}
    image_prices = {size: _max_price(lines, "image", audio, each) for size, each in sizes.items()}
    # The bot knows one price per model, so a model with a surcharge for images takes none.
    takes_image = "first_frame" in _strings(entry.get("supported_frame_images"))
    takes_image = takes_image and _PER_IMAGE not in skus
    takes_image = takes_image and all(image_prices[size] for size, price in words.items() if price)
    prices = {
        size: max(price, image_prices[size] or 0) if takes_image else price
        for size, price in words.items()
        if price
    }
    lengths = list_or_empty(entry.get("supported_durations"))
    return ModelFacts(
        label=str(entry.get("name") or entry.get("id")).rpartition(": ")[2],
        seconds=tuple(sorted({s for s in lengths if type(s) is int and 1 <= s <= MAX_SECONDS})),
        usd_micros_per_second=prices,
        takes_image=takes_image,
        has_audio=can_audio,
        has_seed=entry.get("seed") is True,
    )


def _is_irrelevant_price(key: str) -> bool:
    return key == _PER_IMAGE or _NEVER_SENT.fullmatch(key.lower()) is not None


def _read_price(key: str, value: object) -> _PriceLine:
    """Read one price.

    Raises _PriceError for an unknown key, and for a value that is no number, not above 0, or
    above MAX_USD_PER_SECOND.
    """
    found = _PER_SECOND.fullmatch(key.lower())
    if found is None:
        raise _PriceError(f"a price for {key[:60]!a}")
    try:
        usd = Decimal(str(value)) / (100 if found["cents"] else 1)
        usd_micros = usd_to_micros(usd)
    except (InvalidOperation, ValueError, OverflowError):
        raise _PriceError(f"{key[:60]!a} costs {str(value)[:20]!a}") from None
    if not 0 < usd_micros <= MAX_USD_PER_SECOND * 1_000_000:
        raise _PriceError(f"{key[:60]!a} costs {str(value)[:20]!a}")
    return _PriceLine(
        family=key.lower().removesuffix(f"_{found['resolution']}"),
        mode=found["mode"],
        audio=found["audio"],
        resolution=found["resolution"],
        usd_micros=usd_micros,
    )


def _max_price(lines: list[_PriceLine], mode: str, audio: str, resolution: str) -> int | None:
    """Return the highest price per second of all families that apply; None: no price.

    Within a family a line for the resolution goes before the line without one.
    """
    fitting = [
        line
        for line in lines
        if line.mode in (None, mode)
        and line.audio in (None, audio)
        and line.resolution in (None, resolution)
    ]
    own = {line.family for line in fitting if line.resolution is not None}
    applying = (
        line.usd_micros for line in fitting if line.resolution is not None or line.family not in own
    )
    return max(applying, default=None)


def _is_supported(entry: Mapping[str, Any], size: Size) -> bool:
    words = format_of(size, SIZES)
    sizes = _strings(entry.get("supported_sizes"))
    return (
        words.aspect_ratio in _strings(entry.get("supported_aspect_ratios"))
        and words.resolution in _strings(entry.get("supported_resolutions"))
        and (not sizes or str(size) in sizes)
    )


def _strings(value: object) -> frozenset[str]:
    return frozenset(each for each in list_or_empty(value) if isinstance(each, str))
