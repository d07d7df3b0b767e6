"""Recognises the second press of a button, and a form that was sent twice."""

from collections.abc import Hashable
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.errors import AlreadyOrderedError

#: Two equal orders within this time are one order.
_AS_ONE = timedelta(seconds=10)


class RecentOrders:
    """The orders of the last ten seconds, in memory: a restart takes longer than a double press."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: For each order, when it was made and the id of its request.
        self._made: dict[Hashable, tuple[datetime, int]] = {}

    def add(self, order: Hashable, request_id: int) -> None:
        """Note an order. Raises AlreadyOrderedError for the same order in another request."""
        now = self._clock.now()
        self._made = {key: made for key, made in self._made.items() if now - made[0] < _AS_ONE}
        _, first_id = self._made.setdefault(order, (now, request_id))
        if first_id != request_id:
            raise AlreadyOrderedError

    def remove(self, order: Hashable, request_id: int) -> None:
        """Forget an order of this request, which was refused."""
        _, first_id = self._made.get(order, (None, None))
        if first_id == request_id:
            del self._made[order]
