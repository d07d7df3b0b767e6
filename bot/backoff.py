"""The wait between attempts after failures: it doubles up to a maximum, with random jitter."""

import random

#: The wait stops doubling after this many failures: larger powers of 2 overflow a float.
_MAX_DOUBLINGS = 20


def backoff_s(failures: int, first_s: float, max_s: float, *, jitter: float = 0.25) -> float:
    """Return the wait after `failures` (1 or more) failures in a row, in seconds.

    first_s  the wait after the first failure; it doubles after each further failure, up to `max_s`.
    jitter   the largest share (0 to 1) by which a wait is shortened at random, so that many
             callers don't try again at the same instant.
    """
    wait_s = min(first_s * 2 ** min(failures - 1, _MAX_DOUBLINGS), max_s)
    return wait_s * random.uniform(1.0 - jitter, 1.0)
