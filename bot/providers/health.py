"""The health of each provider, derived from the provider's answers."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.backoff import backoff_s
from bot.clock import Clock

_log = logging.getLogger(__name__)

#: The first and the longest pause, in seconds, after failures that name no Retry-After.
_COOL_DOWN_FIRST_S, _COOL_DOWN_MAX_S = 2.0, 120.0
#: A provider that refuses the account gets a trial request after the first of these pauses in
#: seconds; each further refusal doubles the pause, up to the second.
_OUT_FIRST_S, _OUT_MAX_S = 300.0, 3600.0


class CircuitState(StrEnum):
    """Whether a provider gets new jobs; `CLOSED` means that the provider works."""

    CLOSED = "ok"
    #: The provider failed or asked for a pause, and gets no job before `ProviderHealth.until`.
    COOLING_DOWN = "throttled"
    #: The provider refuses the key, or the balance is used up: the operator must act.
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderHealth:
    """The health of one provider."""

    circuit: CircuitState
    #: When this state began.
    since: datetime
    #: When the provider is tried again; None while the circuit is closed.
    until: datetime | None = None
    #: A text for operators and moderators that quotes nothing of the API's answer.
    reason: str = ""
    failures_in_a_row: int = 0
    #: Whether the provider refused a submit: only an accepted submit then ends the outage.
    by_submit: bool = False
    #: When the present outage began; None without an outage. A cool-down does not end an outage.
    out_since: datetime | None = None


class CircuitBreakers:
    """The health of all providers, kept in memory: after a restart every circuit is closed.

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
        """Return a provider's health. Raises KeyError for a provider that is not configured."""
        return self._health[name]

    def takes_work(self, name: str) -> bool:
        """Whether a provider may get a request now: its circuit is closed or its pause is over."""
        until = self._health[name].until
        return until is None or until <= self._clock.now()

    def is_out(self, name: str) -> bool:
        """Whether a provider is out and its next trial is not due."""
        return self._health[name].circuit is CircuitState.OUT and not self.takes_work(name)

    def record_success(self, name: str, health_when_sent: ProviderHealth) -> None:
        """Record an accepted request: close the circuit.

        health_when_sent  the provider's health when the request was sent. If the health changed
                          since, for example because another request was refused, nothing changes.
        """
        health = self._health[name]
        if health is health_when_sent and health.circuit is not CircuitState.CLOSED:
            _log.info("%s accepts requests again", name)
            self._health[name] = ProviderHealth(
                circuit=CircuitState.CLOSED, since=self._clock.now()
            )

    def record_free_call(self, name: str) -> None:
        """Record a successful free call, which proves the key but not the balance.

        The call ends an outage that began without a refused submit. After a refused submit, the
        next submit is tried at once.
        """
        before = self._health[name]
        if before.out_since is None:
            return
        if before.circuit is CircuitState.COOLING_DOWN:
            # A successful free call does not end the pause that the provider asked for.
            if not before.by_submit:
                self._health[name] = replace(before, out_since=None)
        elif before.by_submit:
            self._health[name] = replace(before, until=self._clock.now())
        else:
            self.record_success(name, before)

    def record_trouble(self, name: str, reason: str, *, retry_after_s: float | None = None) -> None:
        """Record a provider's failure, or its wish for a pause: it gets no jobs for a while."""
        if self.is_out(name):
            return
        failures = self._failures_in_a_row(name, CircuitState.COOLING_DOWN)
        pause_s = backoff_s(failures, _COOL_DOWN_FIRST_S, _COOL_DOWN_MAX_S)
        if retry_after_s is not None:
            # A provider that refuses and answers "retry at once" still gets a pause: otherwise two
            # such providers would pass a job back and forth as fast as they answer.
            is_short = retry_after_s < _COOL_DOWN_FIRST_S
            pause_s = max(retry_after_s, pause_s) if is_short else retry_after_s
        self._trip(name, CircuitState.COOLING_DOWN, reason, pause_s)

    def record_account_refusal(self, name: str, reason: str, *, by_submit: bool = False) -> None:
        """Record that a provider refused the account, with `by_submit` when it refused a submit."""
        before = self._health[name]
        if self.is_out(name):
            return
        failures = self._failures_in_a_row(name, CircuitState.OUT)
        pause_s = backoff_s(failures, _OUT_FIRST_S, _OUT_MAX_S, jitter=0.0)
        self._trip(name, CircuitState.OUT, reason, pause_s, by_submit=by_submit)
        if before.out_since is None:
            _log.error("%s is out: %s; check its key and balance", name, reason)
            if self._on_out is not None:
                self._on_out(name)

    def _failures_in_a_row(self, name: str, circuit: CircuitState) -> int:
        before = self._health[name]
        return before.failures_in_a_row + 1 if before.circuit is circuit else 1

    def _trip(
        self,
        name: str,
        circuit: CircuitState,
        reason: str,
        pause_s: float,
        *,
        by_submit: bool = False,
    ) -> None:
        now, before = self._clock.now(), self._health[name]
        began_at = now if circuit is CircuitState.OUT else None
        self._health[name] = ProviderHealth(
            circuit=circuit,
            since=before.since if before.circuit is circuit else now,
            until=now + timedelta(seconds=pause_s),
            reason=reason,
            failures_in_a_row=self._failures_in_a_row(name, circuit),
            by_submit=by_submit or before.by_submit,
            out_since=began_at if before.out_since is None else before.out_since,
        )
