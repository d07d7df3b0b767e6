"""Reads a member's reference image for an API: as the file of a form, or as text in JSON."""

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import ProviderRejectedError

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "reference.png"),
    (b"\xff\xd8\xff", "image/jpeg", "reference.jpg"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that is sent with a paid request."""

    #: The name of the form field.
    name: str
    file_name: str
    content_type: str
    content: bytes = field(repr=False)


def image_type(content: bytes) -> tuple[str, str]:
    """Return the content type and a file name of an image. Raises ValueError for another file."""
    for head, content_type, file_name in _SIGNATURES:
        if content.startswith(head):
            return content_type, file_name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "reference.webp"
    raise ValueError(f"neither PNG, JPEG nor WebP: it begins with {content[:12]!r}")


async def load_image(image: Path, field_name: str) -> Upload:
    """Read an image for a form field. Raises ProviderRejectedError if the image can't be sent."""
    try:
        content = await asyncio.to_thread(image.read_bytes)
        content_type, file_name = image_type(content)
    except (OSError, ValueError) as error:
        raise ProviderRejectedError(f"the reference image cannot be sent: {error}") from error
    return Upload(name=field_name, file_name=file_name, content_type=content_type, content=content)


async def data_url(image: Path) -> str:
    """Return an image as a `data:` address. Raises ProviderRejectedError like `load_image`."""
    upload = await load_image(image, "")
    encoded = await asyncio.to_thread(base64.b64encode, upload.content)
    return f"data:{upload.content_type};base64,{encoded.decode()}"
