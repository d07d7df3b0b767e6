"""Draws water: a rippled, tinted mirror image of the picture above, with glints of sun or moon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from renderer.script.colour import Colour
from renderer.stage import noise
from renderer.stage.camera import View
from renderer.stage.pixels import grid, mask
from renderer.stage.stage import Shot

#: Maps the product of two noises to the brightness of glints; only high values become visible.
_SPARKLE = [min(255, max(0, round((level - 62) * 4.6))) for level in range(256)]


class Water:
    """A water surface from the canvas row `horizon_row` down to the bottom of the frame.

    colour        the colour of the water itself.
    body          how strongly that colour hides the mirror image, 0 to 1.
    glint_column  canvas column under the sun or moon; None for no glints.
    roughness     height of the ripples; 1 is a calm sea.
    shine         how bright the glints are, 0 to 1.
    """

    def __init__(
        self,
        shot: Shot,
        horizon_row: int,
        colour: Colour,
        *,
        depth: float,
        body: float,
        roughness: float,
        glint: Colour = (0, 0, 0),
        glint_column: int | None = None,
        shine: float = 0.0,
    ) -> None:
        rng = shot.rng("water")
        self._shot = shot
        self._row, self._depth = horizon_row, depth
        self._colour, self._body = np.asarray(colour, dtype=np.float32), body
        self._glint, self._column = glint, glint_column
        self._roughness, self._shine = roughness, shine
        size, cell = (shot.width_px, shot.height_px // 2 + 64), (56 * shot.unit, 7 * shot.unit)
        self._tile = mask(noise.field(rng, size, cell, octaves=2))
        self._phases = rng.uniform(0, 6.28, 2).astype(np.float32)

    def hides_from(self, view: View) -> int:
        """Return the frame row of the water's far edge; the water hides all below that row."""
        return max(1, round(view.place(self._shot, self._depth, 0, self._row)[1]))

    def __call__(self, frame: Image.Image, view: View, at_s: float) -> None:
        line = self.hides_from(view)
        rows = frame.height - line
        if rows <= 0:
            return
        surface = np.asarray(frame)[self._mirror_rows(line, rows, at_s)]
        near = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None, None]
        share = np.clip(self._body + 0.35 * near, 0.0, 1.0)
        # The arithmetic uses fixed-point numbers, because floats take twice as long and this is
        # the slowest step of a frame.
        keep = ((1.0 - share) * 256).astype(np.uint16)
        add = (share * self._colour * 256).astype(np.uint16)
        water = Image.fromarray(((surface * keep + add) >> 8).astype(np.uint8))
        if self._column is not None:
            centre, _, _ = view.place(self._shot, 0.0, self._column, 0)
            self._add_glints(water, centre, view.zoom_at(self._depth), at_s)
        frame.paste(water, (0, line))

    def _mirror_rows(self, line: int, rows: int, at_s: float) -> NDArray[np.int64]:
        """Return, for each row of the water, the row of the picture above that it mirrors."""
        depth = np.arange(rows, dtype=np.float32)
        far = 1.0 + depth * (0.055 / self._shot.unit)
        swell = np.sin(depth / far * 2.3 - at_s * 2.6 + self._phases[0])
        swell += 0.6 * np.sin(depth / far * 5.1 - at_s * 3.9 + self._phases[1])
        bend = swell * self._roughness * (0.6 + depth * 0.045) * self._shot.unit**0.5
        return np.clip(line - 1 - depth * 0.92 + bend, 0, line - 1).astype(np.int64)

    def _add_glints(self, water: Image.Image, centre: float, zoom: float, at_s: float) -> None:
        """Add the glittering path below the sun or moon: two layers of noise that slide over each
        other.
        """
        unit = self._shot.unit
        drift = at_s * 22 * unit
        size = (water.width, min(water.height, self._tile.height))
        box = (0, 0, *size)
        one = ImageChops.offset(self._tile, int(drift), int(drift * 0.35)).crop(box)
        two = ImageChops.offset(self._tile, 311 - int(drift * 0.7), 97 + int(drift * 0.2)).crop(box)
        x, y = grid(size[0] // 4, size[1] // 4)
        spread = (26 + y * 4 * 0.42 / unit) * unit * zoom
        road = np.exp(-(((x * 4 - centre) / spread) ** 2)) * self._shine + 0.06
        road *= 1.0 - 0.72 * y / max(1, size[1] // 4)
        lane = mask(road).resize(size, Image.Resampling.BILINEAR)
        sparkle = ImageChops.multiply(one, two).point(_SPARKLE)
        water.paste(self._glint, box, ImageChops.multiply(sparkle, lane))
