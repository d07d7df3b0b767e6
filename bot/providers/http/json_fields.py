"""Readers for JSON answers, in which any value may be missing or of another type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

from bot.errors import RemoteNotFoundError

_ID_MAX_CHARS = 1024


def object_of(value: object) -> dict[str, Any]:
    """Return a JSON object as it is. Raises ValueError, naming the other type, for anything else."""
    if not isinstance(value, dict):
        raise ValueError(f"no object but {type(value).__name__}")  # noqa: TRY004 - the answer is wrong
    return cast("dict[str, Any]", value)


def object_or_empty(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, and an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def list_or_empty(value: object) -> list[object]:
    """Return a JSON list as it is, and an empty one for anything else."""
    return cast("list[object]", value) if isinstance(value, list) else []


def first_of(value: object) -> object:
    """Return the first entry of a JSON list, None for an empty list, anything else as it is."""
    if not isinstance(value, list):
        return value
    items = cast("list[object]", value)
    return items[0] if items else None


def text_or_none(value: object) -> str | None:
    """Return text as it is, also when it is empty; None for anything else."""
    return value if isinstance(value, str) else None


def url_or_none(value: object) -> str | None:
    """Return text that begins with http:// or https://; None for anything else."""
    return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None


def number_or_none(value: object) -> float | None:
    """Return a JSON number, which Python also lets be NaN or infinite; None for anything else."""
    # A bool is an int to Python.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def int_or_none(value: object, *, at_least: int | None = None) -> int | None:
    """Return a JSON number without a fraction; None for anything else.

    at_least  a smaller one is None too; None: it may be negative.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if at_least is None or value >= at_least else None


def datetime_or_none(value: object) -> datetime | None:
    """Return a date and time in ISO 8601 as an aware datetime; None for anything else.

    Without a time zone it counts as UTC.
    """
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def is_usable_id(remote_id: str) -> bool:
    """Whether a percent-encoded id is safe as one segment of a path."""
    return (
        0 < len(remote_id) <= _ID_MAX_CHARS
        and remote_id.isprintable()
        and remote_id.strip(".") != ""
    )


def id_of(
    fields: Mapping[str, Any], name: str = "id", pattern: re.Pattern[str] | None = None
) -> str:
    """Return the id under `name`.

    pattern  must match the whole id; None: any id that `is_usable_id` allows.
    Raises ValueError when there is no usable id.
    """
    found = text_or_none(fields.get(name))
    if found is None or not is_usable_id(found) or (pattern and not pattern.fullmatch(found)):
        raise ValueError(f"no usable {name}")
    return found


def id_path(prefix: str, remote_id: str, pattern: re.Pattern[str] | None = None) -> str:
    """Return `<prefix>/<remote_id>`, the id percent-encoded.

    pattern  as for `id_of`. Raises RemoteNotFoundError for an id that the API can't have given.
    """
    if not is_usable_id(remote_id) or (pattern and not pattern.fullmatch(remote_id)):
        raise unknown_id_error(remote_id)
    return f"{prefix}/{quote(remote_id, safe='')}"


def unknown_id_error(remote_id: str) -> RemoteNotFoundError:
    """Return the error for an id that the API can't have given."""
    return RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
