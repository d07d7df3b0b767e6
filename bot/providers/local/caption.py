"""The prompt as a caption: cleaned, wrapped, cut into cards, drawn once and pasted each frame."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bot.providers.local.fonts import caption_font
from bot.providers.local.stage import Stage, View

#: Pictographs, their joiners and modifiers; captions are words.
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3"
    "\U000e0020-\U000e007f]"
)
_LINES = 3
#: A card is on screen for at least this long.
_CARD_S = 3.0
_FADE_S = 0.35


def clean(prompt: str) -> str:
    """Return the prompt on one line, without emoji and control characters."""
    words = _EMOJI.sub(" ", unicodedata.normalize("NFC", prompt))
    shown = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in words
    )
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(shown.split()))


def wrap(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """Return lines no wider than `width_px`, about equally long; overlong words are broken."""
    words: list[str] = []
    for word in text.split():
        words.extend(_broken(word, font, width_px))
    lines = _filled(words, font, width_px)
    if 1 < len(lines) <= _LINES:
        # The narrowest measure that needs no further line leaves no orphan at the end.
        for share in (0.6, 0.7, 0.8, 0.9):
            tighter = _filled(words, font, round(width_px * share))
            fits = all(font.getlength(line) <= width_px for line in tighter)
            if len(tighter) == len(lines) and fits:
                return tighter
    return lines


def _filled(words: list[str], font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _broken(word: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    if font.getlength(word) <= width_px:
        return [word]
    pieces = [""]
    for character in word:
        if pieces[-1] and font.getlength(pieces[-1] + character) > width_px:
            pieces.append("")
        pieces[-1] += character
    return pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Cards that follow one another; the first is there from the first frame on."""

    stage: Stage
    #: White text and its dark surroundings, one pair of masks for each card.
    cards: tuple[tuple[Image.Image, Image.Image], ...]
    left_px: int
    #: Where the lowest line ends, and the highest card begins, in frame rows.
    bottom_px: int
    top_px: int

    @classmethod
    def of(cls, prompt: str, stage: Stage) -> Caption | None:
        """Return the caption; None when there is nothing to write or no font to write it with."""
        text = clean(prompt)
        size = round((46 if stage.is_portrait else 40) * stage.unit)
        font = caption_font(text, max(8, size)) if text else None
        if font is None:
            return None
        left = stage.px(44)
        measure = stage.width_px - 2 * left
        lines = wrap(text, font, measure if stage.is_portrait else round(measure * 0.62))
        cards = _dealt(lines, max(1, int(stage.seconds / _CARD_S)))
        bottom = stage.height_px - stage.px(92 if stage.is_portrait else 58)
        drawn = tuple(_masks("\n".join(card), font, stage) for card in cards)
        return cls(
            stage=stage,
            cards=drawn,
            left_px=left,
            bottom_px=bottom,
            top_px=bottom - max(mask.height for mask, _ in drawn) + 2 * _margin(stage),
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        each_s = self.stage.seconds / len(self.cards)
        index = min(len(self.cards) - 1, int(at_s / each_s))
        into_s, left_s = at_s - index * each_s, (index + 1) * each_s - at_s
        light = 1.0
        if index > 0:
            light = min(light, into_s / _FADE_S)
        if index < len(self.cards) - 1:
            light = min(light, left_s / _FADE_S)
        text, shade = self.cards[index]
        if light < 1.0:
            level = max(0, round(light * 255))
            table = [v * level // 255 for v in range(256)]
            text, shade = text.point(table), shade.point(table)
        margin = _margin(self.stage)
        at = (self.left_px - margin, self.bottom_px - text.height + margin)
        frame.paste((0, 0, 0), at, shade)
        frame.paste((255, 252, 246), at, text)


def _dealt(lines: list[str], cards: int) -> list[list[str]]:
    """Return the lines in at most `cards` groups; what does not fit is cut with an ellipsis."""
    room = cards * _LINES
    if len(lines) > room:
        lines = lines[:room]
        lines[-1] = lines[-1].rstrip(" ,.;:") + "…"
    needed = -(-len(lines) // _LINES)
    each = -(-len(lines) // needed)
    return [lines[i : i + each] for i in range(0, len(lines), each)]


def _margin(stage: Stage) -> int:
    return stage.px(26)


def _masks(
    text: str, font: ImageFont.FreeTypeFont, stage: Stage
) -> tuple[Image.Image, Image.Image]:
    spacing = round(font.size * 0.24)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), text, font=font, spacing=spacing
    )
    margin = _margin(stage)
    # Descenders differ from card to card: a fixed foot keeps all on one base line.
    foot = round(font.size * 0.28)
    size = (round(right - left) + 2 * margin, round(bottom - top) + foot + 2 * margin)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).multiline_text(
        (margin - left, margin - top), text, font=font, fill=255, spacing=spacing
    )
    wide = mask.filter(ImageFilter.GaussianBlur(9 * stage.unit)).point(
        [min(150, v) for v in range(256)]
    )
    tight = mask.filter(ImageFilter.GaussianBlur(2 * stage.unit)).point(
        [v * 7 // 10 for v in range(256)]
    )
    wide.paste(255, (0, 0), tight)
    return mask, wide
