"""What survives a kill: the true time, the dice, what is on its way, and the history."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulation.known_limits import KnownLimit
from tests.simulation.sites import FaultSite

EPOCH = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Nothing is more than this long on its way, in seconds.
LONGEST_IN_FLIGHT_S = 125.0


class InFlightRequest:
    """A request that left; what it does at its end does not depend on who sent it."""

    def __init__(self, effect: Callable[[], Any]) -> None:
        self._effect = effect
        self._result: Any = None
        self._error: Exception | None = None

    def land(self) -> None:
        try:
            self._result = self._effect()
        except Exception as error:  # noqa: BLE001 - the answer to the request
            self._error = error

    def answer(self) -> Any:
        """Return what came of it, or raise it."""
        if self._error is not None:
            raise self._error
        return self._result


class SimulatedWorld:
    """Everything outside the process, for one seed.

    faults  how likely each site is to strike; those left out never do.
    calm_s  from then on nothing goes wrong any more.
    """

    def __init__(self, seed: int, *, faults: dict[FaultSite, float], calm_s: float) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.now_s = 0.0
        self.calm_s = calm_s
        self.wall_offset_s = 0.0
        self.history: list[str] = []
        self.hits: Counter[FaultSite] = Counter()
        self.violations: list[str] = []
        #: Counts what has an effect outside memory: commits and requests.
        self.effects = 0
        #: Finds the name of a job in the database.
        self.look_up: Callable[[str], str] = str
        #: How and where each job's clip was sent.
        self.sent: dict[str, set[tuple[str, int]]] = {}
        #: Names of files that a late edit took away.
        #: Keys with a create of unknown outcome, and those that were refused after one.
        self.unknown_keys: set[str] = set()
        #: Breaches that a known weakness explains.
        self.tolerated: Counter[KnownLimit] = Counter()
        self._labels: dict[str, str] = {}
        self.faults = faults
        #: By job and by render: when the provider was first and last asked about it, in true time.
        self.asked_s: dict[str, tuple[float, float]] = {}
        #: When each job was first seen to be final, in true time.
        self.ended_s: dict[str, float] = {}
        #: When each process started, and what the clock was off by then.
        self.starts_s: list[tuple[float, float]] = []
        #: Look-ups that began after the message was posted.
        self._in_flight: list[tuple[float, int, InFlightRequest]] = []
        self._number = 0

    def now(self) -> datetime:
        """Return the true time."""
        return EPOCH + timedelta(seconds=self.now_s)

    def wall(self) -> datetime:
        """Return what the machine's clock says."""
        self.settle()
        return EPOCH + timedelta(seconds=self.now_s + self.wall_offset_s)

    def note(self, what: str) -> None:
        """Write a line of history."""
        self.history.append(f"{self.now_s:10.3f} {what}")

    def breach(self, what: str, known: KnownLimit | None = None) -> None:
        """Note that a promise was broken; what a known limit explains is only counted."""
        if known is not None:
            self.tolerated[known] += 1
            self.note(f"tolerated ({known}): {what}")
            return
        self.note(f"BROKEN: {what}")
        self.violations.append(what)

    def set_wall(self, offset_s: float) -> None:
        """Set how far the machine's clock is from the truth, between two processes."""
        self.note(f"the clock is off by {offset_s:+.0f} s")
        self.wall_offset_s = offset_s

    def jump(self, offset_s: float) -> None:
        """Let the machine's clock jump under a running process."""
        if self.now_s < self.calm_s:
            self.hit(FaultSite.CLOCK_JUMPS, f"to {offset_s:+.0f} s")
            self.wall_offset_s = offset_s

    def hit(self, site: FaultSite, about: str = "") -> None:
        """Count a fault that happened."""
        self.hits[site] += 1
        self.note(f"! {site}{about and ' ' + about}")

    def asked(self, about: str) -> None:
        """Note that the provider is asked about a job or render now."""
        first_s, _ = self.asked_s.get(about, (self.now_s, self.now_s))
        self.asked_s[about] = (first_s, self.now_s)

    def strikes(self, site: FaultSite, about: str = "") -> bool:
        """Throw the dice for a fault; count it when it happens."""
        chance = self.faults.get(site, 0.0)
        if chance == 0.0 or self.now_s >= self.calm_s or self.dice.random() >= chance:
            return False
        self.hit(site, about)
        return True

    def send(self, effect: Callable[[], Any], after_s: float) -> InFlightRequest:
        """Let something happen later, whatever becomes of the sender."""
        self.effects += 1
        self._number += 1
        flight = InFlightRequest(effect)
        heapq.heappush(self._in_flight, (self.now_s + after_s, self._number, flight))
        return flight

    def pass_to(self, at_s: float) -> None:
        """Let time go on, and happen what is to happen on the way."""
        while self._in_flight and self._in_flight[0][0] <= at_s:
            self.now_s = max(self.now_s, self._in_flight[0][0])
            self.settle()
        self.now_s = max(self.now_s, at_s)

    def settle(self) -> None:
        """Let happen what should have happened by now, in its order."""
        while self._in_flight and self._in_flight[0][0] <= self.now_s:
            at_s, _, flight = heapq.heappop(self._in_flight)
            now_s, self.now_s = self.now_s, at_s
            flight.land()
            self.now_s = now_s

    def label(self, job_id: str) -> str:
        """Return a job's name in the history: ids are drawn anew each time."""
        if job_id not in self._labels:
            self._labels[job_id] = self.look_up(job_id)
        return self._labels[job_id]
