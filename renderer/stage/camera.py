"""The camera of a clip: which part of the canvas it shows at each instant."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from renderer.script.prompt import CameraMove
from renderer.stage.stage import FPS, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The camera's position and zoom at one instant."""

    #: The camera's shift from the middle as a share of the canvas's margin, -1 to 1; positive `x`
    #: is to the right, positive `y` downwards.
    x: float = 0.0
    y: float = 0.0
    #: How much the nearest layer is enlarged. The canvas is large enough for values down to 0.99.
    zoom: float = 1.0

    def zoom_at(self, depth: float) -> float:
        """Return the enlargement of a layer at this depth; the sky (depth 0) is never enlarged."""
        return 1.0 + (self.zoom - 1.0) * depth**0.5

    def corner(self, stage: Stage, depth: float) -> tuple[float, float]:
        """Return the canvas column and row that appear in the upper left corner of the frame, for
        a layer at `depth` (0 far, 1 near).
        """
        zoom = self.zoom_at(depth)
        width, height = stage.canvas_px
        left, top = (width - stage.width_px / zoom) / 2, (height - stage.height_px / zoom) / 2
        reach = 0.98 * depth
        return left + self.x * stage.margin_x_px * reach, top + self.y * stage.margin_y_px * reach

    def place(self, stage: Stage, depth: float, x: float, y: float) -> tuple[float, float, float]:
        """Return the frame column and row where a canvas point at `depth` appears, and its
        enlargement.
        """
        left, top = self.corner(stage, depth)
        zoom = self.zoom_at(depth)
        return (x - left) * zoom, (y - top) * zoom, zoom


#: For each smooth camera move: the view at a position of the move, from -1 (start) to 1 (end).
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


#: How far a camera move runs on beyond its end position (1.0) while it slows down. At this value,
#: the canvas's edge stays out of view.
_COAST = 0.11
#: After a camera move, the zoom slowly grows by `_CLOSER`, in about `_CLOSER_S` seconds.
_CLOSER = 0.05
_CLOSER_S = 9.0
#: The longest transition from a smooth to a handheld camera, in seconds.
_TAKEN_UP_S = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A camera move with its start and length in seconds."""

    move: CameraMove
    begin_s: int
    #: Length of the move.
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """The path of the camera through a film. It has no jumps and never shows the canvas's edge.

    A move ends softly, and the next move starts from the camera's position at that instant.
    """

    #: All camera moves of the film, ordered by their start; the first one starts at 0 s.
    cues: tuple[Cue, ...]
    #: A phase in radians that varies the shaking of a handheld camera from film to film.
    phase: float

    def view(self, at_s: float) -> View:
        """Return the camera's view at `at_s` seconds into the film."""
        opening, *later = self.cues
        # The last frame of a camera move is one frame earlier than the end of the move.
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
    """Return the position of a camera move: from -1 to 1 within `span_s`, then up to `_COAST`
    beyond 1.
    """
    progress = at_s / span_s
    if progress <= 1.0:
        # A camera move starts and ends slowly and is steady in between.
        return 2.0 * (0.6 * progress + 0.4 * progress * progress * (3.0 - 2.0 * progress)) - 1.0
    # At its end, a camera move still has a speed of 1.2 units per span; the speed then decays to
    # 0.
    return 1.0 + _COAST * (1.0 - math.exp(-1.2 * (progress - 1.0) / _COAST))


def _between(one: View, other: View, share: float) -> View:
    return View(
        x=one.x + (other.x - one.x) * share,
        y=one.y + (other.y - one.y) * share,
        zoom=one.zoom + (other.zoom - one.zoom) * share,
    )
