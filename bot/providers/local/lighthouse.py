"""A lighthouse whose beam goes round."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from bot.providers.local.palette import Palette
from bot.providers.local.pixels import Colour, mix
from bot.providers.local.stage import Stage, View

#: Drawn this much larger and shrunk: smooth edges.
_OVER = 4
_DEPTH = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighthouse:
    """A tower that stands at a canvas place."""

    stage: Stage
    column: int
    foot: int
    height_px: int
    colour: Colour
    band: Colour
    light: Colour
    dark: bool

    @classmethod
    def of(
        cls, stage: Stage, palette: Palette, *, column: int, foot: int, dark: bool
    ) -> Lighthouse:
        """Return the tower; its beam shows where it is `dark` or the weather is."""
        return cls(
            stage=stage,
            column=column,
            foot=foot + stage.px(5),
            height_px=stage.px(104),
            colour=mix((236, 228, 220), palette.near, 0.42),
            band=mix((176, 48, 44), palette.near, 0.42),
            light=(255, 240, 196),
            dark=dark,
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:
        x, y, zoom = view.place(self.stage, _DEPTH, self.column, self.foot)
        tall = self.height_px * zoom
        lamp_y = y - tall * 0.9
        if self.dark:
            self._beam(frame, x, lamp_y, at_s)
        side = math.ceil(tall * 1.1)
        tower = Image.new("RGBA", (side * _OVER // 2, side * _OVER), (*self.colour, 0))
        pen = ImageDraw.Draw(tower)
        left, top = math.floor(x - side / 4), math.floor(y - side)
        mid, base, unit = (x - left) * _OVER, (y - top) * _OVER, tall * _OVER

        def half(share: float) -> float:
            return unit * (0.095 - 0.04 * share)

        for i in range(6):
            low, high = 0.78 * i / 6, 0.78 * (i + 1) / 6
            pen.polygon(
                [
                    (mid - half(low), base - unit * low),
                    (mid + half(low), base - unit * low),
                    (mid + half(high), base - unit * high),
                    (mid - half(high), base - unit * high),
                ],
                fill=(*(self.colour if i % 2 else self.band), 255),
            )
        gallery = (mid - unit * 0.085, base - unit * 0.82, mid + unit * 0.085, base - unit * 0.78)
        pen.rectangle(gallery, fill=(*self.band, 255))
        lamp = (mid - unit * 0.045, base - unit * 0.95, mid + unit * 0.045, base - unit * 0.82)
        pen.rectangle(lamp, fill=(*self.light, 255))
        roof = [
            (mid - unit * 0.07, base - unit * 0.94),
            (mid + unit * 0.07, base - unit * 0.94),
            (mid, base - unit * 1.03),
        ]
        pen.polygon(roof, fill=(*self.band, 255))
        small = tower.resize((side // 2, side), Image.Resampling.BOX)
        frame.paste(small.convert("RGB"), (left, top), small.getchannel("A"))

    def _beam(self, frame: Image.Image, x: float, y: float, at_s: float) -> None:
        turn = at_s * 0.9 + 0.6
        # Seen from the side, a beam that goes round grows long and short.
        reach = math.cos(turn) * 0.75 * frame.width
        veil = Image.new("L", (frame.width // 4, frame.height // 4), 0)
        pen = ImageDraw.Draw(veil)
        for share, level in ((1.0, 36), (0.7, 58), (0.4, 86)):
            wide = abs(reach) * 0.075 * share + 3
            end = x + reach * share
            pen.polygon(
                [(x / 4, y / 4), (end / 4, (y - wide) / 4), (end / 4, (y + wide) / 4)], fill=level
            )
        glare = 26 * self.stage.unit * (1.2 + math.sin(turn))
        pen.ellipse(((x - glare) / 4, (y - glare) / 4, (x + glare) / 4, (y + glare) / 4), fill=120)
        soft = veil.filter(ImageFilter.GaussianBlur(2.5 * self.stage.unit + 0.5))
        frame.paste(self.light, (0, 0, *frame.size), soft.resize(frame.size))
