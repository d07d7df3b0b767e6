"""Frame sizes as most video APIs name them: by aspect ratio and resolution."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.errors import ProviderRejectedError
from bot.model import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeFormat:
    """The words for a size in a request."""

    #: Such as `16:9`.
    aspect_ratio: str
    #: Such as `720p`.
    resolution: str


#: Width and height in pixels, by resolution and aspect ratio; landscape 720p, the usual default,
#: comes first.
_SIDES_PX: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "720p": {
        "16:9": (1280, 720),
        "9:16": (720, 1280),
        "1:1": (720, 720),
        "4:3": (960, 720),
        "3:4": (720, 960),
        "3:2": (1080, 720),
        "2:3": (720, 1080),
    },
    "480p": {
        "16:9": (854, 480),
        "9:16": (480, 854),
        "1:1": (480, 480),
        "4:3": (640, 480),
        "3:4": (480, 640),
        "3:2": (720, 480),
        "2:3": (480, 720),
    },
    "360p": {"16:9": (640, 360), "9:16": (360, 640)},
    "1080p": {
        "16:9": (1920, 1080),
        "9:16": (1080, 1920),
        "1:1": (1080, 1080),
        "4:3": (1440, 1080),
        "3:4": (1080, 1440),
        "3:2": (1620, 1080),
        "2:3": (1080, 1620),
    },
}
_FORMATS: Mapping[Size, SizeFormat] = {
    Size(width_px=width_px, height_px=height_px): SizeFormat(
        aspect_ratio=aspect_ratio, resolution=resolution
    )
    for resolution, sides_px in _SIDES_PX.items()
    for aspect_ratio, (width_px, height_px) in sides_px.items()
}


def sizes_of(*resolutions: str, ratios: Collection[str] | None = None) -> tuple[Size, ...]:
    """Return the sizes of these resolutions, 720p first; `ratios` None: of every aspect ratio."""
    return tuple(
        size
        for size, words in _FORMATS.items()
        if words.resolution in resolutions and (ratios is None or words.aspect_ratio in ratios)
    )


def format_of(size: Size, allowed: Collection[Size]) -> SizeFormat:
    """Return the words for a size. Raises ProviderRejectedError for one that is not `allowed`."""
    if size not in allowed:
        raise ProviderRejectedError(f"no size {size} here")
    return _FORMATS[size]


#: Landscape and portrait, by resolution.
SIZES_720P = sizes_of("720p", ratios=("16:9", "9:16"))
SIZES_480P = sizes_of("480p", ratios=("16:9", "9:16"))
SIZES_360P = sizes_of("360p")
SIZES_1080P = sizes_of("1080p", ratios=("16:9", "9:16"))
#: What models commonly take: these three resolutions, and squares of the larger two.
COMMON_SIZES = (*sizes_of("720p", "1080p", ratios=("16:9", "9:16", "1:1")), *SIZES_480P)
