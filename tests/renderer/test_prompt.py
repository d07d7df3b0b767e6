from __future__ import annotations

import pytest

from renderer.script.prompt import Gait, Kind, Move, Time, Weather, read

READINGS = [
    ("A red fox trots through a snowy mountain meadow at sunset.",
     Kind.MOUNTAIN, Time.SUNSET, Weather.SNOW, None),
    ("Neon Tokyo street in the rain at night, a taxi drives past.",
     Kind.CITY, Time.NIGHT, Weather.RAIN, None),
    ("A sailboat glides across the ocean at golden hour, gulls overhead, camera tracking left",
     Kind.OCEAN, Time.SUNSET, Weather.CLEAR, Move.PAN_LEFT),
    ("An astronaut drifts past a ringed planet in deep space, slow zoom out",
     Kind.SPACE, Time.NIGHT, Weather.CLEAR, Move.PULL_BACK),
    ("Morning light through a redwood forest, tilt up", Kind.FOREST, Time.DAWN, Weather.CLEAR,
     Move.TILT_UP),
    ("A jellyfish drifts over a coral reef underwater", Kind.UNDERWATER, None, Weather.CLEAR, None),
    ("Close-up of a steaming coffee in a cozy cafe", Kind.BOKEH, None, Weather.CLEAR, None),
    ("A CAMEL CARAVAN crosses the desert dunes!", Kind.DESERT, None, Weather.CLEAR, None),
    ("A lighthouse in a violent storm, handheld", Kind.OCEAN, None, Weather.STORM, Move.HANDHELD),
    ("misty valley, drone shot", Kind.MOUNTAIN, None, Weather.FOG, Move.FLYOVER),
    ("static shot of the city at dusk", Kind.CITY, Time.DUSK, Weather.CLEAR, Move.STATIC),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "kind", "time", "weather", "move"), READINGS)
def test_words_decide_the_scene(
    prompt: str, kind: Kind, time: Time | None, weather: Weather, move: Move | None
):
    for seed in (0, 1, 2**31 - 1):
        scene = read(prompt, seed)
        assert scene.kind is kind
        assert scene.weather is weather
        assert time in (None, scene.time)
        assert move in (None, scene.move)


@pytest.mark.parametrize(
    ("words", "move"),
    [
        ("pan left", Move.PAN_LEFT),
        ("pans right", Move.PAN_RIGHT),
        ("tilt up", Move.TILT_UP),
        ("tilting down", Move.TILT_DOWN),
        ("push in", Move.PUSH_IN),
        ("zooms out", Move.PULL_BACK),
        ("tracking shot", Move.TRACKING),
        ("camera circling", Move.ORBIT),
        ("aerial", Move.FLYOVER),
        ("shaky", Move.HANDHELD),
        ("locked-off", Move.STATIC),
        ("slow motion", Move.SLOW_DRIFT),
    ],
)
def test_every_camera_move_can_be_asked_for(words: str, move: Move):
    assert read(f"a field of wheat, {words}", 3).move is move


def test_a_subject_suggests_a_place_but_words_of_a_place_outrank_it():
    assert read("an astronaut", 1).kind is Kind.SPACE
    assert read("an astronaut in the forest", 1).kind is Kind.FOREST


def test_the_subject_moves_as_its_kind_does():
    for prompt, gait in (
        ("a taxi", Gait.DRIVE),
        ("wolves", Gait.WALK),
        ("boats", Gait.SAIL),
        ("an eagle", Gait.FLY),
        ("jellyfish", Gait.FLOAT),
        ("a cup of coffee", Gait.STILL),
    ):
        subject = read(prompt, 1).subject
        assert subject is not None, prompt
        assert subject.gait is gait


def test_a_word_inside_another_word_does_not_count():
    scene = read("catalogue of carpets, starving artists, oceanography degree", 1)
    assert scene.subject is None
    assert scene.kind is not Kind.OCEAN


def test_colour_words_tint_the_light_and_not_things():
    assert read("purple light over the hills", 1).tint is not None
    assert read("a red fox in the hills", 1).tint is None


@pytest.mark.parametrize(
    "prompt", ["", " ", "🦊🦊", "qwertz", "日本の猫", "\x00\ud800", "a" * 4000]
)
def test_any_text_has_a_scene_and_always_the_same(prompt: str):
    assert read(prompt, 5) == read(prompt, 5)


def test_another_seed_varies_what_the_words_leave_open():
    assert len({read("something indescribable", seed).kind for seed in range(40)}) > 2
