"""Builds requests and reads answers of OpenAI's Videos API and its dialects; pure functions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from bot.errors import ProviderError
from bot.model import Size
from bot.providers.base import ProviderRequest, RenderState, RenderStatus
from bot.providers.http import error_body
from bot.providers.http.error_mapping import render_error
from bot.providers.http.json_fields import is_usable_id, object_of, text_or_none, url_or_none

#: The meaning of each status word, in lower case.
STATES: Mapping[str, RenderState] = {
    # OpenAI's published specification 2.3.0 of 2026-08-21 has these four.
    "queued": RenderState.QUEUED,
    "in_progress": RenderState.RUNNING,
    "completed": RenderState.READY,
    "failed": RenderState.FAILED,
    # 2026-11-20: dialects. These are of CometAPI's task rows, of relays, and of xAI's shape behind both.
    "not_start": RenderState.QUEUED,
    "pending": RenderState.QUEUED,
    "submitted": RenderState.QUEUED,
    "processing": RenderState.RUNNING,
    "success": RenderState.READY,
    "succeeded": RenderState.READY,
    "done": RenderState.READY,
    "failure": RenderState.FAILED,
    "error": RenderState.FAILED,
    "expired": RenderState.FAILED,
    # These are of SGLang (python/sglang/multimodal_gen, 2026) and Azure's sample loop.
    "cancelling": RenderState.RUNNING,
    "cancelled": RenderState.FAILED,
    "canceled": RenderState.FAILED,
    "deleted": RenderState.FAILED,
}
_NO_FIELDS: frozenset[str] = frozenset()
# Where dialects put the address of a finished clip (2026-11-20). OpenAI's own object has none.
# CometAPI and relays use the first three, xAI's shape `video`, tutorials `output`, SGLang `url`. Old
# task rows of relays use `fail_reason`.
_CLIP_URL_PATHS: Sequence[tuple[str, ...]] = (
    ("video_url",),
    ("url",),
    ("metadata", "url"),
    ("video", "url"),
    ("output", "url"),
    ("data", "video_url"),
    ("data", "url"),
    ("data", "video", "url"),
    ("fail_reason",),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPage:
    """One page of the list."""

    videos: tuple[RenderStatus, ...]
    #: Whether there are more pages; None when the API does not say.
    has_more: bool | None
    #: Cursor of the next page; None on an empty page.
    last_id: str | None


def create_fields(request: ProviderRequest, *, seed: bool = False) -> dict[str, str]:
    """Return the form of a create, without the image; the seed only where servers take one.

    `size` is always sent, since OpenAI defaults to portrait. `seconds` is a string enum there.
    """
    fields = {
        "prompt": request.prompt,
        "model": request.model,
        "seconds": str(request.seconds),
        "size": str(request.size),
    }
    return {**fields, "seed": str(request.seed)} if seed else fields


def create_body(request: ProviderRequest, *, seed: bool = False) -> dict[str, object]:
    """Return the same as JSON, with `seconds` as a number."""
    body: dict[str, object] = {**create_fields(request), "seconds": request.seconds}
    return {**body, "seed": request.seed} if seed else body


def remix_body(request: ProviderRequest) -> dict[str, object]:
    """Return the whole body of a remix: the API keeps model, length and size of the source.

    JSON, as OpenAI's Python client sends it (github openai/openai-python @e43b4224, 2026-08-21);
    the specification takes a form as well.
    """
    return {"prompt": request.prompt}


def edit_body(request: ProviderRequest, source_remote_id: str) -> dict[str, object]:
    """Return the whole body of an edit, which is a remix at another path; JSON as in `extend_body`."""
    return {"prompt": request.prompt, "video": {"id": source_remote_id}}


def extend_body(request: ProviderRequest, source_remote_id: str) -> dict[str, object]:
    """Return the whole body of an extension by `request.seconds`.

    JSON: there is no agreed way to write the object under `video` in a form (specification 2.3.0 of
    2026-08-21), and relays show JSON (github BerriAI/litellm @02ac6ac5, 2026).
    """
    return {
        "prompt": request.prompt,
        "seconds": str(request.seconds),
        "video": {"id": source_remote_id},
    }


def read_video(
    value: object,
    headers: Mapping[str, str] | None = None,
    *,
    requested_id: str | None = None,
    ignored_fields: frozenset[str] = _NO_FIELDS,
) -> RenderStatus:
    """Read a video object; everything but `id` may be missing, as in OpenAI's own example.

    value           parsed JSON: an object, or a relay's envelope with the object under `data`.
    headers         of the answer, names in lower case, for `openai-poll-after-ms`.
    requested_id    the polled id; an answer with a status need not repeat it.
    ignored_fields  fields to leave out, as `Dialect.ignored_fields`.
    An unknown or missing status means RUNNING.
    Raises ValueError when there is no usable id.
    """
    fields = _unwrapped(value)
    remote_id = _video_id(fields, requested_id)
    fields = {name: told for name, told in fields.items() if name not in ignored_fields}
    state = STATES.get(_status(fields), RenderState.RUNNING)
    size = text_or_none(fields.get("size"))
    return RenderStatus(
        id=remote_id,
        state=state,
        progress=_progress(fields.get("progress")),
        error=_render_error(fields) if state is RenderState.FAILED else None,
        poll_after_s=poll_after_s(headers or {}),
        prompt=text_or_none(fields.get("prompt")),
        model=text_or_none(fields.get("model")),
        seconds=_seconds(fields.get("seconds")),
        size=None if size is None else _size(size),
        created_at=_datetime(fields.get("created_at")),
        source_remote_id=_source_remote_id(fields),
    )


def status_word(value: object) -> str:
    """Return the status word of a video object in lower case; empty where it has none."""
    return _status(_unwrapped(value))


def clip_url(value: object) -> str | None:
    """Return the clip's address in a finished video object; None if it has none."""
    fields = _unwrapped(value)
    if STATES.get(_status(fields)) is not RenderState.READY:
        return None
    named = (url_or_none(_value_at(fields, names)) for names in _CLIP_URL_PATHS)
    return next((each for each in named if each is not None), None)


def read_retirements(value: object) -> Mapping[str, date]:
    """Return the retirement days in the list of models, by the model's name.

    Models without a day are left out. Raises ValueError unless `value` is a list of models.
    """
    listed: object = _unwrapped(value).get("data")
    if not isinstance(listed, list):
        raise ValueError("a list without data")  # noqa: TRY004 - what is wrong is the answer
    found: dict[str, date] = {}
    for item in cast("list[object]", listed):
        day = text_or_none(_value_at(item, ("shutdown_date",)))
        name = text_or_none(_value_at(item, ("id",)))
        if day is not None and name is not None:
            found[name] = date.fromisoformat(day)
    return found


def read_page(value: object, *, ignored_fields: frozenset[str] = _NO_FIELDS) -> VideoPage:
    """Read a page of the list; `ignored_fields` as for `read_video`.

    Raises ValueError when it is no list, or when an entry has no id: that entry could be any render.
    """
    fields = _unwrapped(value)
    data: object = fields.get("data")
    if not isinstance(data, list):
        raise ValueError("a list without data")  # noqa: TRY004 - what is wrong is the answer
    videos = tuple(
        read_video(item, ignored_fields=ignored_fields) for item in cast("list[object]", data)
    )
    has_more: object = fields.get("has_more")
    last_id = text_or_none(fields.get("last_id")) or (videos[-1].id if videos else None)
    return VideoPage(
        videos=videos,
        has_more=has_more if isinstance(has_more, bool) else None,
        last_id=last_id,
    )


def read_deleted(value: object) -> bool:
    """Whether the answer to a DELETE says that the render is gone; an empty answer counts as yes."""
    if not isinstance(value, dict):
        return True
    # 2026-11-20: OpenAI says `deleted: true`; SGLang gives the video with the status `deleted`.
    return cast("dict[str, Any]", value).get("deleted") is not False


def is_stopped(value: object) -> bool:
    """Whether the answer to a cancel says that the render stops; an empty answer counts as yes."""
    if not isinstance(value, dict):
        return True
    word = status_word(cast("dict[str, Any]", value))
    return word in ("cancelling", "cancelled", "canceled", "deleted")


def poll_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the pause before the next poll that the API asks for, 0 to 120 s; None: it asks for none.

    2026-08-21: OpenAI's Python client obeys this header (github openai/openai-python @e43b4224).
    """
    raw = headers.get("openai-poll-after-ms", "").strip()
    if not raw.isascii() or not raw.isdigit() or len(raw) > 12:
        return None
    return min(int(raw) / 1000, 120.0)


def _unwrapped(value: object) -> dict[str, Any]:
    fields = object_of(value)
    inner: object = fields.get("data")
    if isinstance(inner, dict) and "status" not in fields:
        return cast("dict[str, Any]", inner)  # CometAPI: {code, message, data: {task_id, status}}
    return fields


def _value_at(value: object, names: tuple[str, ...]) -> object:
    """Return the value under nested `names`; None where one is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = cast("dict[str, object]", value).get(name)
    return value


def _video_id(fields: Mapping[str, Any], requested_id: str | None) -> str:
    for name in ("id", "task_id"):
        raw: object = fields.get(name)
        if isinstance(raw, str | int) and not isinstance(raw, bool) and is_usable_id(str(raw)):
            return str(raw)
    if requested_id is not None and _status(fields):
        return requested_id
    raise ValueError("no usable id")


def _source_remote_id(fields: Mapping[str, Any]) -> str | None:
    # 2026-11-20: some relays put the address of the finished clip there instead of an id.
    raw = text_or_none(fields.get("remixed_from_video_id"))
    return raw if raw is not None and is_usable_id(raw) and "://" not in raw else None


def _status(fields: Mapping[str, Any]) -> str:
    if "request_id" in fields and not fields.keys() & {"status", "error"}:
        return "pending"  # 2026-11-20: xAI's first answer has nothing else
    return (text_or_none(fields.get("status")) or "").strip().lower()


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
        number *= 100  # 2026-11-20: Runway reports 0 to 1, and proxies pass that on
    return min(max(int(number), 0), 100)


def _seconds(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 < number <= 86_400 else None


def _size(text: str) -> Size | None:
    try:
        return Size.parse(text)
    except ValueError:
        return None


def _datetime(value: object) -> datetime | None:
    number = _number(value)
    if number is None or number <= 0:
        return None
    try:
        return datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _render_error(fields: Mapping[str, Any]) -> ProviderError:
    said = error_body.parse_value(fields.get("error"))
    if not str(said):
        said = error_body.parse_value({"message": fields.get("fail_reason")})
    return render_error(said, "the API gives no reason")
