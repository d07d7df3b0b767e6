"""What lies on top of the picture: a dark foot for the caption, the badge, the progress line."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw

from bot.providers.local.fonts import badge_font
from bot.providers.local.pixels import grid, mask, smoothstep
from bot.providers.local.prompt import Move
from bot.providers.local.stage import Stage, View

#: Drawn this much larger and shrunk: smooth edges.
_OVER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrim:
    """A soft darkening from `top_px` (frame row) to the bottom, so that white text can be read."""

    top_px: int
    shade: Image.Image

    @classmethod
    def of(cls, stage: Stage, top_px: int) -> Scrim:
        """Return a scrim that begins well above `top_px`, where the text does."""
        first = max(0, top_px - stage.px(120))
        _, y = grid(1, stage.height_px - first)
        share = smoothstep(0, stage.height_px - first, y) * 0.62
        shade = mask(share).resize((stage.width_px, stage.height_px - first))
        return cls(top_px=first, shade=shade)

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        frame.paste((4, 4, 10), (0, self.top_px, frame.width, frame.height), self.shade)


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """`LOCAL PREVIEW  PAN LEFT  8S` in the upper left: nobody takes this for a paid render."""

    plate: Image.Image
    letters: Image.Image
    at: tuple[int, int]

    @classmethod
    def of(cls, stage: Stage, move: Move) -> Badge:
        """Return the badge for a camera move."""
        size = max(6, round((19 if stage.is_portrait else 15) * stage.unit))
        font = badge_font(size)
        text = f"LOCAL PREVIEW   {move.value}   {stage.seconds}S"
        # Inter at this size wants air between capitals.
        steps = [font.getlength(c) + size * 0.07 for c in text]
        pad, dot = round(size * 0.95), round(size * 0.5)
        width = round(sum(steps)) + 2 * pad + dot + round(size * 0.55)
        height = round(size * 2.1)
        plate = Image.new("L", (width * _OVER, height * _OVER), 0)
        radius = plate.height // 2
        ImageDraw.Draw(plate).rounded_rectangle(
            (0, 0, plate.width - 1, plate.height - 1), radius, fill=118
        )
        letters = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(letters)
        big = Image.new("L", (dot * _OVER, dot * _OVER), 0)
        ImageDraw.Draw(big).ellipse((0, 0, big.width - 1, big.height - 1), fill=255)
        letters.paste(big.resize((dot, dot), Image.Resampling.BOX), (pad, (height - dot) // 2))
        x = pad + dot + size * 0.55
        for character, step in zip(text, steps, strict=True):
            pen.text((x, height / 2), character, font=font, fill=240, anchor="lm")
            x += step
        side = stage.px(40)
        return cls(
            plate=plate.resize((width, height), Image.Resampling.BOX),
            letters=letters,
            at=(side, stage.px(36)),
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        frame.paste((8, 8, 16), self.at, self.plate)
        frame.paste((255, 255, 255), self.at, self.letters)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressLine:
    """A thin line along the bottom that fills while the clip plays."""

    stage: Stage

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        side, thick = self.stage.px(44), self.stage.px(2.4)
        row = frame.height - self.stage.px(52 if self.stage.is_portrait else 28)
        length = frame.width - 2 * side
        track = Image.new("L", (length, thick), 74)
        done = max(1.0, length * at_s / self.stage.seconds)
        whole = int(done)
        track.paste(235, (0, 0, whole, thick))
        if whole < length:
            track.paste(round(74 + 161 * (done - whole)), (whole, 0, whole + 1, thick))
        frame.paste((255, 255, 255), (side, row), track)
