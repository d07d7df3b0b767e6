"""Draws the main figure of a scene: a filled silhouette with a bright edge and a motion of its
own.
"""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from renderer.script.colour import Colour
from renderer.script.prompt import CameraMove, Motion
from renderer.stage.camera import View
from renderer.stage.layer import Part
from renderer.stage.outline import OUTLINES, trace
from renderer.stage.pixels import dimmed
from renderer.stage.stage import Shot

#: The figure's mask is this many times larger than the figure usually is on screen.
_OVERSAMPLING = 2
_DEPTH = 0.85


def emoji_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the font with outline drawings of emoji, from which the figures are made."""
    return ImageFont.truetype(Path(__file__).parents[1] / "fonts" / "noto-emoji.ttf", size_px)


def figure(
    shot: Shot, *, body: Colour, rim: Colour, halo: Colour, ground: float, size: float = 1.0
) -> list[Part]:
    """Return the part that draws the scene's main figure, or no part if the scene has none.

    ground  where the figure stands, as a share of the frame's height.
    """
    subject = shot.scene.subject
    if subject is None:
        return []
    size_px = round(shot.wide_or_tall(128, 150) * size * shot.unit * _OVERSAMPLING)
    shape, lines = _cut_out(subject.glyph, size_px)
    shade = dimmed(shape.filter(ImageFilter.GaussianBlur(size_px / 14)), 77)
    # The light comes from the upper right. The bright edge is the body minus a copy of it that is
    # shifted down to the left.
    step = max(2, size_px // 56)
    edge = ImageChops.subtract(shape, ImageChops.offset(shape, -step, step))
    edge = edge.filter(ImageFilter.GaussianBlur(0.8))
    coatings = ((halo, shade), (body, shape), (rim, dimmed(lines, 102)), (rim, edge))

    across, down, lift = shot.wide_or_tall(0.74, 0.6), ground, 0.0
    if subject.motion in (Motion.FLY, Motion.FLOAT):
        down = shot.wide_or_tall(0.46, 0.5)
    elif (box := shape.getbbox()) is not None:
        # `lift` moves the figure, which is placed by its middle, up until its feet touch the
        # ground.
        lift = box[3] - round(size_px / 40) - shape.height / 2
    # The figure moves in the direction of a camera pan. All animals in the emoji font face left.
    chance = 1 if shot.take_rng("subject").random() < 0.4 else -1
    heading = {CameraMove.PAN_RIGHT: 1, CameraMove.PAN_LEFT: -1}.get(shot.scene.move, chance)
    tracked = shot.scene.move in (CameraMove.TRACKING, CameraMove.PAN_LEFT, CameraMove.PAN_RIGHT)

    def draw(frame: Image.Image, view: View, at_s: float) -> None:
        position, speed = _position(at_s, shot.opening_s)
        dx, dy, turn = _offset(subject.motion, heading * position, speed, at_s)
        x, y, zoom = view.place(shot, _DEPTH, shot.col(across), shot.row(down))
        if tracked:
            x, y = shot.width_px * across, shot.height_px * down
        scale = zoom / _OVERSAMPLING
        x, y = x + dx * shot.unit, y + dy * shot.unit - lift * scale
        reach = math.ceil(max(shape.size) * scale * 0.56)
        left, top = math.floor(x) - reach, math.floor(y) - reach
        matrix = _matrix(shape.size, (x - left, y - top), math.radians(turn), scale, -heading)
        side, affine = (2 * reach, 2 * reach), Image.Transform.AFFINE
        for colour, coating in coatings:
            placed = coating.transform(side, affine, matrix, Image.Resampling.BILINEAR)
            frame.paste(colour, (left, top), placed)

    return [draw]


def _cut_out(glyph: str, size_px: int) -> tuple[Image.Image, Image.Image]:
    """Return masks of a figure's filled body and of the lines inside it, about `size_px` high."""
    if glyph in OUTLINES:
        return trace(glyph, round(size_px * 1.35))
    font = emoji_font(size_px)
    left, top, right, bottom = font.getbbox(glyph)
    pad = max(4, size_px // 5)
    box = (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad)
    lines = Image.new("L", box, 0)
    ImageDraw.Draw(lines).text((pad - left, pad - top), glyph, font=font, fill=255)
    # The figure's body is everything that a flood fill from the picture's corner does not reach.
    outside = lines.point([255 if v > 90 else 0 for v in range(256)])
    ImageDraw.floodfill(outside, (0, 0), 128)
    hard = outside.point([0 if v == 128 else 255 for v in range(256)])
    body = ImageChops.lighter(hard.filter(ImageFilter.GaussianBlur(0.7)), lines)
    # The figure's outer contour is left out, because it would look like the border of a sticker.
    core = hard.filter(ImageFilter.MinFilter(max(3, size_px // 11 | 1)))
    return body, ImageChops.multiply(lines, core)


def _position(at_s: float, opening_s: int) -> tuple[float, float]:
    """Return the figure's position and speed: in the first act from -1 to 1 at a speed of 1.

    After the first act, the figure slows down and stops at position 1.4.
    """
    if at_s <= opening_s:
        return at_s / opening_s * 2 - 1, 1.0
    speed = math.exp((opening_s - at_s) / (0.2 * opening_s))
    return 1.4 - 0.4 * speed, speed


def _offset(
    motion: Motion, position: float, speed: float, at_s: float
) -> tuple[float, float, float]:
    """Return the figure's shift in x and y and its rotation in degrees at one instant.

    The shift is in pixels of a frame whose shorter side is 720 px.
    """
    match motion:
        case Motion.WALK:
            # A figure that stands still only sways a little, as if breathing.
            step = math.sin(at_s * 7.0) * speed + 0.2 * math.sin(at_s * 1.9) * (1.0 - speed)
            return 48 * position, -5.0 * abs(step), 2.4 * step
        case Motion.DRIVE:
            return 105 * position, -1.2 * abs(math.sin(at_s * 11)), 0.5 * math.sin(at_s * 9)
        case Motion.SAIL:
            return 40 * position, 4 * math.sin(at_s * 1.5), 4.0 * math.sin(at_s * 1.2 + 0.6)
        case Motion.FLY:
            return 80 * position, 22 * math.sin(at_s * 1.1), 5 * math.sin(at_s * 1.1 + 0.9)
        case Motion.FLOAT:
            return 32 * position, 20 * math.sin(at_s * 0.9), 7 * math.sin(at_s * 0.6 + 0.4)
        case Motion.STILL:
            return 0.0, 0.0, 0.7 * math.sin(at_s * 1.1)


def _matrix(
    size: tuple[int, int], at: tuple[float, float], angle: float, scale: float, mirror: int
) -> tuple[float, float, float, float, float, float]:
    """Return the affine map that turns frame pixels around `at` into pixels of a mask of `size`."""
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    (width, height), (x, y) = size, at
    return (
        cos * mirror, sin * mirror, width / 2 - mirror * (cos * x + sin * y),
        -sin, cos, height / 2 + sin * x - cos * y,
    )  # fmt: skip
