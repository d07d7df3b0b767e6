"""The catalogue: which offers there are, which is chosen, and what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.clock import SystemClock
from bot.errors import BadOptionError, NoProviderError
from bot.jobs.catalogue import Catalogue, ClipOptions
from bot.model import Size
from bot.providers.base import Capabilities, Model
from bot.providers.health import CircuitBreakers

WIDE, TALL = Size.parse("1280x720"), Size.parse("720x1280")


def model(name: str, **changes: Any) -> Model:
    facts: dict[str, Any] = {
        "name": name,
        "label": name.title(),
        "seconds": (4, 8),
        "sizes": (WIDE, TALL),
        "usd_micros_per_second": {WIDE: 100_000, TALL: 200_000},
        "prompt_max_chars": 20,
    }
    return Model(**(facts | changes))


def catalogue(**providers: tuple[Model, ...]) -> Catalogue:
    def offering(models: tuple[Model, ...]) -> Any:
        return SimpleNamespace(capabilities=lambda: Capabilities(models=models))

    clock = SystemClock()
    offered = {name: offering(models) for name, models in providers.items()}
    return Catalogue(offered, CircuitBreakers(offered, clock), clock)


BOTH = catalogue(first=(model("short"),), second=(model("long", seconds=(12,), takes_image=True),))


def resolve(options: ClipOptions, offers: Catalogue = BOTH) -> Any:
    return offers.resolve(options, options.prompt)


def test_without_options_the_preferred_model_takes_it_at_its_defaults() -> None:
    made = resolve(ClipOptions(prompt="a cat"))
    assert (made.provider, made.model, made.seconds, made.size) == ("first", "short", 4, WIDE)
    assert made.estimate_usd_micros == 400_000


def test_the_price_goes_by_size_and_length() -> None:
    made = resolve(ClipOptions(prompt="a cat", seconds=8, size="720x1280"))
    assert made.estimate_usd_micros == 1_600_000


def test_the_first_model_that_can_do_all_of_it_is_chosen() -> None:
    assert resolve(ClipOptions(prompt="a cat", seconds=12)).provider == "second"
    assert resolve(ClipOptions(prompt="a cat", image=Path("x.png"))).provider == "second"


@pytest.mark.parametrize("name", ["second/long", "long", "LONG", " Long "])
def test_a_model_is_found_by_key_name_or_label_in_any_case(name: str) -> None:
    assert resolve(ClipOptions(prompt="a cat", model=name)).model == "long"


@pytest.mark.parametrize(
    ("options", "field", "possible"),
    [
        (ClipOptions(prompt="a cat", model="short", seconds=12), "seconds", "4 or 8"),
        (ClipOptions(prompt="a cat", seconds=7), "seconds", "4 or 8"),
        (ClipOptions(prompt="a cat", size="640x480"), "size", "1280x720 or 720x1280"),
        (ClipOptions(prompt="a cat", size="huge"), "size", "1280x720 or 720x1280"),
        (ClipOptions(prompt="a cat", model="vhs"), "model", "`Short`, `Long`"),
        (ClipOptions(prompt="a cat", model="short", image=Path("x")), "image", "Leave it out"),
        (ClipOptions(prompt="a cat" * 5), "prompt", "20"),
    ],
)
def test_a_refused_option_is_named_with_what_is_possible(
    options: ClipOptions, field: str, possible: str
) -> None:
    with pytest.raises(BadOptionError) as refused:
        resolve(options)
    assert refused.value.field == field
    assert possible in refused.value.user_text


def test_a_prompt_is_as_long_as_the_models_api_counts_it() -> None:
    units = catalogue(first=(model("units", counts_utf16=True),))
    fits, is_long = "a" * 18 + "🐈", "a" * 19 + "🐈"
    assert resolve(ClipOptions(prompt=fits), units).prompt == fits
    with pytest.raises(BadOptionError, match="21 characters are too many for Units") as refused:
        resolve(ClipOptions(prompt=is_long), units)
    assert refused.value.user_text.endswith("It takes 20. An emoji counts as two or more.")
    # A model that counts characters takes the same prompt, because an emoji is one character.
    assert (
        resolve(ClipOptions(prompt=is_long), catalogue(first=(model("signs"),))).prompt == is_long
    )


def test_where_the_next_api_counts_otherwise_it_is_not_asked_to_take_over() -> None:
    both = catalogue(
        first=(model("signs"),), second=(model("units", counts_utf16=True), model("signs"))
    )
    made = resolve(ClipOptions(prompt="a" * 19 + "🐈"), both)
    (other,) = both.alternatives(made)
    assert (other.provider, other.model) == ("second", "signs")


def test_sizes_are_read_as_people_write_them() -> None:
    assert resolve(ClipOptions(prompt="a cat", size=" 720 × 1280 ")).size == TALL


def test_a_model_that_is_no_longer_offered_keeps_its_own_name() -> None:
    assert BOTH.model_label("first", "short") == "Short"
    assert BOTH.model_label("gone", "vhs-1") == "vhs-1"


def test_without_any_provider_every_request_is_refused() -> None:
    with pytest.raises(NoProviderError):
        resolve(ClipOptions(prompt="a cat"), catalogue())
