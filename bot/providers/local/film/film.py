"""A film: the parts of one scene, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from bot.providers.local.film import overlay
from bot.providers.local.film.caption import Caption
from bot.providers.local.scenes import (
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
from bot.providers.local.script.prompt import Kind, read
from bot.providers.local.stage.air import weather
from bot.providers.local.stage.camera import View, view
from bot.providers.local.stage.layer import Layer, Part
from bot.providers.local.stage.stage import FPS, Shot, Stage
from bot.providers.local.stage.water import Water

_BUILDERS: dict[Kind, Callable[[Shot], list[Part]]] = {
    Kind.MOUNTAIN: mountain.build,
    Kind.OCEAN: ocean.build,
    Kind.CITY: city.build,
    Kind.DESERT: desert.build,
    Kind.FOREST: forest.build,
    Kind.SPACE: space.build,
    Kind.UNDERWATER: underwater.build,
    Kind.BOKEH: bokeh.build,
}
_WITHOUT_WEATHER = (Kind.SPACE, Kind.UNDERWATER, Kind.BOKEH)


class Film:
    """All frames of one clip; any of them can be drawn, in any order, always the same."""

    def __init__(self, prompt: str, seed: int, stage: Stage, image: Path | None = None) -> None:
        """Build the scenery.

        image  a picture shown in place of the scene that the prompt describes.
        Raises OSError when the picture cannot be read.
        """
        self.scene = read(prompt, seed)
        self._stage = stage
        shot = Shot.of(self.scene, stage)
        parts = _BUILDERS[self.scene.kind](shot) if image is None else photo.build(image, stage)
        if image is not None or self.scene.kind not in _WITHOUT_WEATHER:
            parts += weather(shot)
        caption = Caption.of(prompt, stage)
        if caption is None:
            parts.append(overlay.scrim(stage, stage.height_px - stage.px(60)))
        else:
            parts += [overlay.scrim(stage, caption.top_px), caption.draw]
        self._parts = [*parts, overlay.badge(stage, self.scene.move), overlay.progress(stage)]

    @property
    def frame_count(self) -> int:
        return self._stage.seconds * FPS

    def frame(self, index: int) -> Image.Image:
        """Return frame `index` (0 to frame_count - 1) as RGB."""
        image = Image.new("RGB", (self._stage.width_px, self._stage.height_px))
        at_s, progress = index / FPS, index / max(1, self.frame_count - 1)
        seen = view(self.scene.move, progress, at_s, (self.scene.seed % 628) / 100)
        for part, limit_row in zip(self._parts, self._limits(seen), strict=True):
            if isinstance(part, Layer):
                part(image, seen, at_s, limit_row)
            else:
                part(image, seen, at_s)
        return image

    def frames(self) -> Iterator[Image.Image]:
        """Return all frames in order."""
        return (self.frame(i) for i in range(self.frame_count))

    def _limits(self, seen: View) -> list[int]:
        """Return for each part the frame row from which on nearer ones hide it."""
        limits: list[int] = []
        limit = self._stage.height_px
        for part in reversed(self._parts):
            limits.append(limit)
            if isinstance(part, Layer | Water):
                limit = max(0, min(limit, part.hides_from(seen)))
        return limits[::-1]
