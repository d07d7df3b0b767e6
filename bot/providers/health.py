"""The health of each provider, derived from its answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.backoff import backoff_s
from bot.clock import Clock

_log = logging.getLogger(__name__)

#: Pause after a failure that names no Retry-After: the first one, and the longest.
_COOL_DOWN_FIRST_S = 2.0
_COOL_DOWN_MAX_S = 120.0
#: A provider that refuses the account gets one trial request after this long, doubling.
_OUT_FIRST_S = 300.0
_OUT_MAX_S = 3600.0


class CircuitState(StrEnum):
    """Whether a provider gets new work."""

    CLOSED = "ok"
    #: It asked for a pause, or failed: no request before `ProviderHealth.until`.
    COOLING_DOWN = "throttled"
    #: It refuses the key, or the balance is used up: the operator must act.
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """The health of one provider."""

    circuit: CircuitState
    #: When this state began.
    since: datetime
    #: When it is tried again; None while the circuit is closed.
    until: datetime | None = None
    #: For operators and moderators; never the API's own words.
    reason: str = ""
    #: Failures in a row.
    failures_in_a_row: int = 0
    #: A submit was refused: only an accepted submit proves that the outage is over.
    by_submit: bool = False
    #: Start of an outage that is not yet proved over; None: no outage. A pause that the provider
    #: asks for meanwhile does not end it.
    out_since: datetime | None = None


class CircuitBreakers:
    """The health of all providers, in memory: a restart forgets it until the next answers.

    on_out  called once per outage with the provider's name; must not raise.
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
        """Return a provider's health. Raises KeyError for one that is not configured."""
        return self._health[name]

    def takes_work(self, name: str) -> bool:
        """Whether a request may be sent now; a provider that is out is tried again after `until`."""
        until = self._health[name].until
        return until is None or until <= self._clock.now()

    def is_out(self, name: str) -> bool:
        """Whether a provider is out and its next trial is not due."""
        return self._health[name].circuit is CircuitState.OUT and not self.takes_work(name)

    def record_success(self, name: str, health_when_sent: ProviderHealth) -> None:
        """Record an accepted request.

        health_when_sent  the provider's health when the request was sent. If it changed since, for
                          example because another request was refused, the health stays as it is.
        """
        if (
            self._health[name] is health_when_sent
            and health_when_sent.circuit is not CircuitState.CLOSED
        ):
            _log.info("%s accepts requests again", name)
            self._health[name] = ProviderHealth(
                circuit=CircuitState.CLOSED, since=self._clock.now()
            )

    def record_free_call(self, name: str) -> None:
        """Record a successful free call, which proves the key but not the balance.

        It ends an outage, unless a submit was refused: then the next submit is tried at once.
        """
        before = self._health[name]
        if before.out_since is None:
            return
        if before.circuit is CircuitState.COOLING_DOWN:
            # The pause that the provider asked for still holds.
            if not before.by_submit:
                self._health[name] = replace(before, out_since=None)
        elif before.by_submit:
            self._health[name] = replace(before, until=self._clock.now())
        else:
            self.record_success(name, before)

    def record_trouble(self, name: str, reason: str, *, retry_after_s: float | None = None) -> None:
        """Record a failure, or a pause that the provider asked for: no new work for a while."""
        before = self._health[name]
        if before.circuit is CircuitState.OUT and not self.takes_work(name):
            return
        times = before.failures_in_a_row + 1 if before.circuit is CircuitState.COOLING_DOWN else 1
        pause_s = backoff_s(times, _COOL_DOWN_FIRST_S, _COOL_DOWN_MAX_S)
        if retry_after_s is not None:
            # A provider that refuses and answers "retry at once" still gets a pause: otherwise two
            # such providers would pass a job back and forth as fast as they answer.
            is_short = retry_after_s < _COOL_DOWN_FIRST_S
            pause_s = max(retry_after_s, pause_s) if is_short else retry_after_s
        by_submit = before.by_submit
        self._trip(name, CircuitState.COOLING_DOWN, reason, pause_s, times, by_submit=by_submit)

    def record_account_refusal(self, name: str, reason: str, *, by_submit: bool = False) -> None:
        """Record that a provider refuses the account; `by_submit`: it refused a submit."""
        before = self._health[name]
        was_out = before.circuit is CircuitState.OUT
        by_submit = by_submit or before.by_submit
        if was_out and not self.takes_work(name):
            return
        times = before.failures_in_a_row + 1 if was_out else 1
        pause_s = backoff_s(times, _OUT_FIRST_S, _OUT_MAX_S, jitter=0.0)
        self._trip(name, CircuitState.OUT, reason, pause_s, times, by_submit=by_submit)
        if before.out_since is None:
            _log.error("%s is out: %s; check its key and balance", name, reason)
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
