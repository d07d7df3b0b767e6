"""Fonts: the shipped ones, then the machine's; and whether a font can really write a text."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_HERE = Path(__file__).parent / "fonts"
#: For captions, in order of beauty. The last ones stand on many Linux machines.
_CAPTION = (
    _HERE / "fraunces-semibold.ttf",
    _HERE / "inter-semibold.ttf",
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


def badge_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the small sans serif of the badge."""
    return ImageFont.truetype(_HERE / "inter-semibold.ttf", size_px)


def emoji_font(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the line-art emoji that subjects are made of."""
    return ImageFont.truetype(_HERE / "noto-emoji.ttf", size_px)


def caption_font(text: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    """Return the first font that has every glyph of `text`; None when no font here has them."""
    for path in _CAPTION:
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
