"""Checks of the reference images that members upload."""

import asyncio
import warnings
from pathlib import Path

from PIL import Image

from bot.errors import BadOptionError

#: Larger files are refused before download.
MAX_BYTES = 10 * 1024 * 1024
#: Larger images are refused before decoding: a decompression bomb is small only on disk.
MAX_PIXELS = 40_000_000
#: Errors of Pillow for a file that is no readable picture; a broken PNG raises SyntaxError.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
_FORMATS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
_ALLOWED = "It can be a PNG, JPEG or WebP of up to 10 MB and 40 megapixels."


def check_upload_metadata(content_type: str | None, size_bytes: int) -> None:
    """Raise BadOptionError unless the stated type and size of an uploaded image are allowed."""
    if size_bytes > MAX_BYTES:
        raise BadOptionError("image", f"{size_bytes / 1_000_000:.1f} MB is too large.", _ALLOWED)
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind and kind not in ("image/png", "image/jpeg", "image/webp", "application/octet-stream"):
        raise BadOptionError("image", "this is not a picture I can use.", _ALLOWED)


async def check_picture(path: Path) -> Path:
    """Decode an image in a thread, rename it with the suffix of its true format, return the path.

    Raises BadOptionError for a file that is no PNG, JPEG or WebP, or has too many pixels.
    """
    return await asyncio.to_thread(_check, path)


def _check(path: Path) -> Path:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=tuple(_FORMATS)) as picture:
                width_px, height_px = picture.size
                if width_px * height_px > MAX_PIXELS:
                    raise BadOptionError("image", "it has too many pixels.", _ALLOWED)
                kind = picture.format or ""
                picture.load()
    except UNREADABLE as error:
        problem = "this file does not decode as a picture."
        raise BadOptionError("image", problem, _ALLOWED) from error
    return path.replace(path.with_suffix(_FORMATS[kind]))
