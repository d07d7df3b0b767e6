"""Changes a scene as a member asks: what the change names is replaced, the rest stays."""

from __future__ import annotations

import re
from dataclasses import replace

from renderer.script import words
from renderer.script.colour import Colour
from renderer.script.prompt import (
    CameraMove,
    Scene,
    SceneKind,
    SceneSubject,
    Time,
    Weather,
    subject_of,
    tint_of,
)
from renderer.script.text import PromptText

_GREY: Colour = (150, 150, 150)
_SKIES = (SceneKind.MOUNTAIN, SceneKind.OCEAN, SceneKind.CITY, SceneKind.DESERT)
#: A change with at most this many words, fillers not counted, may name only a place ("snowy
#: mountains"). The scene then moves to that place.
_ONLY_A_PLACE = 2
#: Words that may follow a colour when the colour is meant for the whole picture ("make it blue AND
#: foggy"). Any other word after it is the thing to colour.
_AFTER_COLOUR = frozenset({"and", "with", "at", "in", "but", "now", "please", "instead", "then"})


def revise_scene(scene: Scene, change: str) -> Scene:
    """Return the scene with the features that `change` names; its seed and its layout stay.

    A change without any known word returns an equal scene.
    """
    text = PromptText(change)
    kind = _place(text) or scene.kind
    named = text.best(words.TIMES) or text.best(words.RELIT)
    time = Time(named) if named else scene.time
    weather = _weather(text) or scene.weather
    tint = tint_of(text) or _tint(change)
    subject, _ = subject_of(text, other_than=scene.subject, last=text.has(*words.REPLACING.split()))
    nearer = CameraMove.PUSH_IN if text.has(*words.NEARER.split()) else scene.move
    move = text.best(words.MOVES)
    late = time in (Time.NIGHT, Time.DUSK)
    return replace(
        scene,
        kind=kind,
        time=time,
        weather=weather,
        move=CameraMove(move) if move else nearer,
        tint=tint or scene.tint,
        subject=subject or scene.subject,
        water=scene.water or text.has(*words.WATERS.split()),
        # Northern lights end at sunrise.
        aurora=text.has(*words.AURORAS.split()) or (scene.aurora and late),
        lighthouse=scene.lighthouse or text.has(*words.LIGHTHOUSES.split()),
        ringed=scene.ringed or text.has(*words.RINGS.split()),
        relit=scene.relit or named is not None or tint is not None,
    )


def remix_scene(scene: Scene, change: str, seed: int, *, has_picture: bool) -> Scene:
    """Return the scene changed as `revise_scene` does.

    Where the result would look the same as before, it is another take of the scene.

    seed         identifies the take.
    has_picture  whether a reference picture replaces the scenery.
    """
    changed = revise_scene(scene, change)
    if _visible(changed, has_picture=has_picture) == _visible(scene, has_picture=has_picture):
        return replace(changed, take=seed + (seed == scene.take))
    return changed


def _visible(
    scene: Scene, *, has_picture: bool
) -> tuple[
    SceneKind | None,
    Time | None,
    Weather | None,
    CameraMove,
    Colour | None,
    SceneSubject | None,
    int,
]:
    """Return those features of a scene that are visible in the picture."""
    weathered = has_picture or scene.kind not in (
        SceneKind.SPACE,
        SceneKind.BOKEH,
        SceneKind.UNDERWATER,
    )
    weather = scene.weather if weathered else None
    timed = scene.relit if has_picture else scene.kind is not SceneKind.SPACE
    time, tint = scene.time if timed else None, scene.tint
    if has_picture:
        return None, time, weather, scene.move, tint if scene.relit else None, None, 0
    extras = (
        scene.water and scene.kind in (SceneKind.MOUNTAIN, SceneKind.CITY),
        scene.aurora and scene.kind in _SKIES,
        scene.lighthouse and scene.kind is SceneKind.OCEAN,
        scene.ringed and scene.kind is SceneKind.SPACE,
    )
    bits = sum(bit << place for place, bit in enumerate(extras))
    return scene.kind, time, weather, scene.move, tint, scene.subject, bits


def _place(text: PromptText) -> SceneKind | None:
    """Return the kind of place that the change moves the scene to.

    Returns None when the change only adds a thing to the place, or names no place.
    """
    bare = text.without(words.FILLING.split())
    # Words such as "orbits" or "close-up" are about the camera, so alone they name no place.
    camera = text.best(words.MOVES) is not None or text.has(*words.NEARER.split())
    alone = len(bare) <= _ONLY_A_PLACE and not camera and not bare.has(*words.ADDING.split())
    place = (bare if alone else text.after_any(words.LEADING.split())).best(words.PLACES)
    return SceneKind(place) if place else None


def _weather(text: PromptText) -> Weather | None:
    named = text.best(words.WEATHERS)
    if named is None and text.has(*words.CLEARING.split()):
        return Weather.CLEAR
    return Weather(named) if named else None


def _tint(change: str) -> Colour | None:
    """Return a colour that the change gives to the whole picture: "make it teal", "purple"; else
    None.
    """
    if PromptText(change).has(*words.COLOURLESS.split()):
        return _GREY
    clauses = [PromptText(clause) for clause in re.split(r"[,.;:!?\n]", change)]
    for name, colour in words.TINTS.items():
        if any(_means_all(clause, name) for clause in clauses):
            return colour
    return None


def _means_all(clause: PromptText, colour: str) -> bool:
    """Return whether a clause gives the colour to the whole picture and not to one thing in it."""
    before, after = clause.next_to(colour)
    alone = len(clause) == 1 and clause.has(colour)
    meant = alone or bool(before & frozenset(words.COLOURED.split()))
    return meant and (after is None or after in _AFTER_COLOUR)
