"""Turns a prompt into a scene. Known words choose its features; the seed decides the rest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from renderer.script import words
from renderer.script.colour import Colour
from renderer.script.text import PromptText


class SceneKind(StrEnum):
    """The kind of place that a scene shows."""

    MOUNTAIN = "mountain"
    OCEAN = "ocean"
    CITY = "city"
    DESERT = "desert"
    FOREST = "forest"
    SPACE = "space"
    UNDERWATER = "underwater"
    BOKEH = "bokeh"


class Time(StrEnum):
    """The time of day."""

    DAWN = "dawn"
    DAY = "day"
    SUNSET = "sunset"
    DUSK = "dusk"
    NIGHT = "night"


class Weather(StrEnum):
    """The weather of a scene."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    RAIN = "rain"
    STORM = "storm"
    SNOW = "snow"
    FOG = "fog"


class CameraMove(StrEnum):
    """The movement of the camera; the badge in the clip shows the enum's value."""

    PAN_LEFT = "PAN LEFT"
    PAN_RIGHT = "PAN RIGHT"
    TILT_UP = "TILT UP"
    TILT_DOWN = "TILT DOWN"
    PUSH_IN = "PUSH IN"
    PULL_BACK = "PULL BACK"
    TRACKING = "TRACKING"
    ORBIT = "ORBIT"
    FLYOVER = "FLYOVER"
    HANDHELD = "HANDHELD"
    STATIC = "STATIC"
    SLOW_DRIFT = "SLOW DRIFT"


class Motion(StrEnum):
    """How a subject moves."""

    WALK = "walk"
    DRIVE = "drive"
    SAIL = "sail"
    FLY = "fly"
    FLOAT = "float"
    STILL = "still"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSubject:
    """The main figure in the picture, such as an animal or a vehicle."""

    #: The figure's character in the emoji font, or the name of an outline in `OUTLINES`.
    glyph: str
    motion: Motion


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All features that decide how a scene is drawn."""

    kind: SceneKind
    time: Time
    weather: Weather
    move: CameraMove
    #: A colour for the whole picture, or None for natural colours.
    tint: Colour | None
    subject: SceneSubject | None
    #: Whether a lake or a wet street reflects the picture.
    water: bool
    aurora: bool
    lighthouse: bool
    #: Whether the planet must have a ring; otherwise the seed decides.
    ringed: bool
    #: Decides everything that the prompt leaves open. It is made from the prompt and the request's
    #: seed.
    seed: int
    #: The number of the take, or None in the first one. Another take shows the same place with
    #: other clouds, dust and birds.
    take: int | None = None
    #: Whether a member's change named a new light. A reference picture is then recoloured to match
    #: it.
    relit: bool = False

    @property
    def sun_down(self) -> bool:
        """Whether the sun is down."""
        return self.time in (Time.NIGHT, Time.DUSK)

    @property
    def dark(self) -> bool:
        """Whether lamps are lit: at night, at dusk, and in a storm."""
        return self.sun_down or self.weather is Weather.STORM

    @property
    def rainy(self) -> bool:
        return self.weather in (Weather.RAIN, Weather.STORM)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a new random generator; the same purpose gives the same numbers."""
        return _rng(f"{self.seed}:{purpose}")

    def take_rng(self, purpose: str) -> np.random.Generator:
        """Return a new random generator for one purpose.

        The same purpose gives the same numbers within a take, and other numbers in another take.
        """
        return self.rng(purpose if self.take is None else f"{purpose}, take {self.take}")


def read_scene(prompt: str, seed: int) -> Scene:
    """Return the scene that a prompt describes; the same prompt and seed give the same scene.

    Only English words are understood; the seed decides what they leave open. Any text is accepted,
    even an empty one.
    """
    mixed = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "replace")).digest()
    number = int.from_bytes(mixed[:6], "big")
    rng = np.random.default_rng(number)
    chance = [int(n) for n in rng.integers(0, 1_000_000, size=4)]
    text = PromptText(prompt)
    subject, hint = subject_of(text)
    fallback = (
        SceneKind.MOUNTAIN,
        SceneKind.OCEAN,
        SceneKind.FOREST,
        SceneKind.DESERT,
        SceneKind.BOKEH,
        SceneKind.MOUNTAIN,
    )
    kind = SceneKind(text.best(words.PLACES) or hint or fallback[chance[0] % len(fallback)])
    move = text.best(words.MOVES)
    return Scene(
        kind=kind,
        time=_time(text, kind, chance[1]),
        weather=Weather(text.best(words.WEATHERS) or Weather.CLEAR),
        move=CameraMove(move) if move else _default_move(kind, chance[2]),
        tint=tint_of(text),
        subject=subject,
        water=text.has(*words.WATERS.split()),
        aurora=text.has(*words.AURORAS.split()),
        lighthouse=text.has(*words.LIGHTHOUSES.split()),
        ringed=text.has(*words.RINGS.split()),
        seed=number,
    )


def subject_of(
    text: PromptText, *, other_than: SceneSubject | None = None, last: bool = False
) -> tuple[SceneSubject | None, str | None]:
    """Return the first figure that the text names, and the kind of place that suits the figure.

    Returns (None, None) when the text names no figure.

    other_than  a figure that is returned only if the text names no other.
    last        return the last figure in the text instead of the first.
    """
    found: list[tuple[bool, int, str, str, str]] = []
    for glyph, motion, hint, names in words.SUBJECTS:
        places = [at for at in map(text.first, names.split()) if at is not None]
        if places:
            known = other_than is not None and glyph == other_than.glyph
            found.append((known, -max(places) if last else min(places), glyph, motion, hint))
    if not found:
        return None, None
    _, _, glyph, motion, hint = min(found)
    return SceneSubject(glyph=glyph, motion=Motion(motion)), hint


def _time(text: PromptText, kind: SceneKind, chance: int) -> Time:
    named = text.best(words.TIMES)
    if named is not None:
        return Time(named)
    if kind is SceneKind.SPACE:
        return Time.NIGHT
    usual = {
        SceneKind.CITY: (Time.NIGHT, Time.DUSK, Time.SUNSET, Time.DAY),
        SceneKind.UNDERWATER: (Time.DAY, Time.DAY, Time.DAWN),
        SceneKind.BOKEH: (Time.SUNSET, Time.DUSK, Time.NIGHT),
        SceneKind.FOREST: (Time.DAWN, Time.DAY, Time.SUNSET),
    }.get(kind, (Time.DAWN, Time.DAY, Time.SUNSET, Time.SUNSET, Time.DUSK))
    return usual[chance % len(usual)]


def _default_move(kind: SceneKind, chance: int) -> CameraMove:
    usual = {
        SceneKind.CITY: (CameraMove.PUSH_IN, CameraMove.SLOW_DRIFT, CameraMove.PAN_RIGHT),
        SceneKind.FOREST: (CameraMove.TRACKING, CameraMove.PUSH_IN, CameraMove.SLOW_DRIFT),
        SceneKind.SPACE: (CameraMove.SLOW_DRIFT, CameraMove.PULL_BACK, CameraMove.PUSH_IN),
        SceneKind.BOKEH: (CameraMove.SLOW_DRIFT, CameraMove.PUSH_IN),
    }.get(
        kind, (CameraMove.PAN_LEFT, CameraMove.PAN_RIGHT, CameraMove.SLOW_DRIFT, CameraMove.PUSH_IN)
    )
    return usual[chance % len(usual)]


def tint_of(text: PromptText) -> Colour | None:
    """Return the colour of the light that the text asks for ("purple sky"), or None."""
    for name, colour in words.TINTS.items():
        if any(text.has(f"{name} {thing}") for thing in words.TINTED.split()):
            return colour
    return None


def _rng(name: str) -> np.random.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
