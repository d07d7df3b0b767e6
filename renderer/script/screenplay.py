"""The screenplay of a film: which scene is shown when, and what a remix or an extension changes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from renderer.script.prompt import Scene, read_scene
from renderer.script.revision import remix_scene, revise_scene

#: The length of the longest film, in seconds.
MAX_S = 60
#: The bot joins a prompt and its change in one text with one of these words: "a cat. Change: by
#: night".
_JOINTS = "Change|Then"


class FilmOperation(StrEnum):
    """What a request does to a film: start it, change it, or continue it."""

    GENERATE = "generate"
    #: Change the whole film.
    REMIX = "remix"
    #: Add an act at the end of the film.
    EXTEND = "extend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What one request says about an act of the film: the operation, its text and its seed."""

    operation: FilmOperation
    text: str
    #: The seed of the member's request: 0 to 2**31-1.
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A part of a film that shows one scene."""

    #: 1 or more.
    seconds: int
    #: The instructions for this act, oldest first; the first one is the prompt.
    instructions: tuple[Instruction, ...]

    def scene(self, *, has_picture: bool) -> Scene:
        """Return the scene of this act; the same instructions give the same scene.

        has_picture  whether a reference picture replaces the scenery.
        """
        first, *later = self.instructions
        scene = read_scene(first.text, first.seed)
        for each in later:
            if each.operation is FilmOperation.REMIX:
                scene = remix_scene(scene, each.text, each.seed, has_picture=has_picture)
            else:
                scene = revise_scene(scene, each.text)
        return scene

    @property
    def caption(self) -> str:
        """Return the text of the act's latest instruction."""
        return self.instructions[-1].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenplay:
    """The acts of one film, at least one."""

    acts: tuple[Act, ...]

    @classmethod
    def of(cls, prompt: str, seed: int, seconds: int) -> Screenplay:
        """Return a film with one act, made from one prompt."""
        prompted = Instruction(operation=FilmOperation.GENERATE, text=prompt, seed=seed)
        return cls(acts=(Act(seconds=seconds, instructions=(prompted,)),))

    @classmethod
    def load(cls, acts: Sequence[Any], steps: Sequence[Any]) -> Screenplay:
        """Read the acts of a film, if there are any, and apply the steps to it in order.

        acts   each is `{"seconds": 4, "lines": [{"operation": …, "text": …, "seed": …}, …]}`;
               `lines` are the act's instructions.
        steps  each is `{"operation": …, "prompt": …, "seed": …, "seconds": …}`. A film without acts
               needs a `generate` as its first step; no other step may be one.
        Raises ValueError, KeyError or TypeError when acts or steps have any other form.
        """
        play = cls(acts=tuple(_act(fields) for fields in acts)) if acts else None
        for step in steps:
            operation, words = FilmOperation(step["operation"]), str(step["prompt"])
            seed, seconds = int(step["seed"]), int(step["seconds"])
            if seconds < 1 or (operation is FilmOperation.GENERATE) is not (play is None):
                raise ValueError(f"invalid step: {step!r}")
            if play is None:
                play = cls.of(words, seed, seconds)
            elif operation is FilmOperation.REMIX:
                play = play.remixed(words, seed, seconds)
            else:
                play = play.extended(words, seed, seconds)
        if play is None:
            raise ValueError("a film needs steps or acts")
        return play

    @property
    def seconds(self) -> int:
        return sum(act.seconds for act in self.acts)

    def remixed(self, change: str, seed: int, seconds: int) -> Screenplay:
        """Return the film with a change applied to every act, cut or lengthened to `seconds`."""
        text = self._new_words(change) or change
        changed = Instruction(operation=FilmOperation.REMIX, text=text, seed=seed)
        kept: list[Act] = []
        left_s = seconds
        for act in self.acts:
            if left_s > 0:
                instructions = (*act.instructions, changed)
                kept.append(Act(seconds=min(act.seconds, left_s), instructions=instructions))
                left_s -= act.seconds
        kept[-1] = replace(kept[-1], seconds=kept[-1].seconds + max(0, left_s))
        return Screenplay(acts=tuple(kept))

    def extended(self, words: str, seed: int, seconds: int) -> Screenplay:
        """Return the film with an act of `seconds` added, which shows what the words ask for.

        When the words only repeat earlier instructions, the last scene continues unchanged.
        """
        instructions = self.acts[-1].instructions
        text = self._new_words(words)
        if text:
            added = Instruction(operation=FilmOperation.EXTEND, text=text, seed=seed)
            instructions = (*instructions, added)
        return Screenplay(acts=(*self.acts, Act(seconds=seconds, instructions=instructions)))

    def _new_words(self, words: str) -> str:
        """Return the text without a repetition of earlier instructions at its start.

        Returns "" if nothing else is left.
        """
        rest = words.strip()
        for each in self.acts[-1].instructions:
            said = re.escape(each.text.strip(" ."))
            match = re.match(rf"{said}(?:[ .]*$|\. *(?:{_JOINTS}): *)", rest)
            if match is None:
                break
            rest = rest[match.end() :]
        return rest


def _act(fields: Any) -> Act:
    """Read one act from JSON, in the form that `Screenplay.load` describes.

    Raises ValueError, KeyError or TypeError when the act has any other form.
    """
    act = Act(
        seconds=int(fields["seconds"]),
        instructions=tuple(
            Instruction(
                operation=FilmOperation(line["operation"]),
                text=str(line["text"]),
                seed=int(line["seed"]),
            )
            for line in fields["lines"]
        ),
    )
    if act.seconds < 1 or not act.instructions:
        raise ValueError(f"invalid act: {fields!r}")
    return act
