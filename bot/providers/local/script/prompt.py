"""Reading a prompt: its words become a scene, and the seed fills in what they leave open."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.providers.local.script import words
from bot.providers.local.script.colour import Colour


class Kind(StrEnum):
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


class Move(StrEnum):
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


class Gait(StrEnum):
    """How a subject moves."""

    WALK = "walk"
    DRIVE = "drive"
    SAIL = "sail"
    FLY = "fly"
    FLOAT = "float"
    STILL = "still"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The one figure in the picture."""

    #: Its glyph in the emoji font, or the name of an outline.
    glyph: str
    gait: Gait


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the renderer knows of a prompt."""

    kind: Kind
    time: Time
    weather: Weather
    move: Move
    #: A colour the whole picture leans to; None leaves it natural.
    tint: Colour | None
    subject: Subject | None
    #: A lake, or a wet street, mirrors the picture.
    water: bool
    aurora: bool
    lighthouse: bool
    #: The planet has a ring for certain.
    ringed: bool
    #: Drives everything that the words leave open; from the prompt and the order's seed.
    seed: int

    @property
    def late(self) -> bool:
        """Whether the sun is down."""
        return self.time in (Time.NIGHT, Time.DUSK)

    @property
    def dark(self) -> bool:
        """Whether lamps are lit: by night, at dusk, in a storm."""
        return self.late or self.weather is Weather.STORM

    @property
    def rainy(self) -> bool:
        return self.weather in (Weather.RAIN, Weather.STORM)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return random numbers for one purpose; the same at every call."""
        digest = hashlib.sha256(f"{self.seed}:{purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


class _Text:
    """The prompt as a line of bare words that phrases can be looked up in."""

    def __init__(self, prompt: str) -> None:
        tokens = re.findall(r"[\w'’]+", prompt.lower())
        self._line = f" {' '.join(tokens)} "

    def first(self, entry: str) -> int | None:
        """Return where the word or phrase first stands (also in the plural), or None."""
        phrase = re.escape(re.sub(r"[-_]", " ", entry))
        match = re.search(rf" {phrase}(?:e?s)? ", self._line)
        return None if match is None else match.start()

    def score(self, entries: Iterable[str]) -> tuple[int, int, int]:
        """Return how many entries occur, the words of the longest, and minus the first place."""
        found = [(at, entry) for entry in entries if (at := self.first(entry)) is not None]
        longest = max((entry.count("-") for _, entry in found), default=0)
        return len(found), longest, -min((at for at, _ in found), default=0)

    def has(self, *entries: str) -> bool:
        """Return whether any of the entries occurs."""
        return self.score(entries)[0] > 0

    def best(self, table: Mapping[str, str]) -> str | None:
        """Return the key whose words occur most, then the longest phrase, then the earliest."""
        scores = {key: self.score(entries.split()) for key, entries in table.items()}
        key = max(scores, key=lambda name: scores[name])
        return key if scores[key][0] else None


def read(prompt: str, seed: int) -> Scene:
    """Return the scene for a prompt; the same prompt and seed give the same scene.

    Words decide where they can (English only); the rest is drawn from the seed. Any text is
    accepted, also an empty one.
    """
    mixed = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "replace")).digest()
    number = int.from_bytes(mixed[:6], "big")
    rng = np.random.default_rng(number)
    chance = [int(n) for n in rng.integers(0, 1_000_000, size=4)]
    text = _Text(prompt)
    subject, hint = _subject(text)
    fallback = (Kind.MOUNTAIN, Kind.OCEAN, Kind.FOREST, Kind.DESERT, Kind.BOKEH, Kind.MOUNTAIN)
    kind = Kind(text.best(words.PLACES) or hint or fallback[chance[0] % len(fallback)])
    move = text.best(words.MOVES)
    return Scene(
        kind=kind,
        time=_time(text, kind, chance[1]),
        weather=Weather(text.best(words.WEATHERS) or Weather.CLEAR),
        move=Move(move) if move else _default_move(kind, chance[2]),
        tint=_tint(text),
        subject=subject,
        water=text.has("lake", "river", "reflection", "pond", "fjord", "lagoon", "reflecting"),
        aurora=text.has("aurora", "northern lights"),
        lighthouse=text.has("lighthouse"),
        ringed=text.has("ringed", "ring", "saturn"),
        seed=number,
    )


def _subject(text: _Text) -> tuple[Subject | None, str | None]:
    found: list[tuple[int, str, str, str]] = []
    for glyph, gait, hint, names in words.SUBJECTS:
        places = [at for at in map(text.first, names.split()) if at is not None]
        if places:
            found.append((min(places), glyph, gait, hint))
    if not found:
        return None, None
    _, glyph, gait, hint = min(found)
    return Subject(glyph=glyph, gait=Gait(gait)), hint


def _time(text: _Text, kind: Kind, chance: int) -> Time:
    told = text.best(words.TIMES)
    if told is not None:
        return Time(told)
    if kind is Kind.SPACE:
        return Time.NIGHT
    usual = {
        Kind.CITY: (Time.NIGHT, Time.DUSK, Time.SUNSET, Time.DAY),
        Kind.UNDERWATER: (Time.DAY, Time.DAY, Time.DAWN),
        Kind.BOKEH: (Time.SUNSET, Time.DUSK, Time.NIGHT),
        Kind.FOREST: (Time.DAWN, Time.DAY, Time.SUNSET),
    }.get(kind, (Time.DAWN, Time.DAY, Time.SUNSET, Time.SUNSET, Time.DUSK))
    return usual[chance % len(usual)]


def _default_move(kind: Kind, chance: int) -> Move:
    usual = {
        Kind.CITY: (Move.PUSH_IN, Move.SLOW_DRIFT, Move.PAN_RIGHT),
        Kind.FOREST: (Move.TRACKING, Move.PUSH_IN, Move.SLOW_DRIFT),
        Kind.SPACE: (Move.SLOW_DRIFT, Move.PULL_BACK, Move.PUSH_IN),
        Kind.BOKEH: (Move.SLOW_DRIFT, Move.PUSH_IN),
    }.get(kind, (Move.PAN_LEFT, Move.PAN_RIGHT, Move.SLOW_DRIFT, Move.PUSH_IN))
    return usual[chance % len(usual)]


def _tint(text: _Text) -> Colour | None:
    for name, colour in words.TINTS.items():
        if any(text.has(f"{name} {thing}") for thing in words.TINTED.split()):
            return colour
    return None
