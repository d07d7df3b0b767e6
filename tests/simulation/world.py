"""The world outside a simulated bot process: time, chance, requests in flight and history."""

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
#: The longest time between sending a request and its arrival, in seconds.
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
        """Return the result of the request that has arrived, or raise its error."""
        if self._error is not None:
            raise self._error
        return self._result


class SimulatedWorld:
    """Everything outside the bot process in a simulation; it survives each kill of the process.

    faults  the probability of each fault, 0 to 1; faults that are left out never happen.
    calm_s  the virtual second from which on no fault happens.
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
        #: Number of changes outside the process's memory: database commits and requests.
        self.effects = 0
        #: A function that returns a job's label for the history, read from the database.
        self.look_up: Callable[[str], str] = str
        #: For each job, how ("own" message or "join") and to which channel its clip was sent.
        self.sent: dict[str, set[tuple[str, int]]] = {}
        #: Idempotency keys of the paid calls that the provider may have accepted.
        self.unknown_keys: set[str] = set()
        #: Number of violations that each known limit explains.
        self.tolerated: Counter[KnownLimit] = Counter()
        self._labels: dict[str, str] = {}
        self.faults = faults
        #: For each request, job and render: when it was first and last requested or polled, in true
        #: time.
        self.asked_s: dict[str, tuple[float, float]] = {}
        #: For each job, when it was first seen to be final, in true time.
        self.ended_s: dict[str, float] = {}
        #: For each process, its start and the error of the machine's clock at the start, in
        #: seconds.
        self.starts_s: list[tuple[float, float]] = []
        #: The times at which processes were killed, in true seconds.
        self.deaths_s: list[float] = []
        #: For each job, when a process last got its render's id, in true seconds.
        self.told_s: dict[str, float] = {}
        #: The requests in flight, as a heap of (arrival in true seconds, sequence number, request).
        self._in_flight: list[tuple[float, int, InFlightRequest]] = []
        self._number = 0

    def now(self) -> datetime:
        """Return the true time."""
        return EPOCH + timedelta(seconds=self.now_s)

    def wall(self) -> datetime:
        """Return the time on the machine's clock, which may be wrong."""
        self.settle()
        return EPOCH + timedelta(seconds=self.now_s + self.wall_offset_s)

    def note(self, what: str) -> None:
        """Add a line to the history of the simulation."""
        self.history.append(f"{self.now_s:10.3f} {what}")

    def breach(self, what: str, known: KnownLimit | None = None) -> None:
        """Record a violation; if a known limit explains it, only count it."""
        if known is not None:
            self.tolerated[known] += 1
            self.note(f"tolerated ({known}): {what}")
            return
        self.note(f"BROKEN: {what}")
        self.violations.append(what)

    def set_wall(self, offset_s: float) -> None:
        """Set the difference between the machine's clock and true time, while no process runs."""
        self.note(f"the clock is off by {offset_s:+.0f} s")
        self.wall_offset_s = offset_s

    def jump(self, offset_s: float) -> None:
        """Change by how much the machine's clock differs from true time; a process may run."""
        if self.now_s < self.calm_s:
            self.hit(FaultSite.CLOCK_JUMPS, f"to {offset_s:+.0f} s")
            self.wall_offset_s = offset_s

    def hit(self, site: FaultSite, about: str = "") -> None:
        """Count a fault, and add it to the history of the simulation."""
        self.hits[site] += 1
        self.note(f"! {site}{about and ' ' + about}")

    def asked(self, about: str) -> None:
        """Record that a request, job or render was requested or polled now."""
        first_s, _ = self.asked_s.get(about, (self.now_s, self.now_s))
        self.asked_s[about] = (first_s, self.now_s)

    def strikes(self, site: FaultSite, about: str = "") -> bool:
        """Decide at random whether a fault happens now; if so, count the fault."""
        chance = self.faults.get(site, 0.0)
        if chance == 0.0 or self.now_s >= self.calm_s or self.dice.random() >= chance:
            return False
        self.hit(site, about)
        return True

    def send(self, effect: Callable[[], Any], after_s: float) -> InFlightRequest:
        """Run `effect` in `after_s` seconds, even if the process that sent it is killed before."""
        self.effects += 1
        self._number += 1
        sent = InFlightRequest(effect)
        heapq.heappush(self._in_flight, (self.now_s + after_s, self._number, sent))
        return sent

    def pass_to(self, at_s: float) -> None:
        """Advance true time to `at_s`, and run the effects that become due."""
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
        """Return a job's label in the history.

        The label, unlike the id, is the same each time a seed runs.
        """
        if job_id not in self._labels:
            self._labels[job_id] = self.look_up(job_id)
        return self._labels[job_id]
