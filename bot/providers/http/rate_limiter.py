"""Limits the rate of calls, by the operator's setting and by the API's own headers."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.clock import Clock

_MINUTE = timedelta(minutes=1)
#: Longest wait that a header can ask for, in seconds.
_MAX_RESET_S = 120.0
#: How OpenAI and its gateways write the time until a reset: `6m0s`, `1.5s`, `20ms` (2026-11-20).
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class RateLimiter:
    """Allows `per_minute` calls in any minute and tells each further call how long to wait.

    per_minute  None for no such limit; the API's headers may still delay calls.
    """

    def __init__(self, per_minute: int | None, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        #: When each of the last calls was sent or will be sent.
        self._calls: list[datetime] = []
        #: Until this instant the API's headers forbid calls.
        self._blocked_until = clock.now()

    def blocked_s(self) -> float:
        """Return for how many seconds the API's headers forbid calls."""
        return max(0.0, (self._blocked_until - self._clock.now()).total_seconds())

    def wait_s(self) -> float:
        """Return for how many seconds a call would wait now."""
        return max(0.0, (self._next_at() - self._clock.now()).total_seconds())

    def take(self) -> float:
        """Count one call and return how many seconds that call must wait."""
        at, wait_s = self._next_at(), self.wait_s()
        if self._per_minute is not None:
            self._calls.append(at)
            del self._calls[: -self._per_minute]
        return wait_s

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Block further calls until the reset when an answer says that no calls are left."""
        if headers.get("x-ratelimit-remaining-requests", "").strip() != "0":
            return
        reset_s = _duration_s(headers.get("x-ratelimit-reset-requests", ""))
        if reset_s is not None:
            self._blocked_until = self._clock.now() + timedelta(seconds=min(reset_s, _MAX_RESET_S))

    def _next_at(self) -> datetime:
        at = max(self._clock.now(), self._blocked_until)
        if self._per_minute is not None and len(self._calls) >= self._per_minute:
            at = max(at, self._calls[-self._per_minute] + _MINUTE)
        return at


def _duration_s(text: str) -> float | None:
    found = _DURATION.findall(text.strip())
    if not found or "".join(number + unit for number, unit in found) != text.strip():
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in found)
