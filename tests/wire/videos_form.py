"""Parses paid calls, as strictly as OpenAI's specification allows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_FIELDS = {"prompt", "model", "seconds", "size", "input_reference"}
_IMAGES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}


class BadFormError(Exception):
    """Raised when a paid call breaks OpenAI's specification; the message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields of a create: each text field's text, and a file's content type."""

    texts: dict[str, str]
    image: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """A request for a remix, an edit or an extension of a render."""

    #: The route of the request: "remix", "edit" or "extend".
    route: str
    #: The id of the render from which the new one starts.
    source: str
    #: The JSON as it came.
    body: dict[str, Any]


async def read_remix(request: web.Request) -> Continuation:
    """Parse a remix. Raises BadFormError unless its JSON has a prompt and nothing else."""
    body = await _read_object(request, {"prompt"})
    return Continuation(route="remix", source=request.match_info["id"], body=body)


async def read_extension(request: web.Request, *, seconds: tuple[str, ...]) -> Continuation:
    """Parse an extension.

    Raises BadFormError unless its JSON has exactly a prompt, an allowed length and a video id.
    """
    body = await _read_object(request, {"prompt", "seconds", "video"})
    if body["seconds"] not in seconds:
        raise BadFormError(f"seconds {body['seconds']!r}")
    return Continuation(route="extend", source=_source(body["video"]), body=body)


async def read_edit(request: web.Request) -> Continuation:
    """Parse an edit. Raises BadFormError unless its JSON has exactly a prompt and a video id."""
    body = await _read_object(request, {"prompt", "video"})
    return Continuation(route="edit", source=_source(body["video"]), body=body)


def _source(video: object) -> str:
    if not isinstance(video, dict) or list(video) != ["id"] or not isinstance(video["id"], str):
        raise BadFormError(f"video {video!r}")
    return video["id"]


async def _read_object(request: web.Request, names: set[str]) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise BadFormError(f"{request.content_type}, not application/json")
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise BadFormError(f"no JSON: {error}") from error
    if not isinstance(body, dict) or set(body) != names:
        raise BadFormError(f"{body!r}, not an object of {sorted(names)}")
    if not isinstance(body["prompt"], str) or not 1 <= len(body["prompt"]) <= 32_000:
        raise BadFormError("prompt no text, empty or too long")
    return body


async def read_form(
    request: web.Request,
    *,
    seconds: tuple[str, ...],
    sizes: tuple[str, ...],
    takes_seed: bool = False,
) -> Form:
    """Parse the form of a create.

    Raises BadFormError if a field is unknown, occurs twice, or has a value that is not allowed.
    """
    known = _FIELDS | {"seed"} if takes_seed else _FIELDS
    if request.content_type != "multipart/form-data":
        raise BadFormError(f"{request.content_type}, not multipart/form-data")
    texts: dict[str, str] = {}
    image: bytes | None = None
    for name, part in (await request.post()).items():
        if name in texts or name not in known:
            raise BadFormError(f"field {name!r} unknown or there twice")
        is_file = isinstance(part, web.FileField)
        if is_file != (name == "input_reference"):
            raise BadFormError(f"field {name!r} as {'a file' if is_file else 'text'}")
        if isinstance(part, web.FileField):
            image = _read_image(part)
            texts[name] = part.content_type
        else:
            texts[name] = str(part)
    _check(texts, seconds, sizes)
    return Form(texts=texts, image=image)


def _read_image(part: web.FileField) -> bytes:
    image = part.file.read()
    if not image.startswith(_IMAGES.get(part.content_type, b"no such type")):
        raise BadFormError(f"a picture that is no {part.content_type}")
    return image


def _check(texts: dict[str, str], seconds: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    if not 1 <= len(texts.get("prompt", "")) <= 32_000:
        raise BadFormError("prompt missing or too long")
    if texts.get("seconds", seconds[0]) not in seconds:
        raise BadFormError(f"seconds {texts['seconds']!r}")
    if texts.get("size", sizes[0]) not in sizes:
        raise BadFormError(f"size {texts['size']!r}")
