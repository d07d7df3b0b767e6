"""The clock of the bot; no other module reads the system's wall clock."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A clock that tells the time and waits; tests replace it."""

    def now(self) -> datetime:
        """Return the present instant in timezone-aware UTC; it never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, 0 or more; the task can be cancelled meanwhile."""
        ...


class SystemClock:
    """A clock that shows the wall time at its construction plus the monotonic time since then.

    So no deadline of a paid job moves when the machine's clock jumps (NTP, an operator).

    monotonic  counts seconds; bound here, so that SimCord, which replaces `time.monotonic` later,
               doesn't move this clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._anchor = datetime.now(UTC)
        self._started_s = monotonic()

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=self._monotonic() - self._started_s)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
