"""The camera: where it looks at each instant of a clip."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from renderer.script.prompt import CameraMove
from renderer.stage.stage import FPS, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the camera looks at one instant."""

    #: -1 to 1: how far the nearest layer is shifted into the canvas's margin.
    x: float = 0.0
    y: float = 0.0
    #: About 1 or more; the canvas's margins suffice down to 0.99.
    zoom: float = 1.0

    def zoom_at(self, depth: float) -> float:
        """Return how much a layer at `depth` is enlarged; the sky (depth 0) never is."""
        return 1.0 + (self.zoom - 1.0) * depth**0.5

    def corner(self, stage: Stage, depth: float) -> tuple[float, float]:
        """Return the canvas column and row at the frame's upper left, for a layer at `depth`."""
        zoom = self.zoom_at(depth)
        width, height = stage.canvas_px
        left, top = (width - stage.width_px / zoom) / 2, (height - stage.height_px / zoom) / 2
        reach = 0.98 * depth
        return left + self.x * stage.margin_x_px * reach, top + self.y * stage.margin_y_px * reach

    def place(self, stage: Stage, depth: float, x: float, y: float) -> tuple[float, float, float]:
        """Project a canvas point at `depth`; returns its frame column, frame row and enlargement."""
        left, top = self.corner(stage, depth)
        zoom = self.zoom_at(depth)
        return (x - left) * zoom, (y - top) * zoom, zoom


#: The view at each position, -1 to 1, of a steady move.
_MOVES: dict[CameraMove, Callable[[float], View]] = {
    CameraMove.PAN_LEFT: lambda position: View(x=-0.95 * position),
    CameraMove.PAN_RIGHT: lambda position: View(x=0.95 * position),
    CameraMove.TILT_UP: lambda position: View(y=-0.9 * position),
    CameraMove.TILT_DOWN: lambda position: View(y=0.9 * position),
    CameraMove.PUSH_IN: lambda position: View(y=0.08 * position, zoom=1.09 + 0.09 * position),
    CameraMove.PULL_BACK: lambda position: View(y=-0.08 * position, zoom=1.09 - 0.09 * position),
    CameraMove.ORBIT: lambda position: View(
        x=0.9 * position, y=-0.15 * math.cos(position * 1.5), zoom=1.08 - 0.05 * position**2
    ),
    CameraMove.FLYOVER: lambda position: View(y=0.75 * position, zoom=1.08 + 0.08 * position),
    CameraMove.STATIC: lambda _: View(),
    CameraMove.SLOW_DRIFT: lambda position: View(x=0.42 * position, zoom=1.035 + 0.03 * position),
}


#: How far a move may go beyond its end without showing the canvas's edge.
_COAST = 0.11
#: How much the camera zooms in slowly after its move, and how long that takes in seconds.
_CLOSER = 0.05
_CLOSER_S = 9.0
#: Longest transition from a steady to a handheld camera, in seconds.
_TAKEN_UP_S = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A camera move with its start and length."""

    move: CameraMove
    begin_s: int
    #: Length of the move.
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """The camera's path through a film: always smooth, never past the canvas's edge.

    A move ends softly; the next one starts from the camera's position at that instant.
    """

    #: In order of their starts; the first starts at 0.
    cues: tuple[Cue, ...]
    #: In radians; varies the movement of a handheld camera.
    phase: float

    def view(self, at_s: float) -> View:
        """Return the view at `at_s` seconds into the film."""
        opening, *later = self.cues
        # The last frame of a move starts one frame before the move ends.
        span_s = max(1, opening.seconds * FPS - 1) / FPS
        view = self._view_during(opening.move, _position(at_s, span_s), at_s)
        if opening.move is not CameraMove.PULL_BACK:
            rested = max(0.0, at_s - span_s) / _CLOSER_S
            view = replace(view, zoom=view.zoom + _CLOSER * (1.0 - math.exp(-(rested**2))))
        for cue in later:
            carried = cue.move is CameraMove.HANDHELD
            span_s = min(_TAKEN_UP_S, cue.seconds) if carried else cue.seconds
            share = max(0.0, min(1.0, (at_s - cue.begin_s) / span_s))
            if cue.move is not CameraMove.STATIC and share > 0.0:
                target = self._view_during(cue.move, 1.0, at_s)
                view = _between(view, target, share * share * (3.0 - 2.0 * share))
        return view

    def _view_during(self, move: CameraMove, position: float, at_s: float) -> View:
        phase = self.phase
        if move is CameraMove.TRACKING:
            return View(x=0.95 * position, y=0.04 * math.sin(at_s * 3.1 + phase), zoom=1.04)
        if move is CameraMove.HANDHELD:
            return View(
                x=0.13 * (math.sin(at_s * 1.3 + phase) + 0.5 * math.sin(at_s * 3.7 + 2 * phase)),
                y=0.14 * (math.sin(at_s * 1.7 + 1.9 * phase) + 0.5 * math.sin(at_s * 4.3 + phase)),
                zoom=1.05 + 0.012 * math.sin(at_s * 0.9 + phase),
            )
        return _MOVES[move](position)


def _position(at_s: float, span_s: float) -> float:
    """Return the position of a move: -1 to 1 within `span_s`, then up to `_COAST` more."""
    progress = at_s / span_s
    if progress <= 1.0:
        # Eases in and out, steady in between.
        return 2.0 * (0.6 * progress + 0.4 * progress * progress * (3.0 - 2.0 * progress)) - 1.0
    # The speed here is still 1.2 units per span; it decays to 0.
    return 1.0 + _COAST * (1.0 - math.exp(-1.2 * (progress - 1.0) / _COAST))


def _between(one: View, other: View, share: float) -> View:
    return View(
        x=one.x + (other.x - one.x) * share,
        y=one.y + (other.y - one.y) * share,
        zoom=one.zoom + (other.zoom - one.zoom) * share,
    )
