"""The camera: where it looks, and how that moves through a clip."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.providers.local.script.prompt import Move
from bot.providers.local.stage.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera looks at one instant."""

    #: -1 to 1: how far into the canvas's margin, for the nearest layer.
    x: float = 0.0
    y: float = 0.0
    #: 1 or more.
    zoom: float = 1.0

    def zoom_at(self, depth: float) -> float:
        """Return how much a layer is enlarged; the sky (depth 0) is too far away to grow."""
        return 1.0 + (self.zoom - 1.0) * depth**0.5

    def corner(self, stage: Stage, depth: float) -> tuple[float, float]:
        """Return the canvas column and row at the frame's upper left, for a layer at `depth`."""
        zoom = self.zoom_at(depth)
        width, height = stage.canvas_px
        left, top = (width - stage.width_px / zoom) / 2, (height - stage.height_px / zoom) / 2
        reach = 0.98 * depth
        return left + self.x * stage.margin_x_px * reach, top + self.y * stage.margin_y_px * reach

    def place(self, stage: Stage, depth: float, x: float, y: float) -> tuple[float, float, float]:
        """Return the frame column, row and enlargement of a canvas point at `depth`."""
        left, top = self.corner(stage, depth)
        zoom = self.zoom_at(depth)
        return (x - left) * zoom, (y - top) * zoom, zoom


#: The views of the steady moves, by how far they are: -1 to 1.
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


def view(move: Move, progress: float, at_s: float, phase: float) -> View:
    """Return where the camera looks at `progress` (0 to 1) through the clip, `at_s` seconds in.

    phase  in radians; varies the moves of a camera that is carried.
    """
    # Starts and stops softly, steady in between.
    way = 2.0 * (0.6 * progress + 0.4 * progress * progress * (3.0 - 2.0 * progress)) - 1.0
    if move is Move.TRACKING:
        return View(x=0.95 * way, y=0.04 * math.sin(at_s * 3.1 + phase), zoom=1.04)
    if move is Move.HANDHELD:
        return View(
            x=0.13 * (math.sin(at_s * 1.3 + phase) + 0.5 * math.sin(at_s * 3.7 + 2 * phase)),
            y=0.14 * (math.sin(at_s * 1.7 + 1.9 * phase) + 0.5 * math.sin(at_s * 4.3 + phase)),
            zoom=1.05 + 0.012 * math.sin(at_s * 0.9 + phase),
        )
    return _MOVES[move](way)
