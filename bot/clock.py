"""The only place that reads the wall clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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

    monotonic  counts seconds; bound here once, so that a simulator which later puts its own
               counter in the module's place does not move this clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._anchor = datetime.now(UTC)
        self._started_s = monotonic()

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=self._monotonic() - self._started_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
