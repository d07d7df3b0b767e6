from __future__ import annotations

import pytest

from renderer.script.prompt import CameraMove, Motion, SceneKind, Time, Weather, read_scene

READINGS = [
    ("A red fox trots through a snowy mountain meadow at sunset.",
     SceneKind.MOUNTAIN, Time.SUNSET, Weather.SNOW, None),
    ("Neon Tokyo street in the rain at night, a taxi drives past.",
     SceneKind.CITY, Time.NIGHT, Weather.RAIN, None),
    ("A sailboat glides across the ocean at golden hour, gulls overhead, camera tracking left",
     SceneKind.OCEAN, Time.SUNSET, Weather.CLEAR, CameraMove.PAN_LEFT),
    ("An astronaut drifts past a ringed planet in deep space, slow zoom out",
     SceneKind.SPACE, Time.NIGHT, Weather.CLEAR, CameraMove.PULL_BACK),
    ("Morning light through a redwood forest, tilt up", SceneKind.FOREST, Time.DAWN, Weather.CLEAR,
     CameraMove.TILT_UP),
    ("A jellyfish drifts over a coral reef underwater", SceneKind.UNDERWATER, None, Weather.CLEAR, None),
    ("Close-up of a steaming coffee in a cozy cafe", SceneKind.BOKEH, None, Weather.CLEAR, None),
    ("A CAMEL CARAVAN crosses the desert dunes!", SceneKind.DESERT, None, Weather.CLEAR, None),
    ("A lighthouse in a violent storm, handheld", SceneKind.OCEAN, None, Weather.STORM, CameraMove.HANDHELD),
    ("misty valley, drone shot", SceneKind.MOUNTAIN, None, Weather.FOG, CameraMove.FLYOVER),
    ("static shot of the city at dusk", SceneKind.CITY, Time.DUSK, Weather.CLEAR, CameraMove.STATIC),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "kind", "time", "weather", "move"), READINGS)
def test_words_decide_the_scene(
    prompt: str, kind: SceneKind, time: Time | None, weather: Weather, move: CameraMove | None
):
    for seed in (0, 1, 2**31 - 1):
        scene = read_scene(prompt, seed)
        assert scene.kind is kind
        assert scene.weather is weather
        assert time in (None, scene.time)
        assert move in (None, scene.move)


@pytest.mark.parametrize(
    ("words", "move"),
    [
        ("pan left", CameraMove.PAN_LEFT),
        ("pans right", CameraMove.PAN_RIGHT),
        ("tilt up", CameraMove.TILT_UP),
        ("tilting down", CameraMove.TILT_DOWN),
        ("push in", CameraMove.PUSH_IN),
        ("zooms out", CameraMove.PULL_BACK),
        ("tracking shot", CameraMove.TRACKING),
        ("camera circling", CameraMove.ORBIT),
        ("aerial", CameraMove.FLYOVER),
        ("shaky", CameraMove.HANDHELD),
        ("locked-off", CameraMove.STATIC),
        ("slow motion", CameraMove.SLOW_DRIFT),
    ],
)
def test_every_camera_move_can_be_asked_for(words: str, move: CameraMove):
    assert read_scene(f"a field of wheat, {words}", 3).move is move


def test_a_subject_suggests_a_place_but_words_of_a_place_outrank_it():
    assert read_scene("an astronaut", 1).kind is SceneKind.SPACE
    assert read_scene("an astronaut in the forest", 1).kind is SceneKind.FOREST


def test_the_subject_moves_as_its_kind_does():
    for prompt, motion in (
        ("a taxi", Motion.DRIVE),
        ("wolves", Motion.WALK),
        ("boats", Motion.SAIL),
        ("an eagle", Motion.FLY),
        ("jellyfish", Motion.FLOAT),
        ("a cup of coffee", Motion.STILL),
    ):
        subject = read_scene(prompt, 1).subject
        assert subject is not None, prompt
        assert subject.motion is motion


def test_a_word_inside_another_word_does_not_count():
    scene = read_scene("catalogue of carpets, starving artists, oceanography degree", 1)
    assert scene.subject is None
    assert scene.kind is not SceneKind.OCEAN


def test_colour_words_tint_the_light_and_not_things():
    assert read_scene("purple light over the hills", 1).tint is not None
    assert read_scene("a red fox in the hills", 1).tint is None


@pytest.mark.parametrize(
    "prompt", ["", " ", "🦊🦊", "qwertz", "日本の猫", "\x00\ud800", "a" * 4000]
)
def test_any_text_has_a_scene_and_always_the_same(prompt: str):
    assert read_scene(prompt, 5) == read_scene(prompt, 5)


def test_another_seed_varies_what_the_words_leave_open():
    assert len({read_scene("something indescribable", seed).kind for seed in range(40)}) > 2
