"""The parts that a picture is drawn from; most are flat layers that move with the camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from renderer.script.colour import Colour
from renderer.stage.camera import View
from renderer.stage.stage import Stage

#: A function that draws one part of the picture onto an RGB frame; the arguments are the frame,
#: the camera's view and the seconds into the clip.
Part = Callable[[Image.Image, View, float], None]

_Box = tuple[float, float, float, float]
#: Fractions of a pixel below this are treated as 0, because resampling for them would take time
#: and change nothing visible.
_TINY = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A flat piece of scenery at one distance, drawn with subpixel precision.

    colour          an RGB picture, or one colour for the whole shape.
    mask            the layer's shape as an 8-bit grey image; None if the layer fills its picture.
    depth           0 is infinitely far, 1 is at the camera.
    top_px          canvas row of the picture's first row.
    drift_px_per_s  how fast the picture slides to the left. The picture must be wider than the
                    canvas by the distance that it slides.
    """

    stage: Stage
    colour: Image.Image | Colour
    mask: Image.Image | None = None
    depth: float = 0.0
    top_px: int = 0
    drift_px_per_s: float = 0.0

    #: The mask row from which the layer hides everything behind it; None if it hides nothing
    #: completely.
    solid_row: int | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.mask is not None:
            open_rows = np.flatnonzero(np.asarray(self.mask).min(axis=1) < 255)
            first = int(open_rows[-1]) + 1 if open_rows.size else 0
            if first < self.mask.height:
                object.__setattr__(self, "solid_row", first)

    def hides_from(self, view: View) -> int:
        """Return the frame row from which this layer hides everything behind it."""
        if self.solid_row is None:
            return self.stage.height_px
        _, row, _ = view.place(self.stage, self.depth, 0, self.top_px + self.solid_row)
        return math.ceil(row) + 2

    def __call__(
        self, frame: Image.Image, view: View, at_s: float, limit_row: int | None = None
    ) -> None:
        """Draw the layer's rows above `limit_row` onto the frame; nearer parts hide the others."""
        shape = self.mask or self.colour
        if not isinstance(shape, Image.Image):
            raise TypeError("a layer of one colour needs a mask")
        zoom = view.zoom_at(self.depth)
        left, top = view.corner(self.stage, self.depth)
        left += self.drift_px_per_s * at_s
        limit = frame.height if limit_row is None else limit_row
        first = max(0, math.ceil((self.top_px - top) * zoom))
        last = min(limit, math.floor((self.top_px + shape.height - top) * zoom))
        if last <= first:
            return
        size = (frame.width, last - first)
        row = top + first / zoom - self.top_px
        box = (left, row, left + size[0] / zoom, row + size[1] / zoom)
        if isinstance(self.colour, Image.Image):
            paint = _piece(self.colour, size, box)
        else:
            # Pasting a picture is faster in Pillow than pasting a colour.
            paint = Image.new("RGB", size, self.colour)
        frame.paste(paint, (0, first), None if self.mask is None else _piece(self.mask, size, box))


def _piece(image: Image.Image, size: tuple[int, int], box: _Box) -> Image.Image:
    """Return the area `box` of an image, scaled to `size`.

    An image that is one pixel wide is a gradient and is stretched to the full width.
    """
    if image.width == 1:
        slim = _resized(image, (1, size[1]), (0.0, box[1], 1.0, box[3]))
        return slim.resize(size, Image.Resampling.NEAREST)
    return _resized(image, size, box)


def _resized(image: Image.Image, size: tuple[int, int], box: _Box) -> Image.Image:
    left, top = max(0.0, box[0]), max(0.0, box[1])
    right, bottom = min(float(image.width), box[2]), min(float(image.height), box[3])
    # Pillow skips a resampling pass when the area to scale consists of whole rows or columns.
    x, y = math.floor(left + _TINY), math.floor(top + _TINY)
    cut = image.crop((x, y, math.ceil(right - _TINY), math.ceil(bottom - _TINY)))
    rest = (_snapped(left - x), _snapped(top - y), _snapped(right - x), _snapped(bottom - y))
    return cut.resize(size, Image.Resampling.BILINEAR, box=rest)


def _snapped(edge: float) -> float:
    """Return `edge` as a whole number if it differs from one only by a rounding error."""
    return float(round(edge)) if abs(edge - round(edge)) <= _TINY else edge
