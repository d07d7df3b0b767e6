"""How each video API is doing, from its own answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.backoff import backoff_s
from bot.clock import Clock

_log = logging.getLogger(__name__)

#: Without a hint of the API's own it gets no new work for this long: the first time, and at most.
_COOL_DOWN_FIRST_S = 2.0
_COOL_DOWN_MAX_S = 120.0
#: An API that refuses the account is tried again with one order after this long, doubling.
_OUT_FIRST_S = 300.0
_OUT_MAX_S = 3600.0


class CircuitState(StrEnum):
    """Whether an API gets new work."""

    CLOSED = "ok"
    #: It asked for a pause, or stumbles: nothing before `ProviderHealth.until`.
    COOLING_DOWN = "throttled"
    #: It refuses the key, or the balance is used up: the operator must act.
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """What is known of one API."""

    circuit: CircuitState
    #: When that began.
    since: datetime
    #: When it is tried again; None while it is OK.
    until: datetime | None = None
    #: For operators and moderators; never the API's own words.
    reason: str = ""
    #: Refusals in a row.
    failures_in_a_row: int = 0
    #: An order was refused, and nothing but an order that is taken proves that it is over.
    by_submit: bool = False
    #: When the outage began that nothing has proved to be over yet; None: there is none. A pause
    #: that it asks for in between proves nothing.
    out_since: datetime | None = None


class CircuitBreakers:
    """The health of all APIs, in memory: a restart forgets it, and the first answer tells it again.

    on_out  called once an outage, with the API's name; must not raise.
    """

    def __init__(
        self, names: Iterable[str], clock: Clock, on_out: Callable[[str], None] | None = None
    ) -> None:
        self._clock = clock
        self._on_out = on_out
        now = clock.now()
        self._health = {
            name: ProviderHealth(circuit=CircuitState.CLOSED, since=now) for name in names
        }

    def of(self, name: str) -> ProviderHealth:
        """Return how an API is doing. Raises KeyError for one that is not configured."""
        return self._health[name]

    def takes_work(self, name: str) -> bool:
        """Whether an order may be sent there now; one that is out is tried again after a while."""
        until = self._health[name].until
        return until is None or until <= self._clock.now()

    def is_out(self, name: str) -> bool:
        """Whether an API is out and not to be tried again yet."""
        return self._health[name].circuit is CircuitState.OUT and not self.takes_work(name)

    def record_success(self, name: str, health_when_sent: ProviderHealth) -> None:
        """Note that an order was taken that was sent when the API's health was `seen`.

        An answer that was overtaken by a refusal of another order changes nothing.
        """
        if (
            self._health[name] is health_when_sent
            and health_when_sent.circuit is not CircuitState.CLOSED
        ):
            _log.info("%s takes orders again", name)
            self._health[name] = ProviderHealth(
                circuit=CircuitState.CLOSED, since=self._clock.now()
            )

    def record_free_call(self, name: str) -> None:
        """Note that a free call worked, which shows the key to be good, and not the balance.

        An outage that an order met is over when one is taken: the next one tries it at once.
        """
        before = self._health[name]
        if before.out_since is None:
            return
        if before.circuit is CircuitState.COOLING_DOWN:
            # It still has the pause that it asked for.
            if not before.by_submit:
                self._health[name] = replace(before, out_since=None)
        elif before.by_submit:
            self._health[name] = replace(before, until=self._clock.now())
        else:
            self.record_success(name, before)

    def record_trouble(self, name: str, reason: str, *, retry_after_s: float | None = None) -> None:
        """Note that an API asked for a pause, or answered with trouble: no new work for a while."""
        before = self._health[name]
        if before.circuit is CircuitState.OUT and not self.takes_work(name):
            return
        times = before.failures_in_a_row + 1 if before.circuit is CircuitState.COOLING_DOWN else 1
        pause_s = backoff_s(times, _COOL_DOWN_FIRST_S, _COOL_DOWN_MAX_S)
        if retry_after_s is not None:
            # "At once" from one that has just refused says nothing: two such would pass a job to
            # and fro as fast as they answer.
            is_short = retry_after_s < _COOL_DOWN_FIRST_S
            pause_s = max(retry_after_s, pause_s) if is_short else retry_after_s
        by_submit = before.by_submit
        self._trip(name, CircuitState.COOLING_DOWN, reason, pause_s, times, by_submit=by_submit)

    def record_account_refusal(self, name: str, reason: str, *, by_submit: bool = False) -> None:
        """Note that an API refuses the key, or (`by_submit`: an order) that the balance is used up."""
        before = self._health[name]
        was_out = before.circuit is CircuitState.OUT
        by_submit = by_submit or before.by_submit
        if was_out and not self.takes_work(name):
            return
        times = before.failures_in_a_row + 1 if was_out else 1
        pause_s = backoff_s(times, _OUT_FIRST_S, _OUT_MAX_S, jitter=0.0)
        self._trip(name, CircuitState.OUT, reason, pause_s, times, by_submit=by_submit)
        if before.out_since is None:
            _log.error("%s is out: %s; look at its key and balance", name, reason)
            if self._on_out is not None:
                self._on_out(name)

    def _trip(
        self,
        name: str,
        circuit: CircuitState,
        reason: str,
        pause_s: float,
        failures_in_a_row: int,
        *,
        by_submit: bool,
    ) -> None:
        now, before = self._clock.now(), self._health[name]
        out_since = before.out_since
        if out_since is None and circuit is CircuitState.OUT:
            out_since = now
        self._health[name] = ProviderHealth(
            circuit=circuit,
            since=before.since if before.circuit is circuit else now,
            until=now + timedelta(seconds=pause_s),
            reason=reason,
            failures_in_a_row=failures_in_a_row,
            by_submit=by_submit,
            out_since=out_since,
        )
