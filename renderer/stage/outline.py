"""Outlines of figures that the emoji font shows only as faces."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from renderer.stage.pixels import shrunk

_Points = tuple[tuple[float, float], ...]

#: The outline of a fox as points in a box 116 wide and 70 high; the fox faces left. A point that
#: occurs twice is a sharp corner.
_FOX: _Points = (
    (2, 31), (2, 31), (9, 27), (14, 21), (17, 19), (19, 7), (19, 7), (26, 17), (33, 22), (44, 26),
    (58, 26), (70, 26), (78, 29), (88, 24), (100, 26), (110, 35), (115, 46), (115, 46), (104, 44),
    (92, 42), (82, 39), (80, 45), (85, 53), (83, 61), (82, 69), (76, 69), (77, 62), (78, 55),
    (71, 50), (67, 47), (66, 54), (62, 60), (60, 69), (54, 69), (56, 60), (58, 53), (58, 44),
    (50, 46), (43, 46), (44, 54), (45, 61), (44, 69), (38, 69), (39, 61), (37, 54), (34, 49),
    (31, 55), (26, 60), (22, 66), (17, 69), (16, 65), (21, 59), (25, 52), (26, 44), (23, 38),
    (17, 36), (9, 35), (3, 34),
)  # fmt: skip
_WOLF: _Points = (
    (4, 4), (4, 4), (12, 8), (18, 6), (26, 5), (26, 5), (27, 12), (34, 20), (44, 25), (58, 26),
    (70, 26), (79, 29), (88, 36), (95, 46), (98, 56), (98, 56), (89, 50), (82, 42), (81, 47),
    (85, 53), (83, 61), (82, 69), (75, 69), (77, 62), (77, 55), (71, 50), (67, 47), (66, 54),
    (62, 60), (60, 69), (54, 69), (56, 60), (58, 53), (58, 45), (50, 47), (42, 46), (42, 54),
    (42, 61), (42, 69), (35, 69), (36, 61), (35, 54), (33, 49), (30, 55), (30, 61), (29, 69),
    (23, 69), (24, 61), (24, 52), (22, 42), (20, 31), (20, 22), (16, 17), (9, 14), (4, 9),
)  # fmt: skip
#: For each figure: its outer contour, and the lines inside it, such as eyes, belly or tip of the
#: tail.
OUTLINES: dict[str, tuple[_Points, tuple[_Points, ...]]] = {
    "fox": (
        _FOX,
        (((12, 28), (14, 27)), ((103, 31), (100, 36), (103, 43)), ((26, 38), (32, 41), (40, 42))),
    ),
    "wolf": (
        _WOLF,
        (((13, 11), (15, 10.5)), ((25, 22), (30, 30), (30, 38)), ((82, 36), (88, 43))),
    ),
}


def trace(name: str, size_px: int) -> tuple[Image.Image, Image.Image]:
    """Return masks of a figure's filled body and of the lines inside it, about `size_px` wide."""
    over = 2
    scale = size_px / 116 * over
    pad = max(4, size_px // 5)
    box = ((size_px + 2 * pad) * over, (round(size_px * 70 / 116) + 2 * pad) * over)

    def placed(points: _Points) -> list[tuple[float, float]]:
        return [(x * scale + pad * over, y * scale + pad * over) for x, y in points]

    contour, strokes = OUTLINES[name]
    body, lines = Image.new("L", box, 0), Image.new("L", box, 0)
    ImageDraw.Draw(body).polygon(placed(_rounded(contour)), fill=255)
    pen = ImageDraw.Draw(lines)
    for stroke in strokes:
        pen.line(placed(stroke), fill=255, width=max(2, round(size_px * over / 70)), joint="curve")
    return shrunk(body, over), shrunk(lines, over)


def _rounded(points: _Points) -> _Points:
    """Return a smooth closed curve through the points: a Catmull-Rom spline with eight steps
    between two points.
    """
    p = np.asarray(points, dtype=np.float64)
    before, after, next_after = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    pieces = [
        0.5
        * (
            2 * p
            + (after - before) * t
            + (2 * before - 5 * p + 4 * after - next_after) * t**2
            + (3 * p - before - 3 * after + next_after) * t**3
        )
        for t in np.linspace(0.0, 1.0, 8, endpoint=False)
    ]
    return tuple((float(x), float(y)) for x, y in np.stack(pieces, axis=1).reshape(-1, 2))
