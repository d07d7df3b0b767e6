from __future__ import annotations

from dataclasses import fields

import pytest

from renderer.script.prompt import (
    CameraMove,
    Scene,
    SceneKind,
    SceneSubject,
    Time,
    Weather,
    read_scene,
)
from renderer.script.revision import remix_scene, revise_scene

FOX = read_scene("A red fox trots through a mountain meadow at noon, pan left", 7)
TAXI = read_scene("A taxi in a city street at night in the rain, static shot", 7)

CHANGES: list[tuple[Scene, str, dict[str, object]]] = [
    (FOX, "make it night, with rain", {"time": Time.NIGHT, "weather": Weather.RAIN}),
    (FOX, "at sunset", {"time": Time.SUNSET}),
    (FOX, "then it begins to snow", {"weather": Weather.SNOW}),
    (FOX, "darker, please", {"time": Time.DUSK}),
    (FOX, "in a desert", {"kind": SceneKind.DESERT}),
    (FOX, "make it a desert", {"kind": SceneKind.DESERT}),
    (
        FOX,
        "Turn the meadow into a snowy forest",
        {"kind": SceneKind.FOREST, "weather": Weather.SNOW},
    ),
    (FOX, "underwater", {"kind": SceneKind.UNDERWATER}),
    (FOX, "pan right", {"move": CameraMove.PAN_RIGHT}),
    (FOX, "the camera orbits", {"move": CameraMove.ORBIT}),
    (FOX, "close up", {"move": CameraMove.PUSH_IN}),
    (FOX, "with a lake", {"water": True}),
    (FOX, "northern lights", {"time": Time.NIGHT, "aurora": True}),
    (FOX, "make it teal", {"tint": (38, 150, 160)}),
    (FOX, "make it teal, fog", {"tint": (38, 150, 160), "weather": Weather.FOG}),
    (FOX, "under a purple sky", {"tint": (128, 74, 190)}),
    (FOX, "in black and white", {"tint": (150, 150, 150)}),
    (TAXI, "at dawn", {"time": Time.DAWN}),
    (TAXI, "make it sunny", {"time": Time.DAY, "weather": Weather.CLEAR}),
    (TAXI, "what if it was in space?", {"kind": SceneKind.SPACE}),
]


def changed(before: Scene, after: Scene) -> dict[str, object]:
    """Return the fields in which two scenes differ, with their new values; `relit` is not
    compared.
    """
    differing = {f.name: getattr(after, f.name) for f in fields(before) if f.name != "relit"}
    return {name: it for name, it in differing.items() if it != getattr(before, name)}


@pytest.mark.parametrize(("scene", "change", "expected"), CHANGES)
def test_a_change_decides_what_its_words_name_and_nothing_else(
    scene: Scene, change: str, expected: dict[str, object]
):
    assert changed(scene, revise_scene(scene, change)) == expected
    assert changed(scene, remix_scene(scene, change, 5, has_picture=False)) == expected


@pytest.mark.parametrize(
    ("change", "glyph"),
    [
        ("a dragon instead of the fox", "🐉"),
        ("replace the fox with a wolf", "wolf"),
        ("change the car to a bicycle", "🚲"),
        ("the fox is a deer", "🦌"),
    ],
)
def test_another_subject_takes_the_place_of_the_one_before(change: str, glyph: str):
    after = revise_scene(FOX, change)
    assert isinstance(after.subject, SceneSubject)
    assert after.subject.glyph == glyph
    assert set(changed(FOX, after)) == {"subject"}


@pytest.mark.parametrize("change", ["add a castle", "more mountains", "with people", "a red hat"])
def test_a_thing_that_is_added_does_not_move_the_scene_elsewhere(change: str):
    assert changed(TAXI, revise_scene(TAXI, change)) == {}


@pytest.mark.parametrize(
    "change", ["let him smile", "", "🦊", "日本の猫", "in the style of Van Gogh", "at noon"]
)
def test_a_change_that_names_nothing_else_makes_another_take_of_the_same_scene(change: str):
    assert changed(FOX, remix_scene(FOX, change, 5, has_picture=False)) == {"take": 5}


def test_a_change_that_this_place_cannot_show_makes_another_take_as_well():
    space = read_scene("a ringed planet in space", 1)
    assert remix_scene(space, "in heavy rain", 5, has_picture=False).take == 5
    assert remix_scene(FOX, "with a dragon", 5, has_picture=True).take == 5
    assert remix_scene(FOX, "at night", 5, has_picture=True).take is None


def test_two_takes_in_a_row_differ_even_with_the_same_seed():
    first = remix_scene(FOX, "let him smile", 5, has_picture=False)
    assert remix_scene(first, "and laugh", 5, has_picture=False).take != first.take


def test_changes_pile_up_and_northern_lights_go_out_at_daybreak():
    night = revise_scene(revise_scene(FOX, "northern lights"), "snowfall")
    assert (night.time, night.weather, night.aurora) == (Time.NIGHT, Weather.SNOW, True)
    morning = revise_scene(night, "in the morning")
    assert (morning.time, morning.weather, morning.aurora) == (Time.DAWN, Weather.SNOW, False)


def test_the_layout_is_the_same_in_another_take_and_what_passes_by_is_not():
    other = remix_scene(FOX, "let him smile", 5, has_picture=False)
    assert other.rng("ranges").random() == FOX.rng("ranges").random()
    assert FOX.take_rng("clouds").random() == FOX.rng("clouds").random()
    assert other.take_rng("clouds").random() != FOX.take_rng("clouds").random()
