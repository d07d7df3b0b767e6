"""Frame sizes as most video APIs name them: by aspect ratio and resolution."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from bot.errors import ProviderRejectedError
from bot.model import Size


class SizeFormat(NamedTuple):
    """The words for a size in a request, such as `16:9` and `720p`."""

    aspect_ratio: str
    resolution: str


_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
#: Sizes by resolution, in the order of `_RATIOS`; landscape 720p, the usual default, comes first.
_SIZES: Mapping[str, str] = {
    "720p": "1280x720 720x1280 720x720 960x720 720x960 1080x720 720x1080",
    "480p": "854x480 480x854 480x480 640x480 480x640 720x480 480x720",
    "360p": "640x360 360x640",
    "1080p": "1920x1080 1080x1920 1080x1080 1440x1080 1080x1440 1620x1080 1080x1620",
}
_FORMATS: Mapping[Size, SizeFormat] = {
    Size.parse(size): SizeFormat(ratio, resolution)
    for resolution, sizes in _SIZES.items()
    for ratio, size in zip(_RATIOS, sizes.split(), strict=False)
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
#: These and the square: what most models take.
COMMON_720P = sizes_of("720p", ratios=("16:9", "9:16", "1:1"))
COMMON_1080P = sizes_of("1080p", ratios=("16:9", "9:16", "1:1"))
COMMON_SIZES = (*COMMON_720P, *COMMON_1080P, *SIZES_480P)
