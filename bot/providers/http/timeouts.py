"""How long the transport waits: time limits, pauses between retries, and Retry-After."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.backoff import backoff_s

#: Longest wait that an API can ask for, in seconds.
MAX_RETRY_AFTER_S = 120.0
_RETRIES = 2
_MAX_PAUSE_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of the transport, in seconds."""

    connect_s: float = 5.0
    #: Limit for the next bytes of a JSON answer.
    read_s: float = 60.0
    #: Limit for a whole create, from the first byte sent to the last byte received.
    create_s: float = 120.0
    #: Limit for any other JSON call with all its retries.
    call_s: float = 90.0
    #: Limit for the next bytes of a download.
    idle_s: float = 30.0
    download_s: float = 900.0
    #: The first pause before a retry; each further pause is twice as long, up to 8 s.
    backoff_s: float = 0.5
    #: The longest Retry-After that the transport waits for; after a longer one the call fails.
    max_retry_after_s: float = 10.0


def pauses_s(first_s: float) -> Iterator[float]:
    """Yield the pauses between attempts, in seconds: doubling, each shortened by up to a quarter.

    The shortening is random so that many waiting callers don't retry at the same instant.
    """
    for failures in range(1, _RETRIES + 1):
        yield backoff_s(failures, first_s, _MAX_PAUSE_S)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long an API asks to wait, 0 to `MAX_RETRY_AFTER_S` seconds; None if it doesn't.

    headers  with names in lower case. `retry-after-ms` is preferred to `retry-after`, which holds
             a number of seconds or an HTTP date.
    """
    raw = headers.get("retry-after", "").strip()
    wait_ms, wait_s = _number(headers.get("retry-after-ms", "")), _number(raw)
    if wait_ms is not None:
        wait_s = wait_ms / 1000
    elif wait_s is None:
        try:
            then_at = parsedate_to_datetime(raw)
        except (ValueError, OverflowError):
            return None
        if then_at.tzinfo is None:
            then_at = then_at.replace(tzinfo=UTC)
        wait_s = (then_at - now).total_seconds()
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _number(raw: str) -> float | None:
    try:
        value = float(raw)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
