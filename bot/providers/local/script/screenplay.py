"""What a film shows from its first second to its last, and how a remix or extension rewrites it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.model import Operation
from bot.providers.local.script.prompt import Scene, read
from bot.providers.local.script.revision import remade, revise

#: The longest film, in seconds.
MAX_S = 60
#: What joins a prompt to its change where both come as one text: "a cat. Change: by night".
_JOINTS = "Change|Then"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was asked for."""

    operation: Operation
    text: str
    #: The order's: 0 to 2**31-1.
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A part of a film in which the scene stays the same."""

    #: 1 or more.
    seconds: int
    #: All that was asked for, oldest first; the first line is the prompt.
    lines: tuple[Line, ...]

    def scene(self, *, pictured: bool) -> Scene:
        """Return what is seen; the same lines give the same scene.

        pictured  a reference picture takes the place of the scenery.
        """
        first, *later = self.lines
        scene = read(first.text, first.seed)
        for line in later:
            if line.operation is Operation.REMIX:
                scene = remade(scene, line.text, line.seed, pictured=pictured)
            else:
                scene = revise(scene, line.text)
        return scene

    @property
    def caption(self) -> str:
        """What was asked for last."""
        return self.lines[-1].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenplay:
    """The acts of one film; never none."""

    acts: tuple[Act, ...]

    @classmethod
    def of(cls, prompt: str, seed: int, seconds: int) -> Screenplay:
        """Return the film of one prompt."""
        line = Line(operation=Operation.GENERATE, text=prompt, seed=seed)
        return cls(acts=(Act(seconds=seconds, lines=(line,)),))

    @property
    def seconds(self) -> int:
        return sum(act.seconds for act in self.acts)

    def remixed(self, change: str, seed: int, seconds: int) -> Screenplay:
        """Return the whole film with a change, cut or continued to another length."""
        line = Line(operation=Operation.REMIX, text=self._unsaid(change) or change, seed=seed)
        acts = [replace(act, lines=(*act.lines, line)) for act in self.acts]
        kept: list[Act] = []
        left_s = seconds
        for act in acts:
            if left_s > 0:
                kept.append(replace(act, seconds=min(act.seconds, left_s)))
                left_s -= act.seconds
        kept[-1] = replace(kept[-1], seconds=kept[-1].seconds + max(0, left_s))
        return Screenplay(acts=tuple(kept))

    def extended(self, words: str, seed: int, seconds: int) -> Screenplay:
        """Return the film going on for `seconds` more, as the words say.

        Where they only repeat what was said before, it goes on as it was.
        """
        last = self.acts[-1]
        said = self._unsaid(words)
        line = Line(operation=Operation.EXTEND, text=said, seed=seed)
        lines = (*last.lines, line) if said else last.lines
        return Screenplay(acts=(*self.acts, Act(seconds=seconds, lines=lines)))

    def dump(self) -> list[dict[str, Any]]:
        """Return what `load` reads, made of plain values."""
        return [
            {
                "seconds": act.seconds,
                "lines": [
                    {"operation": line.operation.value, "text": line.text, "seed": line.seed}
                    for line in act.lines
                ],
            }
            for act in self.acts
        ]

    @classmethod
    def load(cls, acts: Sequence[Any]) -> Screenplay:
        """Read what `dump` returned; ValueError, KeyError or TypeError for anything else."""
        read_acts = tuple(
            Act(
                seconds=int(act["seconds"]),
                lines=tuple(
                    Line(
                        operation=Operation(line["operation"]),
                        text=str(line["text"]),
                        seed=int(line["seed"]),
                    )
                    for line in act["lines"]
                ),
            )
            for act in acts
        )
        if not read_acts or any(act.seconds < 1 or not act.lines for act in read_acts):
            raise ValueError("a film needs acts, and each of them seconds and lines")
        return cls(acts=read_acts)

    def _unsaid(self, words: str) -> str:
        """Return what of the words has not been said in this film; "" when all has."""
        rest = words.strip()
        for line in self.acts[-1].lines:
            said = re.escape(line.text.strip(" ."))
            match = re.match(rf"{said}(?:[ .]*$|\. *(?:{_JOINTS}): *)", rest)
            if match is None:
                break
            rest = rest[match.end() :]
        return rest
