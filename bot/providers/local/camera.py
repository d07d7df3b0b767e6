"""The camera: how the view moves through a clip."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.providers.local.prompt import Move
from bot.providers.local.stage import View


def _eased(progress: float) -> float:
    """Return a course from 0 to 1 that starts and stops softly, steady in between."""
    return 0.6 * progress + 0.4 * progress * progress * (3.0 - 2.0 * progress)


#: The views of the moves that know no hand tremor, by how far they are: -1 to 1.
_MOVES: dict[Move, Callable[[float], View]] = {
    Move.PAN_LEFT: lambda way: View(x=-0.95 * way),
    Move.PAN_RIGHT: lambda way: View(x=0.95 * way),
    Move.TILT_UP: lambda way: View(y=-0.9 * way),
    Move.TILT_DOWN: lambda way: View(y=0.9 * way),
    Move.PUSH_IN: lambda way: View(y=0.08 * way, zoom=1.09 + 0.09 * way),
    Move.PULL_BACK: lambda way: View(y=-0.08 * way, zoom=1.09 - 0.09 * way),
    Move.ORBIT: lambda way: View(
        x=0.9 * way, y=-0.15 * math.cos(way * 1.5), zoom=1.08 - 0.05 * way**2
    ),
    Move.FLYOVER: lambda way: View(y=0.75 * way, zoom=1.08 + 0.08 * way),
    Move.STATIC: lambda _: View(),
    Move.SLOW_DRIFT: lambda way: View(x=0.42 * way, zoom=1.035 + 0.03 * way),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One of the moves that a prompt can ask for; `phase` (radians) varies the handheld ones."""

    move: Move
    phase: float = 0.0

    def view(self, progress: float, at_s: float) -> View:
        """Return the view at `progress` (0 to 1) through the clip, `at_s` seconds in."""
        way = 2.0 * _eased(progress) - 1.0
        if self.move is Move.HANDHELD:
            return self._handheld(at_s)
        if self.move is Move.TRACKING:
            return View(x=0.95 * way, y=0.04 * math.sin(at_s * 3.1 + self.phase), zoom=1.04)
        return _MOVES[self.move](way)

    def _handheld(self, at_s: float) -> View:
        p = self.phase
        return View(
            x=0.13 * (math.sin(at_s * 1.3 + p) + 0.5 * math.sin(at_s * 3.7 + 2 * p)),
            y=0.14 * (math.sin(at_s * 1.7 + 1.9 * p) + 0.5 * math.sin(at_s * 4.3 + p)),
            zoom=1.05 + 0.012 * math.sin(at_s * 0.9 + p),
        )
