"""Checks the reference images that members upload and brings them into one form."""

import asyncio
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from bot.errors import BadOptionError
from bot.media.atomic_file import atomic_write
from bot.model import Size

#: Larger files are refused before download.
MAX_BYTES = 10 * 1024 * 1024
#: Larger images are refused before decoding: a decompression bomb is small only on disk.
MAX_PIXELS = 40_000_000
#: Errors of Pillow for a file that is no readable picture; a broken PNG raises SyntaxError.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
#: With JPEG come the JPEGs of phones that hold a second picture behind the first (MPO).
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
_CONTENT_TYPES = frozenset(
    f"image/{kind}" for kind in ("png", "apng", "jpeg", "jpg", "mpo", "webp", "avif")
) | {"application/octet-stream"}
_HEIC_TYPES = ("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence")
#: Brands of ISO 23008-12 in the head of a HEIC file; AVIF has others.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ALLOWED = "It can be a PNG, JPEG, WebP or AVIF of up to 10 MB and 40 megapixels."
_HEIC = "I can't read HEIC pictures."
_HEIC_REMEDY = "Send it as a JPEG; most phones can save a copy as one."
#: Width and height that a kept image is scaled down to; no model makes larger clips.
_KEPT_PX = 4096
_JPEG_QUALITY = 95
#: The colour behind the transparent parts of an image.
_BEHIND = (255, 255, 255)


def check_upload_metadata(content_type: str | None, size_bytes: int) -> None:
    """Raise BadOptionError unless the stated type and size of an uploaded image are allowed."""
    if size_bytes > MAX_BYTES:
        raise BadOptionError("image", f"{size_bytes / 1_000_000:.1f} MB is too large.", _ALLOWED)
    kind = (content_type or "").split(";")[0].strip().lower()
    if kind in _HEIC_TYPES:
        raise BadOptionError("image", _HEIC, _HEIC_REMEDY)
    if kind and kind not in _CONTENT_TYPES:
        raise BadOptionError("image", "this is not a picture I can use.", _ALLOWED)


async def check_picture(path: Path) -> Path:
    """Replace an uploaded image by a plain copy, a PNG or a JPEG, and return the copy's path.

    The copy is upright, in RGB of sRGB, without metadata, of 4096 px width and height at most; an
    animation becomes its first picture, and transparent parts become white. Runs in a thread.
    Raises BadOptionError for a file that is no PNG, JPEG, WebP or AVIF, or has too many pixels,
    StorageError when the disk refuses.
    """
    return await asyncio.to_thread(_check, path)


async def fit_picture(path: Path, target: Path, size: Size) -> None:
    """Write an image to `target` as a PNG of exactly `size`, scaled to cover it and cut.

    Runs in a thread. Raises BadOptionError when the image can't be read, StorageError when the
    disk refuses.
    """
    await asyncio.to_thread(_fit, path, target, size)


def _check(path: Path) -> Path:
    with _opened(path) as picture:
        kind = "PNG" if picture.format == "PNG" else "JPEG"
        picture.draft(None, (_KEPT_PX, _KEPT_PX))
        plain = _plain(picture)
    plain.thumbnail((_KEPT_PX, _KEPT_PX), Image.Resampling.LANCZOS)
    target = path.with_suffix(".png" if kind == "PNG" else ".jpg")
    with atomic_write(target) as part:
        # No chroma subsampling, so that letters and thin lines stay sharp.
        options = {} if kind == "PNG" else {"quality": _JPEG_QUALITY, "subsampling": 0}
        plain.save(part, kind, **options)
    path.unlink()
    return target


def _fit(path: Path, target: Path, size: Size) -> None:
    with _opened(path) as picture:
        plain = _plain(picture)
    fitted = ImageOps.fit(plain, (size.width_px, size.height_px), Image.Resampling.LANCZOS)
    with atomic_write(target) as part:
        fitted.save(part, "PNG")


@contextmanager
def _opened(path: Path) -> Generator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise BadOptionError("image", "it has too many pixels.", _ALLOWED)
                yield picture
    except UNREADABLE as error:
        if _is_heic(path):
            raise BadOptionError("image", _HEIC, _HEIC_REMEDY) from error
        problem = "this file does not decode as a picture."
        raise BadOptionError("image", problem, _ALLOWED) from error


def _is_heic(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[4:8] == b"ftyp" and head[8:] in _HEIC_BRANDS


def _plain(picture: Image.Image) -> Image.Image:
    """Return the first picture of a file, upright, in RGB of sRGB and without metadata."""
    profile = picture.info.get("icc_profile")
    shown = ImageOps.exif_transpose(picture)
    if shown.mode.startswith("I"):
        # Pillow would cut shades of 16 bits off at 255 instead of dividing them.
        shown = shown.convert("I").point(lambda shade: shade * (1 / 256)).convert("L")
    elif isinstance(profile, bytes):
        shown = _in_srgb(shown, profile)
    if shown.has_transparency_data:
        shown = shown.convert("RGBA")
        behind = Image.new("RGBA", shown.size, _BEHIND)
        shown = Image.alpha_composite(behind, shown)
    plain = shown.convert("RGB")
    plain.info.clear()
    return plain


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture in sRGB; unchanged when its profile is broken or of another colour mode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Pillow leaves it open
        target = ImageCms.ImageCmsProfile(srgb)  # pyright: ignore[reportUnknownArgumentType] - as above
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(picture, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted or picture
