from __future__ import annotations

import pytest

from renderer.script.prompt import Time, Weather
from renderer.script.screenplay import Screenplay

FOX = Screenplay.of("A fox in the mountains at noon.", 7, 4)


def summary(play: Screenplay) -> list[tuple[int, Time, Weather, str]]:
    scenes = [(act, act.scene(has_picture=False)) for act in play.acts]
    return [(act.seconds, scene.time, scene.weather, act.caption) for act, scene in scenes]


def test_an_extension_goes_on_in_the_scene_before_it():
    longer = FOX.extended("then it begins to snow", 1, 8).extended("at night", 2, 4)
    assert longer.seconds == 16
    assert summary(longer) == [
        (4, Time.DAY, Weather.CLEAR, "A fox in the mountains at noon."),
        (8, Time.DAY, Weather.SNOW, "then it begins to snow"),
        (4, Time.NIGHT, Weather.SNOW, "at night"),
    ]


def test_a_remix_of_an_extension_changes_the_whole_film():
    remix = FOX.extended("then it begins to snow", 1, 4).remixed("at night", 2, 8)
    assert summary(remix) == [
        (4, Time.NIGHT, Weather.CLEAR, "at night"),
        (4, Time.NIGHT, Weather.SNOW, "at night"),
    ]


def test_an_extension_of_a_remix_keeps_the_change():
    longer = FOX.remixed("at night", 2, 4).extended("then it begins to snow", 1, 4)
    assert [time for _, time, _, _ in summary(longer)] == [Time.NIGHT, Time.NIGHT]


def test_all_acts_keep_the_first_seed():
    play = FOX.extended("snow", 1, 4).remixed("at night", 2, 8).extended("rain", 3, 4)
    assert len({act.scene(has_picture=False).seed for act in play.acts}) == 1


@pytest.mark.parametrize(
    ("seconds", "acts"), [(3, [3]), (4, [4]), (7, [4, 3]), (8, [4, 4]), (12, [4, 8])]
)
def test_a_remix_of_another_length_cuts_or_continues_the_end(seconds: int, acts: list[int]):
    remix = FOX.extended("then it begins to snow", 1, 4).remixed("at night", 2, seconds)
    assert [act.seconds for act in remix.acts] == acts


@pytest.mark.parametrize(
    "words", ["A fox in the mountains at noon.", "A fox in the mountains at noon", "", "  "]
)
def test_an_extension_without_words_of_its_own_goes_on_as_it_was(words: str):
    assert summary(FOX.extended(words, 1, 4))[1] == summary(FOX)[0]


def test_of_a_composed_text_only_what_has_not_been_said_counts():
    night = FOX.remixed("at night", 2, 4)
    whole = "A fox in the mountains at noon. Change: at night. Then: it snows"
    assert summary(night.extended(whole, 3, 4))[1] == (4, Time.NIGHT, Weather.SNOW, "it snows")
    assert summary(night.extended(whole.removesuffix(". Then: it snows"), 3, 4))[1][3] == "at night"
    again = "A fox in the mountains at noonday, at dawn"
    assert summary(FOX.extended(again, 3, 4))[1][3] == again


def step(operation: str, prompt: str, seed: int, seconds: int) -> dict[str, object]:
    return {"operation": operation, "prompt": prompt, "seed": seed, "seconds": seconds}


PROMPT = step("generate", "A fox in the mountains at noon.", 7, 4)
SNOW, NIGHT = step("extend", "snow", 1, 4), step("remix", "at night", 2, 8)


def test_steps_are_applied_one_after_the_other():
    assert Screenplay.load([], [PROMPT]) == FOX
    assert Screenplay.load([], [PROMPT, SNOW, NIGHT]) == FOX.extended("snow", 1, 4).remixed(
        "at night", 2, 8
    )


def test_steps_may_start_from_a_film_in_acts():
    fox = {"operation": "generate", "text": "A fox in the mountains at noon.", "seed": 7}
    snow = {"operation": "extend", "text": "snow", "seed": 1}
    acts = [{"seconds": 4, "lines": [fox]}, {"seconds": 4, "lines": [fox, snow]}]
    assert Screenplay.load(acts, []) == FOX.extended("snow", 1, 4)
    assert Screenplay.load(acts, [NIGHT]) == Screenplay.load([], [PROMPT, SNOW, NIGHT])


@pytest.mark.parametrize(
    "broken", [[], [{}], [{"seconds": 0, "lines": []}], [{"seconds": 1, "lines": []}], ["x"], 7]
)
def test_invalid_acts_are_refused(broken: list[object]):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Screenplay.load(broken, [])


@pytest.mark.parametrize(
    "broken",
    [[SNOW], [PROMPT, PROMPT], [{**PROMPT, "seconds": 0}], [{**PROMPT, "operation": "paint"}], [1]],
)
def test_invalid_steps_are_refused(broken: list[object]):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Screenplay.load([], broken)
