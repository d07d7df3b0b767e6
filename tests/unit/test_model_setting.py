from __future__ import annotations

import pytest

from bot.errors import SettingsError
from bot.model import Operation, Size
from bot.providers.base import Model
from bot.providers.openai.dialects import OPENAI_MODELS
from bot.providers.openai.provider import OPENAI
from bot.providers.vendors import model_setting


def read_models(text: str) -> tuple[Model, ...]:
    return model_setting.read_models(text, variable="OPENAI_MODELS", known_models=OPENAI_MODELS)


_WIDE = Size(width_px=1280, height_px=720)


def test_the_default_setting_has_both_soras_with_their_prices():
    fast, fine = read_models(OPENAI.default_models)
    assert (fast.name, fast.label, fast.seconds) == ("sora-2", "Sora 2", (4, 8, 12))
    assert fast.price_usd_micros(8, _WIDE) == 800_000
    assert (fine.name, len(fine.sizes)) == ("sora-2-pro", 4)
    assert fine.price_usd_micros(12, _WIDE) == 3_600_000
    assert fine.price_usd_micros(4, Size(width_px=1792, height_px=1024)) == 2_000_000
    for model in (fast, fine):
        assert model.sizes[0] == _WIDE  # the first size is the default
        assert model.takes_image
        assert model.facts_source
        assert model.verified_on is not None


def test_a_model_of_ones_own_is_described_in_full():
    [model] = read_models(
        ' my/model.1  seconds=8,4,8 sizes=720x1280,1280×720 usd_per_second="0.05"'
        ' image=yes audio=YES label="My Model" ;'
    )
    assert (model.name, model.label) == ("my/model.1", "My Model")
    assert model.seconds == (4, 8)
    assert [str(size) for size in model.sizes] == ["1280x720", "720x1280"]
    assert set(model.usd_micros_per_second.values()) == {50_000}
    assert (model.takes_image, model.has_audio) == (True, True)


def test_what_is_not_said_of_a_model_of_ones_own_is_not_promised():
    [model] = read_models("m seconds=4 sizes=832x480 usd_per_second=0")
    assert (model.label, model.takes_image, model.has_audio) == ("m", False, False)
    assert model.price_usd_micros(4, model.sizes[0]) == 0


def test_both_soras_can_remix_and_extend_in_the_shape_of_their_source():
    for model in read_models(OPENAI.default_models):
        assert model.operations == {Operation.GENERATE, Operation.REMIX, Operation.EXTEND}
        assert not model.remix_can_change_format


@pytest.mark.parametrize(
    ("words", "operations"),
    [
        ("", set()),
        ("remix=yes", {Operation.REMIX}),
        ("extend=YES", {Operation.EXTEND}),
        ("extend=yes remix=no", {Operation.EXTEND}),
        ("remix=yes extend=yes", {Operation.REMIX, Operation.EXTEND}),
    ],
)
def test_a_model_of_ones_own_continues_clips_only_where_it_is_said(words, operations):
    [model] = read_models(f"m seconds=4 sizes=832x480 usd_per_second=0 {words}")
    assert model.operations == operations | {Operation.GENERATE}


def test_a_call_that_a_server_lacks_can_be_taken_from_a_known_model():
    [model] = read_models("sora-2 extend=no")
    assert model.operations == {Operation.GENERATE, Operation.REMIX}


def test_prices_can_differ_by_size():
    [model] = read_models(
        "m seconds=4 sizes=1280x720,1792x1024 usd_per_second=1280x720:0.30,1792x1024:0.000001"
    )
    assert [model.price_usd_micros(4, size) for size in model.sizes] == [1_200_000, 4]


def test_facts_of_a_known_model_can_be_overridden():
    [model] = read_models("sora-2 seconds=4,16 usd_per_second=0.125 label='Sora (relay)'")
    assert model.seconds == (4, 16)
    assert model.sizes == read_models("sora-2")[0].sizes
    assert model.price_usd_micros(16, _WIDE) == 2_000_000
    assert model.label == "Sora (relay)"


def test_a_name_that_is_not_known_is_answered_with_those_that_are():
    known = ", ".join(OPENAI_MODELS)
    with pytest.raises(SettingsError) as found:
        read_models("sora-3")
    assert found.value.problem.endswith(f"usd_per_second; known here: {known}")
    with pytest.raises(SettingsError) as found:
        model_setting.read_models("sora-3", variable="M", known_models={})
    assert found.value.problem.endswith("usd_per_second")


@pytest.mark.parametrize("text", ["sora-2,sora-2-pro", "sora-2, sora-2-pro"])
def test_commas_between_models_are_told_from_a_name_that_is_not_known(text: str):
    with pytest.raises(SettingsError) as found:
        read_models(text)
    assert "models are separated by ;" in found.value.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no model"),
        (" ; ;", "names no model"),
        ("sora-2;sora-2", "twice"),
        ("my-model", "lacks seconds, sizes, usd_per_second"),
        ("my-model seconds=4 sizes=1280x720", "lacks usd_per_second"),
        ("sora-2 sizes=1920x1080", "no price for 1920x1080"),
        ("sora-2 colour=red", "colour=red"),
        ("sora-2 fast", "fast"),
        ("sora-2 seconds=4 seconds=8", "seconds twice"),
        ("sora-2 seconds=", "empty"),
        ("sora-2 seconds=0", "'0'"),
        ("sora-2 seconds=4,,8", "''"),
        ("sora-2 seconds=4.5", "4.5"),
        ("sora-2 seconds=99999999999999999999", "999"),
        ("sora-2 seconds=٤", "٤"),
        ("sora-2 sizes=big", "big"),
        ("sora-2 sizes=1x1", "'1x1'"),
        ("sora-2 sizes=10x10", "10x10"),
        ("sora-2 usd_per_second=free", "free"),
        ("sora-2 usd_per_second=-1", "-1"),
        ("sora-2 usd_per_second=NaN", "NaN"),
        ("sora-2 usd_per_second=Infinity", "Infinity"),
        ("sora-2 usd_per_second=1e99", "1e99"),
        ("sora-2 usd_per_second=0.0000001", "0.0000001"),
        ("sora-2 usd_per_second=640x360:1", "640x360"),
        ("sora-2 usd_per_second=1280x720:1,1280x720:2", "1280x720"),
        ("sora-2 image=perhaps", "perhaps"),
        ("sora-2 remix=maybe", "remix='maybe'"),
        ("sora-2 extend=", "empty"),
        ("sora-2 remix=yes remix=no", "remix twice"),
        ("sora-2 label='Sora", "quote"),
        ("seconds=4", "seconds=4"),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(text, problem):
    with pytest.raises(SettingsError) as caught:
        read_models(text)
    assert caught.value.variable == "OPENAI_MODELS"
    assert problem in caught.value.problem
    assert "usd_per_second" in caught.value.allowed
