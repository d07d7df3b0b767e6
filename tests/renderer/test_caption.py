from __future__ import annotations

import pytest
from PIL import Image

from renderer.film.caption import Caption, caption_font, clean, has_glyphs, wrap
from renderer.script.words import SUBJECTS
from renderer.stage.camera import View
from renderer.stage.figure import emoji_font
from renderer.stage.outline import OUTLINES
from renderer.stage.stage import Stage

WIDE = Stage(width_px=640, height_px=360, seconds=4)
TALL = Stage(width_px=360, height_px=640, seconds=4)


def test_emoji_and_control_characters_are_left_out_of_captions():
    assert clean("A fox 🦊, 👩🏽‍🚀 and ☕️!\n\tnow\x07") == "A fox, and! now"


@pytest.mark.parametrize(
    "text", ["A fox", "Một con cáo", "Ein Füchslein – 20 °C, 5 €", "Лиса в снегу", "Η αλεπού"]
)
def test_scripts_of_the_shipped_fonts_are_written(text: str):
    assert caption_font(text, 20) is not None


def test_a_text_without_a_font_gets_no_caption_instead_of_boxes():
    # Unicode reserves U+E000 to U+F8FF for private use, so no font can be expected to draw U+E123.
    assert Caption.of("a fox \ue123 in snow", WIDE) is None
    assert not has_glyphs(emoji_font(20), "日本の猫")


def test_a_japanese_caption_is_written_only_with_a_font_that_has_all_its_glyphs():
    text = "雪の中の狐"
    font = caption_font(text, 20)
    assert font is None or has_glyphs(font, text)
    assert (Caption.of(text, WIDE) is None) == (font is None)


def test_no_words_make_no_caption():
    assert Caption.of("", WIDE) is None
    assert Caption.of("🦊", WIDE) is None


@pytest.mark.parametrize("stage", [WIDE, TALL], ids=["wide", "tall"])
@pytest.mark.parametrize(
    "text",
    ["A fox in the snow", "word " * 300, "x" * 400, "Й" * 60],
    ids=["short", "long", "unbroken", "cyrillic"],
)
def test_a_caption_stays_inside_the_frame_and_out_of_the_upper_half(stage: Stage, text: str):
    caption = Caption.of(text, stage)
    assert caption is not None
    assert caption.top_px > stage.height_px * 0.5
    for at_s in (0.0, 2.0, 3.9):
        blank = Image.new("RGB", (stage.width_px, stage.height_px))
        caption.draw(blank, View(), at_s)
        left, top, right, bottom = blank.getbbox() or (0, 0, 0, 0)
        assert 0 < left < right < stage.width_px
        assert stage.height_px * 0.5 < top < bottom < stage.height_px


def test_the_caption_is_there_in_the_first_frame():
    caption = Caption.of("A fox", WIDE)
    assert caption is not None
    blank = Image.new("RGB", (640, 360))
    caption.draw(blank, View(), 0.0)
    assert max(blank.convert("L").tobytes()) > 240


def test_lines_are_never_wider_than_asked_and_lose_no_character():
    font = caption_font("the quick brown fox jumps", 20)
    assert font is not None
    text = "the quick brown " + "fox" * 40 + " jumps"
    lines = wrap(text, font, 150)
    assert all(font.getlength(line) <= 150 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_long_prompt_is_shown_card_by_card_and_ends_in_an_ellipsis():
    caption = Caption.of("word " * 400, Stage(width_px=640, height_px=360, seconds=12))
    assert caption is not None
    assert len(caption.cards) == 4


def test_every_subject_has_an_outline_or_a_glyph_in_the_shipped_font():
    font = emoji_font(40)
    for glyph, *_ in SUBJECTS:
        assert glyph in OUTLINES or has_glyphs(font, glyph[0]), glyph
