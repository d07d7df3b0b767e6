"""Draws captions: the prompt is cleaned, wrapped, split into cards, and pasted onto each frame."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from renderer.stage.camera import View
from renderer.stage.pixels import dimmed
from renderer.stage.stage import Stage

#: Emoji with their joiners and modifiers, which are removed from captions.
_EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3"
    "\U000e0020-\U000e007f]"
)
_FONTS = Path(__file__).parents[1] / "fonts"
#: Font files for captions, the best-looking first. Those in /usr exist on many Linux machines.
_CAPTION_FONTS = (
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
#: A character that no font can draw: U+10FFFF is a Unicode noncharacter.
_UNDRAWN = "\U0010ffff"
#: The largest number of lines on one caption card.
_LINES = 3
#: The shortest time that a caption card is shown, in seconds.
_CARD_S = 3.0
_FADE_S = 0.35
#: The left margin of the caption, in pixels of a frame whose shorter side is 720 px.
_LEFT = 44


def clean(prompt: str) -> str:
    """Return the prompt on one line, without emoji and control characters."""
    words = _EMOJI.sub(" ", unicodedata.normalize("NFC", prompt))
    shown = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in words
    )
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(shown.split()))


def wrap(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> list[str]:
    """Break the text into lines of about equal length, at most `width_px` wide.

    A word that is wider than a line is broken.
    """
    words: list[str] = []
    for word in text.split():
        words.extend(_broken(word, font, width_px))
    lines = _filled(words, font, width_px)
    if 1 < len(lines) <= _LINES:
        # Use the narrowest width that gives the same number of lines, so that the last line does
        # not hold a single word.
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
class TitleCard:
    """A few lines of a caption that are shown at the same time."""

    #: Masks of the white text and of the dark shadow around it.
    text: Image.Image
    shade: Image.Image
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The cards of a caption, shown one after another; the first one is visible from the first
    frame.
    """

    stage: Stage
    cards: tuple[TitleCard, ...]
    left_px: int
    #: `bottom_px` is the frame row where the last line of text ends, `top_px` the row where the
    #: tallest card begins.
    bottom_px: int
    top_px: int

    @classmethod
    def of(cls, prompt: str, stage: Stage) -> Caption | None:
        """Return the caption of a whole clip.

        Returns None when the text is empty or no font has all its glyphs.
        """
        return cls.of_titles(((prompt, stage.seconds),), stage)

    @classmethod
    def of_titles(cls, titles: Sequence[tuple[str, int]], stage: Stage) -> Caption | None:
        """Return a caption that shows each text for its number of seconds.

        A text is left out when it is empty or no font has all its glyphs. Returns None when no
        text is left.
        """
        cards: list[TitleCard] = []
        begin_s = 0
        for words, seconds in titles:
            cards.extend(_cards(clean(words), begin_s, seconds, stage))
            begin_s += seconds
        if not cards:
            return None
        bottom = stage.height_px - stage.px(stage.wide_or_tall(58, 92))
        return cls(
            stage=stage,
            cards=tuple(cards),
            left_px=stage.px(_LEFT),
            bottom_px=bottom,
            top_px=bottom - max(card.text.height for card in cards) + 2 * _margin(stage),
        )

    def draw(self, frame: Image.Image, view: View, at_s: float) -> None:  # noqa: ARG002
        margin = _margin(self.stage)
        for card in self.cards:
            if not card.begin_s <= at_s < card.end_s:
                continue
            light = min(
                1.0,
                (at_s - card.begin_s) / _FADE_S if card.begin_s > 0 else 1.0,
                (card.end_s - at_s) / _FADE_S if card.end_s < self.stage.seconds else 1.0,
            )
            text, shade = (dimmed(mask, round(light * 255)) for mask in (card.text, card.shade))
            at = (self.left_px - margin, self.bottom_px - text.height + margin)
            frame.paste((0, 0, 0), at, shade)
            frame.paste((255, 252, 246), at, text)


def _cards(text: str, begin_s: int, seconds: int, stage: Stage) -> list[TitleCard]:
    """Return the cards for one text, each shown for an equal part of `seconds`.

    Returns no cards when the text is empty or no font has all its glyphs.
    """
    size = round(stage.wide_or_tall(40, 46) * stage.unit)
    font = caption_font(text, max(8, size)) if text else None
    if font is None:
        return []
    measure = stage.width_px - 2 * stage.px(_LEFT)
    lines = wrap(text, font, stage.wide_or_tall(round(measure * 0.62), measure))
    groups = _grouped(lines, max(1, int(seconds / _CARD_S)))
    each_s = seconds / len(groups)
    cards: list[TitleCard] = []
    for number, card in enumerate(groups):
        mask, shade = _masks("\n".join(card), font, stage)
        first_s = begin_s + number * each_s
        # The last card's end is set without rounding: adding up the parts could leave the
        # caption's last frame without a card.
        last_s = begin_s + seconds if number == len(groups) - 1 else first_s + each_s
        cards.append(TitleCard(text=mask, shade=shade, begin_s=first_s, end_s=last_s))
    return cards


def _grouped(lines: list[str], cards: int) -> list[list[str]]:
    """Split the lines into at most `cards` cards; cut text that does not fit, with an ellipsis."""
    capacity = cards * _LINES
    if len(lines) > capacity:
        lines = lines[:capacity]
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
    # Letters such as "g" reach below the base line. The space below the text is fixed, so that all
    # cards have the same base line whether or not their text has such letters.
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
    """Return the best-looking font that has a glyph for every character of `text`, or None."""
    for path in _CAPTION_FONTS:
        if path.is_file():
            font = ImageFont.truetype(path, size_px)
            if has_glyphs(font, text):
                return font
    return None


def has_glyphs(font: ImageFont.FreeTypeFont, text: str) -> bool:
    """Return whether the font has a glyph for each visible character of the text."""
    missing = _bitmap(font, _UNDRAWN)
    visible = {c for c in text if not c.isspace() and unicodedata.category(c) not in ("Cf", "Cc")}
    return all(_bitmap(font, c) != missing for c in visible)


def _bitmap(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    left, top, right, bottom = (round(edge) for edge in font.getbbox(character))
    picture = Image.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), character, font=font, fill=255)
    return picture.size, picture.tobytes()
