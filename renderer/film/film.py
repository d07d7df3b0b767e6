"""Draws the frames of a film from its screenplay."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

from PIL import Image

from renderer.film import overlay
from renderer.film.caption import Caption
from renderer.film.grade import grade
from renderer.scenes import (
    bokeh,
    city,
    desert,
    forest,
    mountain,
    ocean,
    photo,
    space,
    underwater,
)
from renderer.script.prompt import Scene, SceneKind
from renderer.script.screenplay import Screenplay
from renderer.stage.atmosphere import weather
from renderer.stage.camera import Camera, Cue, View
from renderer.stage.layer import Layer, Part
from renderer.stage.stage import FPS, Shot, Stage
from renderer.stage.water import Water

_BUILDERS: dict[SceneKind, Callable[[Shot], list[Part]]] = {
    SceneKind.MOUNTAIN: mountain.build,
    SceneKind.OCEAN: ocean.build,
    SceneKind.CITY: city.build,
    SceneKind.DESERT: desert.build,
    SceneKind.FOREST: forest.build,
    SceneKind.SPACE: space.build,
    SceneKind.UNDERWATER: underwater.build,
    SceneKind.BOKEH: bokeh.build,
}
_WITHOUT_WEATHER = (SceneKind.SPACE, SceneKind.UNDERWATER, SceneKind.BOKEH)
#: Number of frames at the start of an act during which the previous scene dissolves into the new
#: one.
_DISSOLVE_FRAMES = FPS // 2
#: Number of scenes whose drawn scenery is kept in memory; one scene's scenery takes a lot of
#: memory.
_SCENERIES_KEPT = 2


class PreviewFilm:
    """Draws the frames of one clip. The order in which they are drawn does not matter.

    scenes  the scene and the seconds of each act.
    """

    def __init__(self, play: Screenplay, size: tuple[int, int], image: Path | None = None) -> None:
        """Prepare the scenery of the first act.

        size   width and height in pixels.
        image  a reference picture that replaces the scenery.
        Raises OSError when the picture cannot be read.
        """
        acts = [(act.scene(has_picture=image is not None), act.seconds) for act in play.acts]
        opening = acts[0][0]
        cues = _cues(acts)
        self.scenes = tuple(acts)
        self._stage = stage = Stage(
            width_px=size[0],
            height_px=size[1],
            seconds=play.seconds,
            first_act_s=acts[0][1],
        )
        self._image = image
        self._camera = Camera(cues=cues, phase=(opening.seed % 628) / 100)
        # In every act, the subject moves in the direction of the first act's camera move.
        self._scenes = [replace(scene, move=opening.move) for scene, _ in acts]
        self._begins = [sum(act.seconds for act in play.acts[:k]) * FPS for k in range(len(acts))]
        self._scenery: OrderedDict[Scene, list[Part]] = OrderedDict()
        titles = [
            (words, sum(act.seconds for act in same))
            for words, same in groupby(play.acts, key=lambda act: act.caption)
        ]
        caption = Caption.of_titles(titles, stage)
        top = stage.height_px - stage.px(60) if caption is None else caption.top_px
        self._overlay: list[Part] = [overlay.scrim(stage, top)]
        if caption is not None:
            self._overlay.append(caption.draw)
        moves = [cue.move for cue in cues]
        self._overlay += [overlay.badge(stage, moves), overlay.progress(stage)]
        self._parts(0)

    @property
    def frame_count(self) -> int:
        return self._stage.seconds * FPS

    def frame(self, index: int) -> Image.Image:
        """Return the frame with this index (0 to frame_count - 1) as an RGB image."""
        at_s = index / FPS
        view = self._camera.view(at_s)
        act = max(k for k, begin in enumerate(self._begins) if begin <= index)
        since = index - self._begins[act]
        image = self._drawn(act, view, at_s)
        if act > 0 and since < _DISSOLVE_FRAMES and self._scenes[act] != self._scenes[act - 1]:
            share = (since + 1) / (_DISSOLVE_FRAMES + 1)
            before = self._drawn(act - 1, view, at_s)
            image = Image.blend(before, image, share * share * (3.0 - 2.0 * share))
        for part in self._overlay:
            part(image, view, at_s)
        return image

    def frames(self) -> Iterator[Image.Image]:
        """Return all frames in order."""
        return (self.frame(i) for i in range(self.frame_count))

    def _drawn(self, act: int, view: View, at_s: float) -> Image.Image:
        """Draw the scenery of an act, without caption, badge and progress line."""
        image = Image.new("RGB", (self._stage.width_px, self._stage.height_px))
        parts = self._parts(act)
        for part, limit_row in zip(parts, self._limits(parts, view), strict=True):
            if isinstance(part, Layer):
                part(image, view, at_s, limit_row)
            else:
                part(image, view, at_s)
        return image

    def _parts(self, act: int) -> list[Part]:
        scene = self._scenes[act]
        if scene not in self._scenery:
            while len(self._scenery) >= _SCENERIES_KEPT:
                self._scenery.popitem(last=False)
            self._scenery[scene] = self._built(scene)
        self._scenery.move_to_end(scene)
        return self._scenery[scene]

    def _built(self, scene: Scene) -> list[Part]:
        shot = Shot.of(scene, self._stage)
        has_picture = self._image is not None
        parts = (
            _BUILDERS[scene.kind](shot)
            if self._image is None
            else photo.build(self._image, self._stage)
        )
        coloured = grade(scene, has_picture=has_picture)
        if has_picture or scene.kind not in _WITHOUT_WEATHER:
            return [*parts, *coloured, *weather(shot)]
        return [*parts, *coloured]

    def _limits(self, parts: list[Part], view: View) -> list[int]:
        """Return, for each part, the frame row from which nearer parts hide it completely."""
        limits: list[int] = []
        limit = self._stage.height_px
        for part in reversed(parts):
            limits.append(limit)
            if isinstance(part, Layer | Water):
                limit = max(0, min(limit, part.hides_from(view)))
        return limits[::-1]


def _cues(acts: list[tuple[Scene, int]]) -> tuple[Cue, ...]:
    """Return the camera moves: the first act's, and one for each act that changes the move."""
    cues = [Cue(move=acts[0][0].move, begin_s=0, seconds=acts[0][1])]
    begin_s = 0
    for (before, passed_s), (scene, seconds) in pairwise(acts):
        begin_s += passed_s
        if scene.move is not before.move:
            cues.append(Cue(move=scene.move, begin_s=begin_s, seconds=seconds))
    return tuple(cues)
