"""The one formula for waits after failures: doubling, capped, with jitter."""

from __future__ import annotations

import random

#: 2 to this power is more than any last wait is of its first one; larger powers overflow a float.
_MAX_DOUBLINGS = 20


def backoff_s(failures: int, first_s: float, max_s: float, *, jitter: float = 0.25) -> float:
    """Return the wait after `failures` (1 or more) failures in a row, in seconds.

    first_s  the wait after the first failure; it doubles with each further one, up to `max_s`.
    jitter   each wait is shortened by a random share of up to this (0 to 1), so that many callers
             don't come back at the same instant.
    """
    wait_s = min(first_s * 2 ** min(failures - 1, _MAX_DOUBLINGS), max_s)
    return wait_s * random.uniform(1.0 - jitter, 1.0)
