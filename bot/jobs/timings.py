"""How long the engine waits for each thing, and when it polls a render."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from bot.backoff import backoff_s
from bot.clock import Clock
from bot.model import Job
from bot.providers.base import Capabilities

#: The first poll comes at this share of the measured durations. No measured duration is shorter
#: than the first poll was, since only a poll finds a render's end: with 1 it could only get later.
_FIRST_POLL_FACTOR = 0.9
#: With fewer durations than this a percentile says nothing.
_MIN_DURATIONS = 5
#: A recorded 404 is forgotten after this long: the render is not polled any more by then.
_FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Every waiting time of the engine, in seconds; tests run the same engine with shorter ones."""

    #: The gap between polls of a healthy render while few renders run, and while many do.
    poll_few_s: float = 5.0
    poll_many_s: float = 10.0
    #: The number of running renders at one provider from which on they count as many.
    many_renders: int = 20
    #: The gap between polls of a provider whose polls cost nothing.
    poll_free_s: float = 1.0
    #: The longest that a create may take.
    create_s: float = 90.0
    #: A create of unknown outcome is looked for only after this long, when no late request can
    #: still arrive (measured in simulation, 2026-11: 5 s paid twice, 65 s never did).
    quiet_s: float = 65.0
    #: A render counts as lost after this many 404s, this far apart.
    not_found_limit: int = 4
    not_found_gap_s: float = 60.0
    #: Polls without an answer past the deadline before a render is given up: about two hours.
    late_tries: int = 60
    #: A job whose creates are not accepted fails after this many tries and this long.
    submit_tries: int = 60
    submit_give_up_s: float = 7200.0
    #: The back-off after errors: the first wait, which doubles, and the longest.
    backoff_first_s: float = 2.0
    backoff_last_s: float = 120.0
    #: Downloads (past the deadline) and posts in a row that may fail before the engine gives up.
    download_tries: int = 60
    post_tries: int = 120
    #: A post of unknown outcome is looked for, and tried again or elsewhere, only after this long.
    post_quiet_s: float = 65.0
    #: Tries to mirror a clip, or to remove one, before the engine gives up.
    outbox_tries: int = 30
    #: The number of clips that are downloaded and posted at a time.
    delivery_concurrency: int = 4
    #: A job in delivery is looked at again after this long, in case its coroutine died.
    delivery_check_s: float = 120.0
    #: Status cards: the least time between two edits, and the age from which no progress is shown.
    card_gap_s: float = 3.0
    card_max_age_s: float = 3600.0
    #: The longest and the shortest time between two reads of the job table by the reconcile loop.
    reconcile_max_gap_s: float = 5.0
    reconcile_min_gap_s: float = 0.25
    #: Providers are asked again what they can do after this long.
    refresh_s: float = 3600.0
    #: When the process stops, steps under way may go on for this long.
    stop_s: float = 15.0

    def backoff_s(self, failures: int, *, hint_s: float | None = None) -> float:
        """Return the wait before the next try after `failures` (1 or more) in a row, in seconds.

        hint_s  the wait that the server asked for. Unless it is shorter than the first wait, it is
                obeyed, with up to a tenth on top so that many jobs don't come back together.
        """
        if hint_s is not None and hint_s >= self.backoff_first_s:
            return hint_s * random.uniform(1.0, 1.1)
        return backoff_s(failures, self.backoff_first_s, self.backoff_last_s)


def first_poll_s(
    durations_s: Sequence[float], capabilities: Capabilities, timings: Timings
) -> float:
    """Return how long after a submit the first poll comes, in seconds.

    The first poll comes a little before the 5th percentile of past durations; polls at a fixed gap
    follow. That is within 6 % of the optimum for the same number of requests, and exponential
    back-off makes clips three times as late (simulated, 2026-11).
    """
    if capabilities.polls_are_free:
        return timings.poll_free_s
    if len(durations_s) < _MIN_DURATIONS:
        return capabilities.typical_first_poll_s
    ordered = sorted(durations_s)
    fifth_s = ordered[math.floor(0.05 * (len(ordered) - 1))]
    return max(timings.poll_few_s, _FIRST_POLL_FACTOR * fifth_s)


def poll_gap_s(running: int, capabilities: Capabilities, timings: Timings) -> float:
    """Return the gap to the next poll of a healthy render, in seconds."""
    if capabilities.polls_are_free:
        return timings.poll_free_s
    # Where one list answers for all renders, many cost no more requests than few.
    is_many = running >= timings.many_renders and not capabilities.can_list
    return timings.poll_many_s if is_many else timings.poll_few_s


def expected_s(durations_s: Sequence[float]) -> float | None:
    """Return how long a render will probably take, in seconds; None without past durations."""
    return median(durations_s) if durations_s else None


class NotFoundDebounce:
    """Decides whether a 404 for a known render counts towards giving up the render.

    At most one counts per `gap_s`, because cancels, webhooks and restarts cause extra polls. The
    number of counted 404s is in `Job.attempts`; their times are only in memory, so that after a
    restart the next one counts a gap later.
    """

    def __init__(self, clock: Clock, gap_s: float) -> None:
        self._clock = clock
        self._gap = timedelta(seconds=gap_s)
        self._recorded_at: dict[str, datetime] = {}

    def next_at(self, job: Job) -> datetime | None:
        """Return when a 404 for `job` counts next; None when this one counts."""
        now = self._clock.now()
        recorded_at = self._recorded_at.get(job.id)
        if recorded_at is None and job.attempts > 0:
            self._record(job, now)
            return now + self._gap
        if recorded_at is not None and job.attempts > 0 and now < recorded_at + self._gap:
            return recorded_at + self._gap
        self._record(job, now)
        return None

    def _record(self, job: Job, now: datetime) -> None:
        self._recorded_at = {
            job_id: at for job_id, at in self._recorded_at.items() if now - at < _FORGET_AFTER
        }
        self._recorded_at[job.id] = now
