"""Pauses between retries, and Retry-After."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.backoff import backoff_s

#: Longest wait that an API can ask for, in seconds.
MAX_RETRY_AFTER_S = 120.0
_RETRIES = 2
_MAX_PAUSE_S = 8.0


def pauses_s(first_s: float) -> Iterator[float]:
    """Yield the pauses between attempts, in seconds: doubling, each shortened by up to a quarter.

    The shortening is random so that many waiting callers don't retry at the same instant.
    """
    for failures in range(1, _RETRIES + 1):
        yield backoff_s(failures, first_s, _MAX_PAUSE_S)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long the API asks to wait, 0 to `MAX_RETRY_AFTER_S` seconds; None when it does not say.

    headers  names in lower case. `retry-after-ms` is preferred to `retry-after`, which is a number of
             seconds or an HTTP date.
    """
    if (wait_ms := _number(headers.get("retry-after-ms", ""))) is not None:
        return _clamped(wait_ms / 1000)
    raw = headers.get("retry-after", "").strip()
    if (wait_s := _number(raw)) is not None:
        return _clamped(wait_s)
    try:
        then_at = parsedate_to_datetime(raw)
    except (ValueError, OverflowError):
        return None
    if then_at.tzinfo is None:
        then_at = then_at.replace(tzinfo=UTC)
    return _clamped((then_at - now).total_seconds())


def _number(raw: str) -> float | None:
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _clamped(wait_s: float) -> float:
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)
