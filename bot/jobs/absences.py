"""Renders that their API did not know when it was asked, and when that was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from bot.clock import Clock
from bot.model import Job

#: What was noted so long ago is of no render that is still asked for.
_FORGET_AFTER: Final = timedelta(days=1)


class NotFoundDebounce:
    """Tells which "unknown id" counts: a wish to cancel, a webhook or a restart ask sooner.

    Lives as long as the process. What one before it counted stands in `Job.attempts`; after a
    restart the next one counts a gap later.
    """

    def __init__(self, clock: Clock, gap_s: float) -> None:
        """Begin with none; two that count are `gap_s` or more apart."""
        self._clock = clock
        self._gap = timedelta(seconds=gap_s)
        self._noted_at: dict[str, datetime] = {}

    def next_at(self, job: Job) -> datetime | None:
        """Return when an "unknown id" for `job` counts next; None: now, and this one does."""
        now = self._clock.now()
        noted_at = self._noted_at.get(job.id)
        if noted_at is None and job.attempts > 0:
            self._record(job, now)
            return now + self._gap
        if noted_at is not None and job.attempts > 0 and now < noted_at + self._gap:
            return noted_at + self._gap
        self._record(job, now)
        return None

    def _record(self, job: Job, now: datetime) -> None:
        self._noted_at = {
            each: at for each, at in self._noted_at.items() if now - at < _FORGET_AFTER
        }
        self._noted_at[job.id] = now
