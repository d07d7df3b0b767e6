"""Everything outside the process: true time, randomness, requests in flight, and the history."""

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
#: Longest time that a request is in flight, in seconds.
LONGEST_IN_FLIGHT_S = 125.0


class InFlightRequest:
    """A request that was sent; it arrives even if the process that sent it is killed."""

    def __init__(self, effect: Callable[[], Any]) -> None:
        self._effect = effect
        self._result: Any = None
        self._error: Exception | None = None

    def land(self) -> None:
        try:
            self._result = self._effect()
        except Exception as error:  # noqa: BLE001 - `answer` raises it again
            self._error = error

    def answer(self) -> Any:
        """Return the result of the request, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result


class SimulatedWorld:
    """Everything outside the process, for one seed; it survives each kill.

    faults  probability of each fault, 0 to 1; faults that are left out never happen.
    calm_s  from this second on no fault happens.
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
        #: Number of effects outside the process's memory: commits and requests.
        self.effects = 0
        #: Returns a job's label for the history, read from the database.
        self.look_up: Callable[[str], str] = str
        #: How and where each job's clip was sent.
        self.sent: dict[str, set[tuple[str, int]]] = {}
        #: Idempotency keys with a paid call that may have been accepted.
        self.unknown_keys: set[str] = set()
        #: Violations that a known limit explains.
        self.tolerated: Counter[KnownLimit] = Counter()
        self._labels: dict[str, str] = {}
        self.faults = faults
        #: Per request, job and render: when it was first and last requested or polled, in true time.
        self.asked_s: dict[str, tuple[float, float]] = {}
        #: When each job was first seen to be final, in true time.
        self.ended_s: dict[str, float] = {}
        #: Per process: when it started, and how wrong the machine's clock was then, in seconds.
        self.starts_s: list[tuple[float, float]] = []
        #: When each process was killed, in true time.
        self.deaths_s: list[float] = []
        #: When a process was last told the render of each job, in true time.
        self.told_s: dict[str, float] = {}
        #: Heap of (arrival in true seconds, sequence number, request).
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
        """Add a line to the history."""
        self.history.append(f"{self.now_s:10.3f} {what}")

    def breach(self, what: str, known: KnownLimit | None = None) -> None:
        """Record a violation; one that a known limit explains is only counted."""
        if known is not None:
            self.tolerated[known] += 1
            self.note(f"tolerated ({known}): {what}")
            return
        self.note(f"BROKEN: {what}")
        self.violations.append(what)

    def set_wall(self, offset_s: float) -> None:
        """Set by how much the machine's clock differs from true time, while no process runs."""
        self.note(f"the clock is off by {offset_s:+.0f} s")
        self.wall_offset_s = offset_s

    def jump(self, offset_s: float) -> None:
        """Change that difference while a process may run."""
        if self.now_s < self.calm_s:
            self.hit(FaultSite.CLOCK_JUMPS, f"to {offset_s:+.0f} s")
            self.wall_offset_s = offset_s

    def hit(self, site: FaultSite, about: str = "") -> None:
        """Count a fault, and note it in the history."""
        self.hits[site] += 1
        self.note(f"! {site}{about and ' ' + about}")

    def asked(self, about: str) -> None:
        """Record that a job or render was requested or polled at this moment."""
        first_s, _ = self.asked_s.get(about, (self.now_s, self.now_s))
        self.asked_s[about] = (first_s, self.now_s)

    def strikes(self, site: FaultSite, about: str = "") -> bool:
        """Decide at random whether a fault happens now; count it if it does."""
        chance = self.faults.get(site, 0.0)
        if chance == 0.0 or self.now_s >= self.calm_s or self.dice.random() >= chance:
            return False
        self.hit(site, about)
        return True

    def send(self, effect: Callable[[], Any], after_s: float) -> InFlightRequest:
        """Run `effect` `after_s` seconds from now, also if the sender is killed before."""
        self.effects += 1
        self._number += 1
        sent = InFlightRequest(effect)
        heapq.heappush(self._in_flight, (self.now_s + after_s, self._number, sent))
        return sent

    def pass_to(self, at_s: float) -> None:
        """Advance true time to `at_s`, running the effects that are due until then."""
        while self._in_flight and self._in_flight[0][0] <= at_s:
            self.now_s = max(self.now_s, self._in_flight[0][0])
            self.settle()
        self.now_s = max(self.now_s, at_s)

    def settle(self) -> None:
        """Run the effects that are due by now, in the order of their times."""
        while self._in_flight and self._in_flight[0][0] <= self.now_s:
            at_s, _, sent = heapq.heappop(self._in_flight)
            now_s, self.now_s = self.now_s, at_s
            sent.land()
            self.now_s = now_s

    def label(self, job_id: str) -> str:
        """Return a job's name in the history; its id would differ between two runs of a seed."""
        if job_id not in self._labels:
            self._labels[job_id] = self.look_up(job_id)
        return self._labels[job_id]
