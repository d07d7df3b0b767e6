"""Turns a prompt into a scene: words decide where they can, the seed decides the rest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from renderer.script import words
from renderer.script.colour import Colour
from renderer.script.text import PromptText


class SceneKind(StrEnum):
    """The kind of place that is drawn."""

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
    """How the camera moves; the badge shows the value."""

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
    """The main figure in the picture."""

    #: Its glyph in the emoji font, or the name of an outline.
    glyph: str
    motion: Motion


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that decides how a scene is drawn."""

    kind: SceneKind
    time: Time
    weather: Weather
    move: CameraMove
    #: A colour that tints the whole picture; None for natural colours.
    tint: Colour | None
    subject: SceneSubject | None
    #: A lake or a wet street reflects the picture.
    water: bool
    aurora: bool
    lighthouse: bool
    #: The planet always has a ring; otherwise the seed decides.
    ringed: bool
    #: Decides everything that the words leave open; made from the prompt and the request's seed.
    seed: int
    #: In another take of the same place, decides what passes by (clouds, dust, birds); None in the
    #: first take.
    take: int | None = None
    #: A change named the light, so a reference picture is graded too.
    relit: bool = False

    @property
    def sun_down(self) -> bool:
        """Whether the sun is down."""
        return self.time in (Time.NIGHT, Time.DUSK)

    @property
    def dark(self) -> bool:
        """Whether lamps are lit: by night, at dusk, in a storm."""
        return self.sun_down or self.weather is Weather.STORM

    @property
    def rainy(self) -> bool:
        return self.weather in (Weather.RAIN, Weather.STORM)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a random generator for one purpose; the same at every call."""
        return _rng(f"{self.seed}:{purpose}")

    def take_rng(self, purpose: str) -> np.random.Generator:
        """Return a random generator as `rng` does, but a different one in another take."""
        return self.rng(purpose if self.take is None else f"{purpose}, take {self.take}")


def read_scene(prompt: str, seed: int) -> Scene:
    """Return the scene of a prompt; the same prompt and seed give the same scene.

    Knows English words only; the seed decides the rest. Accepts any text, also an empty one.
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
    """Return the first figure that the text names, and the kind of place that it suggests.

    other_than  chosen only if the text names no other figure.
    last        choose the last figure instead of the first.
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
    """Return the colour that the text gives to the light, if any."""
    for name, colour in words.TINTS.items():
        if any(text.has(f"{name} {thing}") for thing in words.TINTED.split()):
            return colour
    return None


def _rng(name: str) -> np.random.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
