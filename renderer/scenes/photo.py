"""Shows a reference picture in place of a drawn scene.

The picture fills the frame. If its aspect ratio differs too much from the frame's, the whole
picture is shown in front of a blurred copy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from renderer.stage.layer import Layer, Part
from renderer.stage.pixels import mask
from renderer.stage.stage import Stage

#: Pictures with more pixels are refused before they are decoded: 40 million pixels take 120 MB.
PICTURE_MAX_PX = 40_000_000
#: The picture is cropped to the frame when their aspect ratios differ by at most this factor.
_CROP_MAX = 1.45


def build(path: Path, stage: Stage) -> list[Part]:
    """Return the parts that draw the picture at `path`.

    Raises OSError (also Pillow's UnidentifiedImageError, a kind of OSError) unless the file is a
    readable PNG, JPEG or WebP of at most `PICTURE_MAX_PX` pixels.
    """
    with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as opened:
        if opened.width * opened.height > PICTURE_MAX_PX:
            raise OSError(f"picture of {opened.width}x{opened.height} is too large")
        opened.draft("RGB", (2 * stage.width_px, 2 * stage.height_px))
        upright = ImageOps.exif_transpose(opened)
        flat = Image.new("RGB", upright.size, (18, 18, 24))
        rgba = upright.convert("RGBA")
        flat.paste(rgba.convert("RGB"), (0, 0), rgba.getchannel("A"))
    canvas = stage.canvas_px
    cover = ImageOps.fit(flat, canvas, Image.Resampling.LANCZOS)
    frame_shape, shape = stage.width_px / stage.height_px, flat.width / flat.height
    if max(frame_shape / shape, shape / frame_shape) <= _CROP_MAX:
        return [Layer(stage=stage, colour=cover, depth=0.7)]
    soft = cover.filter(ImageFilter.GaussianBlur(26 * stage.unit))
    parts: list[Part] = [
        Layer(stage=stage, colour=ImageEnhance.Brightness(soft).enhance(0.62), depth=0.25)
    ]
    limit = (round(stage.width_px * 0.86), round(stage.height_px * 0.74))
    whole = ImageOps.contain(flat, limit, Image.Resampling.LANCZOS)
    left, top = (canvas[0] - whole.width) // 2, stage.row(0.46) - whole.height // 2
    shadow = Image.new("L", canvas, 0)
    shadow.paste(
        150, (left, top + stage.px(8), left + whole.width, top + whole.height + stage.px(8))
    )
    shadow = shadow.filter(ImageFilter.GaussianBlur(18 * stage.unit))
    parts.append(Layer(stage=stage, colour=(0, 0, 0), mask=shadow, depth=0.7))
    sheet = Image.new("RGB", canvas)
    sheet.paste(whole, (left, top))
    where = np.zeros((canvas[1], canvas[0]), dtype=np.float32)
    where[top : top + whole.height, left : left + whole.width] = 1.0
    parts.append(Layer(stage=stage, colour=sheet, mask=mask(where), depth=0.7))
    return parts
