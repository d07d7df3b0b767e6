"""Bodies of requests and answers: uploads, multipart forms, JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.providers.http import error_body

# Parsing a larger body would delay the event loop noticeably.
_PARSE_IN_THREAD_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that is sent with a create."""

    #: The name of the form field.
    name: str
    file_name: str
    content_type: str
    content: bytes = field(repr=False)


#: One part of a multipart form: its name, then file name, content and content type.
Part: TypeAlias = tuple[str, tuple[str | None, str | bytes, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonResponse:
    """A 2xx answer: its JSON (None for an empty body) and headers in lower case."""

    body: object = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def multipart_parts(fields: Mapping[str, str], upload: Upload | None = None) -> list[Part]:
    """Return the parts of a multipart form, text fields first."""
    parts: list[Part] = [(name, (None, value, None)) for name, value in fields.items()]
    if upload is not None:
        parts.append((upload.name, (upload.file_name, upload.content, upload.content_type)))
    return parts


async def parse_json(body: bytes) -> object:
    """Parse JSON without holding up the event loop. Raises ValueError."""
    try:
        if len(body) > _PARSE_IN_THREAD_BYTES:
            return await asyncio.to_thread(json.loads, body)
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


async def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> JsonResponse:
    """Parse a 2xx answer. Raises ValueError, with a summary of the body, when it is not JSON."""
    lowered = {name.lower(): value for name, value in headers.items()}
    if not body.strip():
        return JsonResponse(body=None, headers=lowered)
    try:
        value = await parse_json(body)
    except ValueError:
        said = error_body.parse_body(body, lowered.get("content-type", ""))
        raise ValueError(f"{status}, but no JSON: {said}") from None
    return JsonResponse(body=value, headers=lowered)
