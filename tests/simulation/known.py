"""Weaknesses of the program that the simulation found and that are not mended yet, by name.

A breach that one of them explains is counted, not failed. Mended ones are taken out of `TOLERATED`.
"""

from __future__ import annotations

from enum import StrEnum


class Known(StrEnum):
    """What explains a breach."""

    #: A post of its own and a join of the same clip, one of unknown outcome: only the first has a
    #: nonce, and the look-up comes before a late request has landed.
    TWO_WAYS = "posted in two ways"
    #: Kept with the outcome of a post unknown, then fetched into another channel.
    TWO_PLACES = "posted in two places"
    #: A late join put the list of files back that a sibling had joined meanwhile.
    OVERWRITTEN = "a late join overwrote a sibling's"
    #: With keys: a refusal of the second call is taken for one of the first, of unknown outcome; the
    #: job is cancelled or goes to another provider, and the first call is billed.
    KEYED_REFUSAL = "refused after an unknown call with the same key"
    #: Kept with the outcome of a post unknown, then fetched into the same channel: `posting_at` is
    #: set anew, and the look-up does not go back to the first try.
    LOOKED_TOO_LATE = "looked only after the fetch"
    #: `posting_at` by a clock that is ahead: the look-up begins after the message.
    LOOKED_AHEAD = "looked only after a time to come"
    #: A restart takes the wall clock's word: a clock put forward ends healthy renders.
    CLOCK_AT_RESTART = "a restart with the clock put forward"
    #: The same ends the quiet period after a create of unknown outcome too early: paid twice.
    QUIET_CUT_SHORT = "a quiet period cut short by a clock put forward"


TOLERATED: frozenset[Known] = frozenset()

#: How jobs may end over an outage of an hour, beside DONE: post_tries and late_tries are used up
#: before it ends.
GIVEN_UP = frozenset({"kept", "failed"})
