"""Parses the settings `…_MODELS`: the models of a vendor, what they can do, their prices."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NoReturn

from bot.errors import SettingsError
from bot.model import Operation, Size
from bot.providers.base import Model
from bot.providers.vendors.size_formats import SIZES_720P

_ALLOWED = (
    "entries such as `sora-2` or `my-model seconds=4,8 sizes=1280x720 usd_per_second=0.05`, with"
    " `;` between them; also image=yes, audio=no, remix=yes, extend=no, label=Name and"
    " usd_per_second=1280x720:0.30,…"
)
_KEYS = ("seconds", "sizes", "usd_per_second", "image", "audio", "remix", "extend", "label")
_OPERATION_KEYS = {"remix": Operation.REMIX, "extend": Operation.EXTEND}
#: Longest clip and highest price that a setting or an API's list of models may name.
MAX_SECONDS = 600
MAX_USD_PER_SECOND = 100


class _InvalidModelsError(Exception):
    """A setting `…_MODELS` is invalid; the message says why."""


def read_models(
    text: str, *, variable: str, known_models: Mapping[str, Model]
) -> tuple[Model, ...]:
    """Return the models that a setting describes, in its order; at least one.

    variable      the setting's name, for errors.
    known_models  models whose facts are known, by name; the setting can override them.

    An entry is a name and `key=value` words; quotes keep spaces together. Names that are not known
    need `seconds`, `sizes` and `usd_per_second`. 1280x720 is moved to the front of `sizes`.
    Raises SettingsError naming the variable for anything else.
    """
    models: dict[str, Model] = {}
    try:
        for entry in filter(str.strip, text.split(";")):
            model = _read_entry(entry, known_models, f"the operator's {variable}")
            if model.name in models:
                _fail(f"{model.name!r} is there twice")
            models[model.name] = model
        if not models:
            _fail("names no model")
    except _InvalidModelsError as error:
        raise SettingsError(variable, str(error), _ALLOWED) from None
    return tuple(models.values())


def usd_to_micros(usd: Decimal) -> int:
    """Return dollars in millionths, rounded up. Raises ValueError, OverflowError, InvalidOperation."""
    return int((usd * 1_000_000).to_integral_value(ROUND_CEILING))


def _read_entry(entry: str, all_known: Mapping[str, Model], source: str) -> Model:
    try:
        name, *pairs = shlex.split(entry)
    except ValueError:
        _fail(f"a quote is not closed in {entry.strip()!r}")
    if not name or "=" in name or not name.isprintable():
        _fail(f"an entry begins with {name!r}, not with a model's name")
    known = all_known.get(name)
    # No API has a comma in a model's name, so this is a list with commas, as in other settings.
    if known is None and "," in name:
        _fail(f"{name!r} has a comma, models are separated by ;{_list_known_models(all_known)}")
    words = _read_pairs(name, pairs)
    missing = [key for key in ("seconds", "sizes", "usd_per_second") if key not in words]
    if known is None and missing:
        _fail(f"{name!r} lacks {', '.join(missing)}{_list_known_models(all_known)}")
    model = known or Model(
        name=name,
        label=name,
        seconds=(),
        sizes=(),
        usd_micros_per_second={},
        has_audio=False,
        facts_source=source,
    )
    if "seconds" in words:
        model = replace(model, seconds=_read_seconds(name, words["seconds"]))
    if "sizes" in words:
        model = replace(model, sizes=_read_sizes(name, words["sizes"]))
    prices = dict(model.usd_micros_per_second)
    if "usd_per_second" in words:
        prices.update(_read_prices(name, words["usd_per_second"], model.sizes))
    if without := [str(size) for size in model.sizes if size not in prices]:
        _fail(f"{name!r} has no price for {', '.join(without)}")
    switched = {
        operation
        for key, operation in _OPERATION_KEYS.items()
        if _read_switch(name, key, words, default=operation in model.operations)
    }
    return replace(
        model,
        label=words.get("label", model.label),
        usd_micros_per_second={size: prices[size] for size in model.sizes},
        operations=frozenset({Operation.GENERATE, *switched}),
        takes_image=_read_switch(name, "image", words, default=model.takes_image),
        has_audio=_read_switch(name, "audio", words, default=model.has_audio),
    )


def _list_known_models(known: Mapping[str, Model]) -> str:
    return f"; known here: {', '.join(known)}" if known else ""


def _read_pairs(name: str, pairs: list[str]) -> dict[str, str]:
    words: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in _KEYS or not equals:
            _fail(f"{name!r} has {pair!r}, which is not one of {', '.join(_KEYS)} with a value")
        if key in words:
            _fail(f"{name!r} has {key} twice")
        if not value.strip() or not value.isprintable():
            _fail(f"{name!r} has an empty or unprintable {key}")
        words[key] = value.strip()
    return words


def _read_seconds(name: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and 1 <= int(part[:9]) <= MAX_SECONDS):
            _fail(f"{name!r} has a length of {part!r}, not 1 to {MAX_SECONDS} whole seconds")
    return tuple(sorted({int(part) for part in parts}))


def _read_sizes(name: str, text: str) -> tuple[Size, ...]:
    unique = dict.fromkeys(_read_size(name, part) for part in text.split(","))
    return tuple(sorted(unique, key=lambda size: size != SIZES_720P[0]))


def _read_size(name: str, text: str) -> Size:
    try:
        size = Size.parse(text)
    except ValueError:
        _fail(f"{name!r} has a size of {text.strip()!r}, not such as 1280x720")
    if not (16 <= size.width_px <= 8192 and 16 <= size.height_px <= 8192):
        _fail(f"{name!r} has a size of {size}, not 16 to 8192 pixels each way")
    return size


def _read_prices(name: str, text: str, sizes: tuple[Size, ...]) -> dict[Size, int]:
    if ":" not in text:
        return dict.fromkeys(sizes, _read_usd_micros(name, text))
    prices: dict[Size, int] = {}
    for part in text.split(","):
        size_text, _, usd = part.partition(":")
        size = _read_size(name, size_text)
        if size not in sizes or size in prices:
            _fail(f"{name!r} has a price for {size}, which is not in its sizes or priced twice")
        prices[size] = _read_usd_micros(name, usd)
    return prices


def _read_usd_micros(name: str, text: str) -> int:
    try:
        usd_micros = Decimal(text.strip().removeprefix("$")) * 1_000_000
        whole = int(usd_micros)
    except (InvalidOperation, ValueError, OverflowError):
        _fail(f"{name!r} has a price of {text.strip()!r}, not US dollars such as 0.10")
    if whole != usd_micros or not 0 <= whole <= MAX_USD_PER_SECOND * 1_000_000:
        _fail(
            f"{name!r} has a price of {text.strip()!r}, not 0 to {MAX_USD_PER_SECOND} US dollars in"
            " steps of 0.000001"
        )
    return whole


def _read_switch(name: str, key: str, words: Mapping[str, str], *, default: bool) -> bool:
    word = words.get(key)
    if word is None:
        return default
    if word.lower() not in ("yes", "no"):
        _fail(f"{name!r} has {key}={word!r}, not yes or no")
    return word.lower() == "yes"


def _fail(problem: str) -> NoReturn:
    raise _InvalidModelsError(problem) from None
