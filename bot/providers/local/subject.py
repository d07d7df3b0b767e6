"""The subject: one figure, a filled silhouette with a rim of light, that moves as it should."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bot.providers.local.fonts import emoji_font
from bot.providers.local.outline import has_outline, trace
from bot.providers.local.pixels import Colour
from bot.providers.local.prompt import Gait, Move, Scene
from bot.providers.local.stage import Stage, View

#: The figure is kept this much larger than it is mostly shown.
_OVER = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Masks of the filled body, the lines inside it, its edges in the light, the halo behind it."""

    body: Image.Image
    lines: Image.Image
    edge: Image.Image
    halo: Image.Image
    #: Row of the masks where it stands.
    foot_px: int

    @classmethod
    def of(cls, glyph: str, size_px: int) -> Figure:
        """Return the emoji or outline `glyph`, cut out, about `size_px` high."""
        if has_outline(glyph):
            body, lines = trace(glyph, round(size_px * 1.35))
            return cls._lit(body, lines, size_px)
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
        core = hard.filter(ImageFilter.MinFilter(_odd(size_px // 11)))
        return cls._lit(body, ImageChops.multiply(lines, core), size_px)

    @classmethod
    def _lit(cls, body: Image.Image, lines: Image.Image, size_px: int) -> Figure:
        halo = body.filter(ImageFilter.GaussianBlur(size_px / 14))
        # Light falls from the upper right: an edge is what the body, moved away from it, bares.
        step = max(2, size_px // 56)
        moved = ImageChops.offset(body, -step, step)
        edge = ImageChops.subtract(body, moved).filter(ImageFilter.GaussianBlur(0.8))
        box = body.getbbox()
        foot = body.height if box is None else box[3] - round(size_px / 40)
        return cls(body=body, lines=lines, edge=edge, halo=halo, foot_px=foot)


def _odd(size_px: int) -> int:
    return max(3, size_px | 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectPart:
    """The figure on its way through the clip."""

    stage: Stage
    figure: Figure
    gait: Gait
    #: Share of the frame where its feet (or its middle, when it flies) are.
    at: tuple[float, float]
    #: -1 looks and goes left, 1 right.
    heading: int
    tracked: bool
    body: Colour
    rim: Colour
    halo: Colour
    depth: float = 0.85

    @classmethod
    def of(
        cls,
        scene: Scene,
        stage: Stage,
        *,
        body: Colour,
        rim: Colour,
        halo: Colour,
        ground: float | None = None,
        size: float = 1.0,
    ) -> SubjectPart | None:
        """Return the scene's subject, standing at `ground` (share of the frame's height)."""
        subject = scene.subject
        if subject is None:
            return None
        rng = scene.rng("subject")
        base = 150 if stage.is_portrait else 128
        figure = Figure.of(subject.glyph, round(base * size * stage.unit * _OVER))
        x = 0.6 if stage.is_portrait else 0.74
        airborne = subject.gait in (Gait.FLY, Gait.FLOAT)
        if airborne:
            y = 0.5 if stage.is_portrait else 0.46
        else:
            y = ground if ground is not None else (0.74 if stage.is_portrait else 0.87)
        heading = {Move.PAN_RIGHT: 1, Move.PAN_LEFT: -1}.get(
            scene.move, 1 if rng.random() < 0.4 else -1
        )
        # The wheels and sails of the glyphs have no front; all animals look to the left.
        return cls(
            stage=stage,
            figure=figure,
            gait=subject.gait,
            at=(x, y),
            heading=heading,
            tracked=scene.move in (Move.TRACKING, Move.PAN_LEFT, Move.PAN_RIGHT),
            body=body,
            rim=rim,
            halo=halo,
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        stage = self.stage
        way = at_s / stage.seconds * 2 - 1
        dx, dy, turn = self._motion(at_s, way)
        if self.tracked:
            # The camera keeps it in place.
            x, y = stage.width_px * self.at[0], stage.height_px * self.at[1]
            zoom = view.zoom_at(self.depth)
        else:
            x, y, zoom = view.place(stage, self.depth, stage.col(self.at[0]), stage.row(self.at[1]))
        self._put(frame, x + dx * stage.unit, y + dy * stage.unit, zoom, turn)

    def _motion(self, at_s: float, way: float) -> tuple[float, float, float]:
        """Return the way off its place, at 720 px, and the turn in degrees."""
        go = self.heading * way
        match self.gait:
            case Gait.WALK:
                step = at_s * 7.0
                return 48 * go, -5.0 * abs(math.sin(step)), 2.4 * math.sin(step)
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

    def _put(self, frame: Image.Image, x: float, y: float, zoom: float, turn: float) -> None:
        scale = zoom / _OVER
        source = self.figure.body
        # Feet stand on the ground: the middle is half a figure above them.
        if self.gait not in (Gait.FLY, Gait.FLOAT):
            y -= (self.figure.foot_px - source.height / 2) * scale
        reach = math.ceil(max(source.size) * scale * 0.56)
        side = 2 * reach
        left, top = math.floor(x) - reach, math.floor(y) - reach
        cx, cy = x - left, y - top
        angle = math.radians(turn)
        cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
        mirror = -1.0 if self.heading > 0 else 1.0
        matrix = (
            cos * mirror,
            sin * mirror,
            source.width / 2 - mirror * (cos * cx + sin * cy),
            -sin,
            cos,
            source.height / 2 + sin * cx - cos * cy,
        )

        def cut(mask: Image.Image) -> Image.Image:
            return mask.transform(
                (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
            )

        halo = cut(self.figure.halo).point([v * 3 // 10 for v in range(256)])
        frame.paste(self.halo, (left, top), halo)
        body = cut(self.figure.body)
        frame.paste(self.body, (left, top), body)
        lines = cut(self.figure.lines).point([v * 2 // 5 for v in range(256)])
        frame.paste(self.rim, (left, top), lines)
        frame.paste(self.rim, (left, top), cut(self.figure.edge))
