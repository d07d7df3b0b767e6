"""Water: the picture above it, mirrored, rippled and tinted, with glints under the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from bot.providers.local import noise
from bot.providers.local.pixels import Colour, Floats, grid, mask
from bot.providers.local.prompt import Scene
from bot.providers.local.stage import Stage, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Water:
    """A surface from `horizon_row` (canvas) down to the bottom of the frame."""

    stage: Stage
    horizon_row: int
    depth: float
    #: What the water itself is like, and how much of it hides the mirror image, 0 to 1.
    colour: Colour
    body: float
    glint: Colour
    #: Canvas column under the sun or moon; None for no glints.
    glint_column: float | None
    #: Height of the ripples; 1 is a calm sea.
    roughness: float
    #: How bright the glints are, 0 to 1.
    shine: float
    _tile: Image.Image
    _phases: Floats

    @classmethod
    def of(
        cls,
        scene: Scene,
        stage: Stage,
        *,
        horizon_row: int,
        colour: Colour,
        glint: Colour,
        depth: float = 0.12,
        body: float = 0.35,
        glint_column: float | None = None,
        roughness: float = 1.0,
        shine: float = 0.9,
    ) -> Water:
        """Return water with ripples from the scene's seed."""
        rng = scene.rng("water")
        unit = stage.unit
        tile = noise.field(
            rng,
            stage.width_px,
            stage.height_px // 2 + 64,
            cell_x_px=56 * unit,
            cell_y_px=7 * unit,
            octaves=2,
        )
        return cls(
            stage=stage,
            horizon_row=horizon_row,
            depth=depth,
            colour=colour,
            body=body,
            glint=glint,
            glint_column=glint_column,
            roughness=roughness,
            shine=shine,
            _tile=mask(tile),
            _phases=rng.uniform(0, 6.28, 6).astype(np.float32),
        )

    def hides_from(self, view: View) -> int:
        """Return the frame row of the water's far edge."""
        return max(1, round(view.place(self.stage, self.depth, 0, self.horizon_row)[1]))

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        line = self.hides_from(view)
        rows = frame.height - line
        if rows <= 0:
            return
        surface = np.asarray(frame)[self._mirror_rows(line, rows, at_s)]
        near = np.linspace(0.0, 1.0, rows, dtype=np.float32)[:, None, None]
        share = np.clip(self.body + 0.35 * near, 0.0, 1.0)
        # Fixed point: floats would double the time of this, the largest single step of a frame.
        keep = ((1.0 - share) * 256).astype(np.uint16)
        add = (share * np.asarray(self.colour, dtype=np.float32) * 256).astype(np.uint16)
        water = Image.fromarray(((surface * keep + add) >> 8).astype(np.uint8))
        if self.glint_column is not None:
            self._add_glints(water, view, at_s, view.zoom_at(self.depth))
        frame.paste(water, (0, line))

    def _mirror_rows(
        self, line: int, rows: int, at_s: float
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return for each row of water the row of the picture that it shows."""
        depth = np.arange(rows, dtype=np.float32)
        far = 1.0 + depth * (0.055 / self.stage.unit)
        p = self._phases
        swell = np.sin(depth / far * 2.3 - at_s * 2.6 + p[0]) + 0.6 * np.sin(
            depth / far * 5.1 - at_s * 3.9 + p[1]
        )
        bend = swell * self.roughness * (0.6 + depth * 0.045) * self.stage.unit**0.5
        mirrored = line - 1 - depth * 0.92 + bend
        return np.clip(mirrored, 0, line - 1).astype(np.int64)

    def _add_glints(self, water: Image.Image, view: View, at_s: float, zoom: float) -> None:
        """Add the glittering road under the light: two noises that slide over each other."""
        if self.glint_column is None:
            return
        centre, _, _ = view.place(self.stage, 0.0, self.glint_column, 0)
        drift = at_s * 22 * self.stage.unit
        size = (water.width, min(water.height, self._tile.height))
        box = (0, 0, *size)
        one = ImageChops.offset(self._tile, int(drift), int(drift * 0.35)).crop(box)
        two = ImageChops.offset(self._tile, 311 - int(drift * 0.7), 97 + int(drift * 0.2)).crop(box)
        x, y = grid(size[0] // 4, size[1] // 4)
        spread = (26 + y * 4 * 0.42 / self.stage.unit) * self.stage.unit * zoom
        road = np.exp(-(((x * 4 - centre) / spread) ** 2)) * self.shine + 0.06
        road = road * smooth_shore(y, size[1] // 4)
        lane = mask(road.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
        sparkle = ImageChops.multiply(one, two).point(_SPARKLE)
        water.paste(self.glint, box, ImageChops.multiply(sparkle, lane))


def smooth_shore(y: Floats, rows: int) -> Floats:
    """Return 1 far away, fading towards the viewer."""
    return np.asarray(1.0 - 0.72 * (y / max(1, rows)), dtype=np.float32)


#: Only the highest places of the two noises catch the light.
_SPARKLE = [min(255, max(0, round((level - 62) * 4.6))) for level in range(256)]
