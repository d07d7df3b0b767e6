"""The only place that reads the wall clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the time is, and how to wait for it."""

    def now(self) -> datetime:
        """Return the present instant, timezone-aware UTC; it never runs backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` (0 or more). Cancellable."""
        ...


class SystemClock:
    """Wall time as it was when this object was made, carried on by the monotonic clock.

    A jump of the machine's clock (NTP, an operator, a leap) therefore never expires a job that
    was paid for, nor hides one; a restart takes up the wall clock's new value.
    """

    def __init__(self) -> None:
        self._anchor = datetime.now(UTC)
        self._started_s = time.monotonic()

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=time.monotonic() - self._started_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
