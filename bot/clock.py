"""The clock: the only module that reads the wall clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the present instant in timezone-aware UTC; it never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` (0 or more). Cancellable."""
        ...


class SystemClock:
    """The wall time at construction plus the monotonic time since.

    When the machine's clock jumps (NTP, an operator), no deadline of a paid job expires or moves;
    only a restart reads the wall clock again.

    monotonic  counts seconds. It is bound once, so that SimCord, which replaces `time.monotonic`
               later, doesn't move this clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._anchor = datetime.now(UTC)
        self._started_s = monotonic()

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=self._monotonic() - self._started_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
