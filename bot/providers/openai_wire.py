"""Between our values and the wire of OpenAI's Videos API; pure functions, used by its dialects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from bot.errors import ModerationError, ProviderError, RenderFailedError
from bot.model import Size
from bot.providers import api_error
from bot.providers.base import Remote, RemoteState, RenderOrder

_STATES: Mapping[str, RemoteState] = {
    # 2026-08-21, OpenAI's published specification 2.3.0 knows these four.
    "queued": RemoteState.QUEUED,
    "in_progress": RemoteState.RUNNING,
    "completed": RemoteState.READY,
    "failed": RemoteState.FAILED,
    # 2026-11-20: dialects. CometAPI's task rows and relays …
    "not_start": RemoteState.QUEUED,
    "submitted": RemoteState.QUEUED,
    "processing": RemoteState.RUNNING,
    "success": RemoteState.READY,
    "succeeded": RemoteState.READY,
    "done": RemoteState.READY,
    "failure": RemoteState.FAILED,
    "error": RemoteState.FAILED,
    "expired": RemoteState.FAILED,
    # … SGLang (python/sglang/multimodal_gen, 2026) and Azure's sample loop.
    "cancelling": RemoteState.RUNNING,
    "cancelled": RemoteState.FAILED,
    "canceled": RemoteState.FAILED,
    "deleted": RemoteState.FAILED,
}
_ID_MAX_CHARS = 1024
_IMAGE_HEADS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "reference.png"),
    (b"\xff\xd8\xff", "image/jpeg", "reference.jpg"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the list."""

    videos: tuple[Remote, ...]
    #: Whether the API has more; None when it does not say.
    has_more: bool | None
    #: Where the next page begins; None on an empty page.
    last_id: str | None


def create_fields(order: RenderOrder) -> dict[str, str]:
    """Return the form of a create, without the picture.

    All that we care about is sent: `size` left out means portrait at OpenAI. `seconds` is a string
    enum there. The seed is not sent: OpenAI takes none.
    """
    return {
        "prompt": order.prompt,
        "model": order.model,
        "seconds": str(order.seconds),
        "size": str(order.size),
    }


def remix_body(order: RenderOrder) -> dict[str, object]:
    """Return the whole body of a remix: the API keeps model, length and size of the source.

    JSON, as OpenAI's Python client sends it (github openai/openai-python @e43b4224, 2026-08-21);
    the specification takes a form as well.
    """
    return {"prompt": order.prompt}


def extend_body(order: RenderOrder, source: str) -> dict[str, object]:
    """Return the whole body of an extension by `order.seconds`.

    JSON, because a form has no agreed spelling for the object under `video` (specification 2.3.0 of
    2026-08-21), and relays show JSON (github BerriAI/litellm @02ac6ac5, 2026).
    """
    return {"prompt": order.prompt, "seconds": str(order.seconds), "video": {"id": source}}


def image_kind(content: bytes) -> tuple[str, str]:
    """Return the content type and a file name for a PNG, JPEG or WebP; ValueError otherwise."""
    for head, content_type, file_name in _IMAGE_HEADS:
        if content.startswith(head):
            return content_type, file_name
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "reference.webp"
    raise ValueError(f"neither PNG, JPEG nor WebP: it begins with {content[:12]!r}")


def is_usable_id(remote_id: str) -> bool:
    """Whether an id can stand in a path, once percent-encoded, and mean itself there."""
    return (
        0 < len(remote_id) <= _ID_MAX_CHARS
        and remote_id.isprintable()
        and remote_id.strip(".") != ""
    )


def read_video(value: object, headers: Mapping[str, str] | None = None) -> Remote:
    """Read a video object; everything but `id` may be missing, as in OpenAI's own example.

    value    what JSON gave: an object, or a relay's envelope with the object under `data`.
    headers  of the answer, names in lower case, for `openai-poll-after-ms`.
    A status that is not known, or none, means RUNNING; `unknown_status` tells.
    Raises ValueError when there is no usable id.
    """
    fields = _object(value)
    remote_id = _id(fields)
    state = _STATES.get(_status(fields), RemoteState.RUNNING)
    size = _text(fields.get("size"))
    return Remote(
        id=remote_id,
        state=state,
        progress=_progress(fields.get("progress")),
        error=_job_error(fields) if state is RemoteState.FAILED else None,
        poll_after_s=poll_after_s(headers or {}),
        prompt=_text(fields.get("prompt")),
        model=_text(fields.get("model")),
        seconds=_seconds(fields.get("seconds")),
        size=None if size is None else _size(size),
        created_at=_instant(fields.get("created_at")),
        source=_source(fields),
    )


def unknown_status(value: object) -> str | None:
    """Return the status word of a video object if it is one that we do not know."""
    word = _status(_object(value))
    return None if word in _STATES else word[:40]


def read_page(value: object) -> Page:
    """Read a page of the list.

    Raises ValueError when it is no list, or an entry has no id: an order could hide behind it.
    """
    fields = _object(value)
    data: object = fields.get("data")
    if not isinstance(data, list):
        raise ValueError("a list without data")  # noqa: TRY004 - what is wrong is the answer
    videos = tuple(read_video(item) for item in cast("list[object]", data))
    has_more: object = fields.get("has_more")
    last_id = _text(fields.get("last_id")) or (videos[-1].id if videos else None)
    return Page(
        videos=videos,
        has_more=has_more if isinstance(has_more, bool) else None,
        last_id=last_id,
    )


def read_deleted(value: object) -> bool:
    """Whether the answer to a DELETE says that the copy is gone; an empty one does."""
    if not isinstance(value, dict):
        return True
    # 2026-11-20: OpenAI says `deleted: true`; SGLang gives the video with the status `deleted`.
    fields = cast("dict[str, Any]", value)
    return fields.get("deleted") is not False


def poll_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the pause before the next poll that the API asks for, 0 to 120 seconds.

    2026-08-21: OpenAI's Python client obeys this header (github openai/openai-python @e43b4224).
    """
    raw = headers.get("openai-poll-after-ms", "").strip()
    if not raw.isascii() or not raw.isdigit() or len(raw) > 12:
        return None
    return min(int(raw) / 1000, 120.0)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"no object but {type(value).__name__}")  # noqa: TRY004 - as above
    fields = cast("dict[str, Any]", value)
    inner: object = fields.get("data")
    if isinstance(inner, dict) and "status" not in fields:
        return cast("dict[str, Any]", inner)  # CometAPI: {code, message, data: {task_id, status}}
    return fields


def _id(fields: Mapping[str, Any]) -> str:
    for name in ("id", "task_id"):
        raw: object = fields.get(name)
        if isinstance(raw, str | int) and not isinstance(raw, bool) and is_usable_id(str(raw)):
            return str(raw)
    raise ValueError("no usable id")


def _source(fields: Mapping[str, Any]) -> str | None:
    # 2026-11-20: some relays put the address of the finished clip there, which is no id.
    raw = _text(fields.get("remixed_from_video_id"))
    return raw if raw is not None and is_usable_id(raw) and "://" not in raw else None


def _status(fields: Mapping[str, Any]) -> str:
    return (_text(fields.get("status")) or "").strip().lower()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _progress(value: object) -> int | None:
    raw = value.strip().removesuffix("%") if isinstance(value, str) else value
    number = _number(raw)
    if number is None:
        return None
    if isinstance(value, float) and 0 < number < 1:
        number *= 100  # 2026-11-20: Runway's habit, passed on by proxies
    return min(max(int(number), 0), 100)


def _seconds(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 < number <= 86_400 else None


def _size(text: str) -> Size | None:
    try:
        return Size.parse(text)
    except ValueError:
        return None


def _instant(value: object) -> datetime | None:
    number = _number(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _job_error(fields: Mapping[str, Any]) -> ProviderError:
    said = api_error.read_value(fields.get("error"))
    if not str(said):
        said = api_error.read_value({"message": fields.get("fail_reason")})
    if said.is_moderation:
        return ModerationError(str(said))
    return RenderFailedError(str(said) or "the API gives no reason")
