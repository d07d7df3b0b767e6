"""A clock for tests that skips every wait and records how long the wait would have been."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.clock import SystemClock


class AutojumpClock:
    """A `Clock` whose sleeps end at once; `slept_s` lists the seconds of each sleep."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._skipped_s = 0.0
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._skipped_s)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self._skipped_s += seconds
        await asyncio.sleep(0)
