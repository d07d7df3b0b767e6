"""How each video API is doing, from its own answers."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.clock import Clock

_log = logging.getLogger(__name__)

#: Without a hint of the API's own it gets no new work for this long: the first time, and at most.
_COOL_FIRST_S = 2.0
_COOL_LAST_S = 120.0
#: An API that refuses the account is tried again with one order after this long, doubling.
_OUT_FIRST_S = 300.0
_OUT_LAST_S = 3600.0


class Condition(StrEnum):
    """Whether an API gets new work."""

    OK = "ok"
    #: It asked for a pause, or stumbles: nothing before `Health.until`.
    THROTTLED = "throttled"
    #: It refuses the key, or the balance is used up: the operator must act.
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of one API."""

    condition: Condition
    #: When that began.
    since: datetime
    #: When it is tried again; None while it is OK.
    until: datetime | None = None
    #: For operators and moderators; never the API's own words.
    reason: str = ""
    #: Refusals in a row.
    times: int = 0
    #: An order was refused, and nothing but an order that is taken proves that it is over.
    by_order: bool = False
    #: When the outage began that nothing has proved to be over yet; None: there is none. A pause
    #: that it asks for in between proves nothing.
    out_since: datetime | None = None


class HealthBook:
    """The health of all APIs, in memory: a restart forgets it, and the first answer tells it again.

    on_out  called once an outage, with the API's name; must not raise.
    """

    def __init__(
        self, names: Iterable[str], clock: Clock, on_out: Callable[[str], None] | None = None
    ) -> None:
        self._clock = clock
        self._on_out = on_out
        now = clock.now()
        self._health = {name: Health(condition=Condition.OK, since=now) for name in names}

    def of(self, name: str) -> Health:
        """Return how an API is doing. Raises KeyError for one that is not configured."""
        return self._health[name]

    def takes_work(self, name: str) -> bool:
        """Whether an order may be sent there now; one that is out is tried again after a while."""
        until = self._health[name].until
        return until is None or until <= self._clock.now()

    def is_out(self, name: str) -> bool:
        """Whether an API is out and not to be tried again yet."""
        return self._health[name].condition is Condition.OUT and not self.takes_work(name)

    def worked(self, name: str, seen: Health) -> None:
        """Note that an order was taken that was sent when the API's health was `seen`.

        An answer that was overtaken by a refusal of another order changes nothing.
        """
        if self._health[name] is seen and seen.condition is not Condition.OK:
            _log.info("%s takes orders again", name)
            self._health[name] = Health(condition=Condition.OK, since=self._clock.now())

    def answered(self, name: str) -> None:
        """Note that a free call worked, which shows the key to be good, and not the balance.

        An outage that an order met is over when one is taken: the next one tries it at once.
        """
        before = self._health[name]
        if before.out_since is None:
            return
        if before.condition is Condition.THROTTLED:
            # It still has the pause that it asked for.
            if not before.by_order:
                self._health[name] = replace(before, out_since=None)
        elif before.by_order:
            self._health[name] = replace(before, until=self._clock.now())
        else:
            self.worked(name, before)

    def stumbled(self, name: str, reason: str, *, retry_after_s: float | None = None) -> None:
        """Note that an API asked for a pause, or answered with trouble: no new work for a while."""
        before = self._health[name]
        if before.condition is Condition.OUT and not self.takes_work(name):
            return
        times = before.times + 1 if before.condition is Condition.THROTTLED else 1
        pause_s = min(_COOL_FIRST_S * 2 ** min(times - 1, 10), _COOL_LAST_S)
        pause_s *= random.uniform(0.75, 1.0)
        if retry_after_s is not None:
            # "At once" from one that has just refused says nothing: two such would pass a job to
            # and fro as fast as they answer.
            is_short = retry_after_s < _COOL_FIRST_S
            pause_s = max(retry_after_s, pause_s) if is_short else retry_after_s
        by_order = before.by_order
        self._pause(name, Condition.THROTTLED, reason, pause_s, times, by_order=by_order)

    def refused(self, name: str, reason: str, *, by_order: bool = False) -> None:
        """Note that an API refuses the key, or (`by_order`: an order) that the balance is used up."""
        before = self._health[name]
        was_out = before.condition is Condition.OUT
        by_order = by_order or before.by_order
        if was_out and not self.takes_work(name):
            return
        times = before.times + 1 if was_out else 1
        pause_s = min(_OUT_FIRST_S * 2 ** min(times - 1, 10), _OUT_LAST_S)
        self._pause(name, Condition.OUT, reason, pause_s, times, by_order=by_order)
        if before.out_since is None:
            _log.error("%s is out: %s; look at its key and balance", name, reason)
            if self._on_out is not None:
                self._on_out(name)

    def _pause(
        self,
        name: str,
        condition: Condition,
        reason: str,
        pause_s: float,
        times: int,
        *,
        by_order: bool,
    ) -> None:
        now, before = self._clock.now(), self._health[name]
        out_since = before.out_since
        if out_since is None and condition is Condition.OUT:
            out_since = now
        self._health[name] = Health(
            condition=condition,
            since=before.since if before.condition is condition else now,
            until=now + timedelta(seconds=pause_s),
            reason=reason,
            times=times,
            by_order=by_order,
            out_since=out_since,
        )
