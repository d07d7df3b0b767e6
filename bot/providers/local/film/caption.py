"""The prompt as a caption: cleaned, wrapped, cut into cards, drawn once and pasted each frame."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bot.providers.local.stage.camera import View
from bot.providers.local.stage.pixels import dimmed
from bot.providers.local.stage.stage import Stage

#: Pictographs, their joiners and modifiers; captions are words.
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3"
    "\U000e0020-\U000e007f]"
)
_FONTS = Path(__file__).parents[1] / "fonts"
#: For captions, in order of beauty. The last ones stand on many Linux machines.
_BY_BEAUTY = (
    _FONTS / "fraunces-semibold.ttf",
    _FONTS / "inter-semibold.ttf",
    Path("/usr/share/fonts/truetype/noto/NotoSans-SemiBold.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf"),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"),
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf"),
    Path("/usr/share/fonts/truetype/noto/NotoSansThai-Regular.ttf"),
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"),
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
)
#: A code point that no font draws: U+10FFFF is a noncharacter.
_NOWHERE = "\U0010ffff"
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
        size = round(stage.either(40, 46) * stage.unit)
        font = caption_font(text, max(8, size)) if text else None
        if font is None:
            return None
        left = stage.px(44)
        measure = stage.width_px - 2 * left
        lines = wrap(text, font, stage.either(round(measure * 0.62), measure))
        cards = _dealt(lines, max(1, int(stage.seconds / _CARD_S)))
        bottom = stage.height_px - stage.px(stage.either(58, 92))
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
        fades = (
            at_s - index * each_s if index > 0 else _FADE_S,
            (index + 1) * each_s - at_s if index < len(self.cards) - 1 else _FADE_S,
        )
        light = min(1.0, *(left_s / _FADE_S for left_s in fades))
        text, shade = (dimmed(mask, max(0, round(light * 255))) for mask in self.cards[index])
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
    wide = mask.filter(ImageFilter.GaussianBlur(9 * stage.unit))
    wide = wide.point([min(150, v) for v in range(256)])
    tight = mask.filter(ImageFilter.GaussianBlur(2 * stage.unit))
    wide.paste(255, (0, 0), dimmed(tight, 178))
    return mask, wide


def caption_font(text: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    """Return the first font that has every glyph of `text`; None when no font here has them."""
    for path in _BY_BEAUTY:
        if path.is_file():
            font = ImageFont.truetype(path, size_px)
            if writes(font, text):
                return font
    return None


def writes(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Return whether `font` has a glyph of its own for each visible character of `text`."""
    missing = _drawing(font, _NOWHERE)
    visible = {c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc")}
    return all(_drawing(font, c) != missing for c in visible)


def _drawing(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    left, top, right, bottom = (round(edge) for edge in font.getbbox(character))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), character, font=font, fill=255)
    return picture.size, picture.tobytes()
