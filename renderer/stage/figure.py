"""The subject: one figure, a filled silhouette with a rim of light, that moves as it should."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from renderer.script.colour import Colour
from renderer.script.prompt import Gait, Move
from renderer.stage.camera import View
from renderer.stage.layer import Part
from renderer.stage.outline import OUTLINES, trace
from renderer.stage.pixels import dimmed
from renderer.stage.stage import Shot

#: The figure is kept this much larger than it is mostly shown.
_OVER = 2
_DEPTH = 0.85


def emoji_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the line-art emoji that subjects are made of."""
    return ImageFont.truetype(Path(__file__).parents[1] / "fonts" / "noto-emoji.ttf", size_px)


def figure(
    shot: Shot, *, body: Colour, rim: Colour, halo: Colour, ground: float, size: float = 1.0
) -> list[Part]:
    """Return the scene's subject, standing at `ground` (share of the frame's height), if any."""
    subject = shot.scene.subject
    if subject is None:
        return []
    size_px = round(shot.either(128, 150) * size * shot.unit * _OVER)
    shape, lines = _cut_out(subject.glyph, size_px)
    shade = dimmed(shape.filter(ImageFilter.GaussianBlur(size_px / 14)), 77)
    # Light falls from the upper right: an edge is what the body, moved away from it, bares.
    step = max(2, size_px // 56)
    edge = ImageChops.subtract(shape, ImageChops.offset(shape, -step, step))
    edge = edge.filter(ImageFilter.GaussianBlur(0.8))
    coats = ((halo, shade), (body, shape), (rim, dimmed(lines, 102)), (rim, edge))

    across, down, lift = shot.either(0.74, 0.6), ground, 0.0
    if subject.gait in (Gait.FLY, Gait.FLOAT):
        down = shot.either(0.46, 0.5)
    elif (box := shape.getbbox()) is not None:
        # Feet stand on the ground: the middle is half a figure above them.
        lift = box[3] - round(size_px / 40) - shape.height / 2
    # A panning camera follows the subject; all animals of the font look to the left.
    chance = 1 if shot.passing_rng("subject").random() < 0.4 else -1
    heading = {Move.PAN_RIGHT: 1, Move.PAN_LEFT: -1}.get(shot.scene.move, chance)
    tracked = shot.scene.move in (Move.TRACKING, Move.PAN_LEFT, Move.PAN_RIGHT)

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        go, pace = _way(at_s, shot.opening_s)
        dx, dy, turn = _motion(subject.gait, heading * go, pace, at_s)
        x, y, zoom = view.place(shot, _DEPTH, shot.col(across), shot.row(down))
        if tracked:
            x, y = shot.width_px * across, shot.height_px * down
        scale = zoom / _OVER
        x, y = x + dx * shot.unit, y + dy * shot.unit - lift * scale
        reach = math.ceil(max(shape.size) * scale * 0.56)
        left, top = math.floor(x) - reach, math.floor(y) - reach
        matrix = _matrix(shape.size, (x - left, y - top), math.radians(turn), scale, -heading)
        side, affine = (2 * reach, 2 * reach), Image.Transform.AFFINE
        for colour, coat in coats:
            seen = coat.transform(side, affine, matrix, Image.Resampling.BILINEAR)
            frame.paste(colour, (left, top), seen)

    return [draw]


def _cut_out(glyph: str, size_px: int) -> tuple[Image.Image, Image.Image]:
    """Return masks of the filled body and of the lines inside it, about `size_px` high."""
    if glyph in OUTLINES:
        return trace(glyph, round(size_px * 1.35))
    font = emoji_font(size_px)
    left, top, right, bottom = font.getbbox(glyph)
    pad = max(4, size_px // 5)
    box = (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad)
    lines = Image.new("L", box, 0)
    ImageDraw.Draw(lines).text((pad - left, pad - top), glyph, font=font, fill=255)
    # What the outside cannot reach is body, whether a line runs through it or not.
    outside = lines.point([255 if v > 90 else 0 for v in range(256)])
    ImageDraw.floodfill(outside, (0, 0), 128)
    hard = outside.point([0 if v == 128 else 255 for v in range(256)])
    body = ImageChops.lighter(hard.filter(ImageFilter.GaussianBlur(0.7)), lines)
    # The glyph's own contour would frame the figure like a sticker.
    core = hard.filter(ImageFilter.MinFilter(max(3, size_px // 11 | 1)))
    return body, ImageChops.multiply(lines, core)


def _way(at_s: float, opening_s: int) -> tuple[float, float]:
    """Return how far a subject has come, -1 to 1 in the opening, and how fast it still goes.

    After the opening it walks a little further and comes to rest: at most 1.4, and from 1 to 0.
    """
    if at_s <= opening_s:
        return at_s / opening_s * 2 - 1, 1.0
    pace = math.exp((opening_s - at_s) / (0.2 * opening_s))
    return 1.4 - 0.4 * pace, pace


def _motion(gait: Gait, go: float, pace: float, at_s: float) -> tuple[float, float, float]:
    """Return the way off its place, at 720 px, and the turn in degrees."""
    match gait:
        case Gait.WALK:
            # Who does not get on does not step, only breathes.
            step = math.sin(at_s * 7.0) * pace + 0.2 * math.sin(at_s * 1.9) * (1.0 - pace)
            return 48 * go, -5.0 * abs(step), 2.4 * step
        case Gait.DRIVE:
            return 105 * go, -1.2 * abs(math.sin(at_s * 11)), 0.5 * math.sin(at_s * 9)
        case Gait.SAIL:
            return 40 * go, 4 * math.sin(at_s * 1.5), 4.0 * math.sin(at_s * 1.2 + 0.6)
        case Gait.FLY:
            return 80 * go, 22 * math.sin(at_s * 1.1), 5 * math.sin(at_s * 1.1 + 0.9)
        case Gait.FLOAT:
            return 32 * go, 20 * math.sin(at_s * 0.9), 7 * math.sin(at_s * 0.6 + 0.4)
        case Gait.STILL:
            return 0.0, 0.0, 0.7 * math.sin(at_s * 1.1)


def _matrix(
    size: tuple[int, int], at: tuple[float, float], angle: float, scale: float, mirror: int
) -> tuple[float, float, float, float, float, float]:
    """Return the affine map from pixels around `at` back to a mask of `size`."""
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    (width, height), (x, y) = size, at
    return (
        cos * mirror, sin * mirror, width / 2 - mirror * (cos * x + sin * y),
        -sin, cos, height / 2 + sin * x - cos * y,
    )  # fmt: skip
