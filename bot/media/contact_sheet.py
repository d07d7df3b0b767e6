"""Draws several pictures as one sheet and numbers them."""

import asyncio
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from bot.media.reference_picture import MAX_PIXELS, UNREADABLE

#: Most pictures on one sheet.
MAX_PICTURES = 6
_COLUMNS = 3
#: Width and height of a cell: 16:9, and about the size at which a phone shows the cell.
_CELL_PX = (400, 225)
_GAP_PX = 12
_CORNER_PX = 14
_BADGE_PX = 44
_BADGE_INSET_PX = 10
#: Shapes are drawn this many times larger and scaled down: Pillow draws no smooth edges.
_SMOOTHING = 4
_BACKGROUND = (19, 20, 24)
_TILE = (38, 40, 47)
_TILE_MARK = (82, 86, 98)
_BADGE = (12, 13, 16)
_BADGE_RIM = (206, 208, 214)
_TEXT = (255, 255, 255)
_QUALITIES = (84, 74, 62, 48)
_MAX_BYTES = 300_000


async def contact_sheet(pictures: Sequence[Path | None]) -> bytes:
    """Return a WebP of pictures, three to a row, numbered from 1, each whole over its own blur.

    pictures  1 to 6 files; None, or a file that is no PNG, JPEG or WebP, becomes a neutral tile.
    The WebP has about 300 kB and 1260 px of width at most. Runs in a thread. Raises ValueError for
    no pictures and for too many.
    """
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise ValueError(f"{len(pictures)} pictures for a sheet of 1 to {MAX_PICTURES}")
    return await asyncio.to_thread(_sheet, pictures)


def _sheet(pictures: Sequence[Path | None]) -> bytes:
    columns, rows = min(_COLUMNS, len(pictures)), -(-len(pictures) // _COLUMNS)
    step_x_px, step_y_px = (side + _GAP_PX for side in _CELL_PX)
    size_px = (_GAP_PX + columns * step_x_px, _GAP_PX + rows * step_y_px)
    sheet = Image.new("RGB", size_px, _BACKGROUND)
    mask = _rounded(_CELL_PX, _CORNER_PX)
    for index, path in enumerate(pictures):
        row, column = divmod(index, _COLUMNS)
        x_px, y_px = _GAP_PX + column * step_x_px, _GAP_PX + row * step_y_px
        picture = None if path is None else _read(path)
        sheet.paste(_tile() if picture is None else _cell(picture), (x_px, y_px), mask)
        badge = _badge(str(index + 1))
        sheet.paste(badge, (x_px + _BADGE_INSET_PX, y_px + _BADGE_INSET_PX), badge)
    return _encode_webp(sheet)


def _read(path: Path) -> Image.Image | None:
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return None
            picture.draft("RGB", _CELL_PX)
            return picture.convert("RGB")
    except UNREADABLE:
        return None


def _cell(picture: Image.Image) -> Image.Image:
    shown = ImageOps.contain(picture, _CELL_PX, Image.Resampling.LANCZOS)
    left_px, free_y_px = _CELL_PX[0] - shown.width, _CELL_PX[1] - shown.height
    if left_px <= 8 and free_y_px <= 8:
        return ImageOps.fit(picture, _CELL_PX, Image.Resampling.LANCZOS)
    small = ImageOps.fit(picture, (_CELL_PX[0] // 10, _CELL_PX[1] // 10), Image.Resampling.BOX)
    blur = small.filter(ImageFilter.GaussianBlur(3)).resize(_CELL_PX, Image.Resampling.BICUBIC)
    cell = Image.blend(blur, Image.new("RGB", _CELL_PX, _BACKGROUND), 0.5)
    cell.paste(shown, (left_px // 2, free_y_px // 2))
    return cell


def _tile() -> Image.Image:
    width_px, height_px = (side * _SMOOTHING for side in _CELL_PX)
    tile = Image.new("RGB", (width_px, height_px), _TILE)
    draw = ImageDraw.Draw(tile)
    x, y, unit = width_px // 2, height_px // 2, 8 * _SMOOTHING
    frame = (x - 5 * unit, y - 3.5 * unit, x + 5 * unit, y + 3.5 * unit)
    draw.rounded_rectangle(frame, radius=unit, outline=_TILE_MARK, width=unit // 3)
    mark = ((x - unit, y - 1.5 * unit), (x - unit, y + 1.5 * unit), (x + 1.5 * unit, y))
    draw.polygon(mark, fill=_TILE_MARK)
    return tile.resize(_CELL_PX, Image.Resampling.LANCZOS)


def _badge(text: str) -> Image.Image:
    side_px = _BADGE_PX * _SMOOTHING
    badge = Image.new("RGBA", (side_px, side_px), (*_BADGE_RIM, 0))
    draw = ImageDraw.Draw(badge)
    box = (0, 0, side_px - 1, side_px - 1)
    draw.ellipse(box, fill=_BADGE, outline=_BADGE_RIM, width=2 * _SMOOTHING)
    font = ImageFont.load_default(side_px * 0.6)
    centre = (side_px / 2, side_px / 2)
    left, top, right, bottom = draw.textbbox(centre, text, font=font, anchor="lt")
    # The drawn pixels are centred, because digits centred by the font's middle stand a little high.
    place = (side_px - (right - left)) / 2, (side_px - (bottom - top)) / 2
    draw.text(place, text, font=font, fill=_TEXT, anchor="lt", stroke_width=1, stroke_fill=_TEXT)
    return badge.resize((_BADGE_PX, _BADGE_PX), Image.Resampling.LANCZOS)


def _rounded(size: tuple[int, int], radius_px: int) -> Image.Image:
    large = Image.new("L", (size[0] * _SMOOTHING, size[1] * _SMOOTHING))
    box, radius = (0, 0, large.width - 1, large.height - 1), radius_px * _SMOOTHING
    ImageDraw.Draw(large).rounded_rectangle(box, radius=radius, fill=255)
    return large.resize(size, Image.Resampling.LANCZOS)


def _encode_webp(sheet: Image.Image) -> bytes:
    packed = b""
    for quality in _QUALITIES:
        file = BytesIO()
        sheet.save(file, "WEBP", quality=quality)
        packed = file.getvalue()
        if len(packed) <= _MAX_BYTES:
            break
    return packed
