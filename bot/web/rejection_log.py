"""What the log says about requests that were turned away: enough for an operator, not a flood."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

_log = logging.getLogger(__name__)

_LOG_GAP = timedelta(hours=1)


class RejectionLog:
    """Counts a provider's refused webhooks and says so once an hour at most."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._count = 0
        self._logged_at: datetime | None = None

    def count(self, reason: Exception, now: datetime) -> None:
        """Count one more; `reason` is the latest, in words that hold nothing of the request."""
        self._count += 1
        if self._logged_at is None or now - self._logged_at >= _LOG_GAP:
            _log.warning(
                "webhooks: refused %d as not %s's own, the latest because %s; if its clips come "
                "late, look at the webhook secret and the machine's clock",
                self._count,
                self._provider,
                reason,
            )
            self._count, self._logged_at = 0, now
