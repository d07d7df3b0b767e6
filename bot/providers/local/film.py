"""A film: the parts of one scene, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from bot.providers.local.camera import Camera
from bot.providers.local.caption import Caption
from bot.providers.local.layer import Layer
from bot.providers.local.overlay import Badge, ProgressLine, Scrim
from bot.providers.local.palette import Palette, paint
from bot.providers.local.prompt import Kind, Scene, read
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
from bot.providers.local.stage import FPS, Part, Stage, View
from bot.providers.local.water import Water
from bot.providers.local.weather import weather

_BUILDERS: dict[Kind, Callable[[Scene, Palette, Stage], list[Part]]] = {
    Kind.MOUNTAIN: mountain.build,
    Kind.OCEAN: ocean.build,
    Kind.CITY: city.build,
    Kind.DESERT: desert.build,
    Kind.FOREST: forest.build,
    Kind.SPACE: space.build,
    Kind.UNDERWATER: underwater.build,
    Kind.BOKEH: bokeh.build,
}
_INDOORS = (Kind.SPACE, Kind.UNDERWATER, Kind.BOKEH)


class Film:
    """All frames of one clip; any of them can be drawn, in any order, always the same."""

    def __init__(self, prompt: str, seed: int, stage: Stage, image: Path | None = None) -> None:
        """Build the scenery.

        image  a picture shown in place of the scene that the prompt describes.
        Raises OSError when the picture cannot be read.
        """
        self.scene = read(prompt, seed)
        self.stage = stage
        palette = paint(self.scene)
        if image is not None:
            self._parts = photo.build(image, stage)
        else:
            self._parts = _BUILDERS[self.scene.kind](self.scene, palette, stage)
        if self.scene.kind not in _INDOORS or image is not None:
            self._parts += weather(self.scene, palette, stage)
        caption = Caption.of(prompt, stage)
        top = stage.height_px - stage.px(60) if caption is None else caption.top_px
        self._parts.append(Scrim.of(stage, top))
        if caption is not None:
            self._parts.append(caption)
        self._parts += [Badge.of(stage, self.scene.move), ProgressLine(stage=stage)]
        self._camera = Camera(move=self.scene.move, phase=(self.scene.seed % 628) / 100)

    @property
    def frame_count(self) -> int:
        return self.stage.seconds * FPS

    def frame(self, index: int) -> Image.Image:
        """Return frame `index` (0 to frame_count - 1) as RGB."""
        image = Image.new("RGB", (self.stage.width_px, self.stage.height_px))
        at_s = index / FPS
        view = self._camera.view(index / max(1, self.frame_count - 1), at_s)
        for part, limit_row in zip(self._parts, self._limits(view), strict=True):
            if isinstance(part, Layer):
                part.draw_above(image, view, at_s, limit_row)
            else:
                part.draw(image, view, at_s)
        return image

    def _limits(self, view: View) -> list[int]:
        """Return for each part the frame row from which on nearer ones hide it."""
        limits: list[int] = []
        limit = self.stage.height_px
        for part in reversed(self._parts):
            limits.append(limit)
            if isinstance(part, Layer | Water):
                limit = max(0, min(limit, part.hides_from(view)))
        return limits[::-1]

    def frames(self) -> Iterator[Image.Image]:
        """Return all frames in order."""
        return (self.frame(i) for i in range(self.frame_count))
