"""Reading a prompt: its words become a scene, and the seed fills in what they leave open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from renderer.script import words
from renderer.script.colour import Colour
from renderer.script.text import PromptText


class SceneKind(StrEnum):
    """What sort of place is drawn."""

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
    """What falls from the sky or hangs in the air."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    RAIN = "rain"
    STORM = "storm"
    SNOW = "snow"
    FOG = "fog"


class CameraMove(StrEnum):
    """What the camera does; the value stands on the badge."""

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
    """The one figure in the picture."""

    #: Its glyph in the emoji font, or the name of an outline.
    glyph: str
    motion: Motion


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the renderer knows of a prompt."""

    kind: SceneKind
    time: Time
    weather: Weather
    move: CameraMove
    #: A colour the whole picture leans to; None leaves it natural.
    tint: Colour | None
    subject: SceneSubject | None
    #: A lake, or a wet street, mirrors the picture.
    water: bool
    aurora: bool
    lighthouse: bool
    #: The planet has a ring for certain.
    ringed: bool
    #: Drives everything that the words leave open; from the prompt and the order's seed.
    seed: int
    #: Drives what passes by (clouds, motes, birds) in another take of the same place; None in the
    #: first take.
    take: int | None = None
    #: A change told the light: it falls on a reference picture as well.
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
        """Return random numbers for one purpose; the same at every call."""
        return _rng(f"{self.seed}:{purpose}")

    def take_rng(self, purpose: str) -> np.random.Generator:
        """Return random numbers as `rng` does, but others in another take."""
        return self.rng(purpose if self.take is None else f"{purpose}, take {self.take}")


def read_scene(prompt: str, seed: int) -> Scene:
    """Return the scene for a prompt; the same prompt and seed give the same scene.

    Words decide where they can (English only); the rest is drawn from the seed. Any text is
    accepted, also an empty one.
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
    """Return the figure that is named first, and the kind of place it suggests.

    other_than  passed over where another figure is named as well.
    last        the figure that is named last instead.
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
    """Return the colour that the light is said to have, if any."""
    for name, colour in words.TINTS.items():
        if any(text.has(f"{name} {thing}") for thing in words.TINTED.split()):
            return colour
    return None


def _rng(name: str) -> np.random.Generator:
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
