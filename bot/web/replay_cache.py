"""Which deliveries have been here already."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta


class ReplayCache:
    """Remembers the ids of deliveries, the latest `most` of them and none for longer than `keep_s`.

    Only what a signature covers belongs here: a forger could push out what is worth remembering.
    """

    def __init__(self, *, keep_s: float, max_entries: int = 4096) -> None:
        self._keep = timedelta(seconds=keep_s)
        self._max_entries = max_entries
        self._received_at: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._received_at)

    def is_first(self, delivery_id: str, now: datetime) -> bool:
        """Return whether this id is not remembered, and remember it from now on."""
        while self._received_at and now - next(iter(self._received_at.values())) > self._keep:
            self._received_at.popitem(last=False)
        if delivery_id in self._received_at:
            return False
        self._received_at[delivery_id] = now
        if len(self._received_at) > self._max_entries:
            self._received_at.popitem(last=False)
        return True
