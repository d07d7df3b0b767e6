"""Readers for JSON answers, in which any value may be missing or have another type."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

from bot.errors import RemoteNotFoundError

_ID_MAX_CHARS = 1024


def object_of(value: object) -> dict[str, Any]:
    """Return a JSON object unchanged. Raises ValueError, naming the type, for any other value."""
    if not isinstance(value, dict):
        raise ValueError(f"no object but {type(value).__name__}")  # noqa: TRY004 - the answer is wrong
    return cast("dict[str, Any]", value)


def object_or_empty(value: object) -> dict[str, Any]:
    """Return a JSON object unchanged, and an empty object for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def list_or_empty(value: object) -> list[object]:
    """Return a JSON list unchanged, and an empty list for any other value."""
    return cast("list[object]", value) if isinstance(value, list) else []


def first_of(value: object) -> object:
    """Return the first entry of a JSON list, None for an empty list, any other value unchanged."""
    return next(iter(cast("list[object]", value)), None) if isinstance(value, list) else value


def text_or_none(value: object) -> str | None:
    """Return text, also empty text, unchanged; None for any other value."""
    return value if isinstance(value, str) else None


def url_or_none(value: object) -> str | None:
    """Return text that begins with http:// or https://; None for any other value."""
    return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None


def number_or_none(value: object) -> float | None:
    """Return a JSON number, which may be NaN or infinite; None for any other value."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def int_or_none(value: object, *, at_least: int | None = None) -> int | None:
    """Return a whole JSON number; None for any other value and for one below `at_least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if at_least is None or value >= at_least else None


def datetime_or_none(value: object) -> datetime | None:
    """Return ISO 8601 text as a datetime, in UTC if it names no zone; None for another value."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def is_usable_id(remote_id: str) -> bool:
    """Whether an id, once percent-encoded, is safe as one segment of a path."""
    is_short = 0 < len(remote_id) <= _ID_MAX_CHARS
    return is_short and remote_id.isprintable() and remote_id.strip(".") != ""


def id_of(
    fields: Mapping[str, Any], name: str = "id", pattern: re.Pattern[str] | None = None
) -> str:
    """Return the id under `name`. Raises ValueError unless the id is usable and fits `pattern`."""
    found = text_or_none(fields.get(name))
    if found is None or not is_usable_id(found) or (pattern and not pattern.fullmatch(found)):
        raise ValueError(f"no usable {name}")
    return found


def id_path(prefix: str, remote_id: str, pattern: re.Pattern[str] | None = None) -> str:
    """Return `<prefix>/<remote_id>` with the id percent-encoded.

    Raises RemoteNotFoundError for an id that is not usable or does not match `pattern`.
    """
    if not is_usable_id(remote_id) or (pattern and not pattern.fullmatch(remote_id)):
        raise unknown_id_error(remote_id)
    return f"{prefix}/{quote(remote_id, safe='')}"


def unknown_id_error(remote_id: str) -> RemoteNotFoundError:
    """Return the error for an id of a form that the API never gives."""
    return RemoteNotFoundError(f"not an id of this API: {remote_id[:40]!a}")
