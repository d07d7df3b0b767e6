"""Draws what lies over the scenery: the strip behind the caption, the badge, the progress line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from renderer.script.colour import WHITE
from renderer.script.prompt import CameraMove
from renderer.stage.camera import View
from renderer.stage.layer import Part
from renderer.stage.pixels import grid, mask, shrunk, smoothstep
from renderer.stage.stage import Stage

#: Shapes are drawn this many times larger and then shrunk, which smooths their edges.
_OVERSAMPLING = 4
_FONT = Path(__file__).parents[1] / "fonts" / "inter-semibold.ttf"


def scrim(stage: Stage, text_px: int) -> Part:
    """Return a part that darkens the bottom of the frame, behind white text that begins at row
    `text_px`.
    """
    first = max(0, text_px - stage.px(120))
    height = stage.height_px - first
    _, y = grid(1, height)
    shade = mask(smoothstep(0, height, y) * 0.62).resize((stage.width_px, height))

    def draw(frame: Image.Image, _view: View, _at_s: float) -> None:
        frame.paste((4, 4, 10), (0, first), shade)

    return draw


def badge(stage: Stage, moves: Sequence[CameraMove]) -> Part:
    """Return a part that draws the badge in the upper left: `LOCAL PREVIEW  PAN LEFT  8S`.

    The badge tells members that the clip is a free preview.

    moves  the camera moves in order; of more than two, the badge names the first and the last.
    """
    named = " + ".join(moves if len(moves) == 1 else (moves[0], moves[-1]))
    size = max(6, round(stage.wide_or_tall(15, 19) * stage.unit))
    font = ImageFont.truetype(_FONT, size)
    text = f"LOCAL PREVIEW   {named}   {stage.seconds}S"
    # Capital letters of the font Inter need extra spacing at this size.
    steps = [font.getlength(c) + size * 0.07 for c in text]
    pad, dot, gap = round(size * 0.95), round(size * 0.5), size * 0.55
    width, height = round(sum(steps)) + 2 * pad + dot + round(gap), round(size * 2.1)
    plate = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING), 0)
    edges = (0, 0, plate.width - 1, plate.height - 1)
    ImageDraw.Draw(plate).rounded_rectangle(edges, plate.height // 2, fill=118)
    bullet = Image.new("L", (dot * _OVERSAMPLING, dot * _OVERSAMPLING), 0)
    ImageDraw.Draw(bullet).ellipse((0, 0, bullet.width - 1, bullet.height - 1), fill=255)
    letters = Image.new("L", (width, height), 0)
    letters.paste(shrunk(bullet, _OVERSAMPLING), (pad, (height - dot) // 2))
    pen, x = ImageDraw.Draw(letters), pad + dot + gap
    for character, step in zip(text, steps, strict=True):
        pen.text((x, height / 2), character, font=font, fill=240, anchor="lm")
        x += step
    ground, at = shrunk(plate, _OVERSAMPLING), (stage.px(40), stage.px(36))

    def draw(frame: Image.Image, _view: View, _at_s: float) -> None:
        frame.paste((8, 8, 16), at, ground)
        frame.paste(WHITE, at, letters)

    return draw


def progress(stage: Stage) -> Part:
    """Return a part that draws the progress line: a thin line along the bottom that fills up as
    the clip plays.
    """
    side, thick = stage.px(44), stage.px(2.4)

    def draw(frame: Image.Image, _view: View, at_s: float) -> None:
        length = frame.width - 2 * side
        track = Image.new("L", (length, thick), 74)
        done = max(1.0, length * at_s / stage.seconds)
        whole = int(done)
        track.paste(235, (0, 0, whole, thick))
        if whole < length:
            track.paste(round(74 + 161 * (done - whole)), (whole, 0, whole + 1, thick))
        frame.paste(WHITE, (side, frame.height - stage.px(stage.wide_or_tall(28, 52))), track)

    return draw
