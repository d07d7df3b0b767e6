"""Known limits: a violation that one of these explains is counted, but fails no seed."""

from __future__ import annotations

from enum import StrEnum


class KnownLimit(StrEnum):
    """A known cause of a violation."""

    #: A post had an unknown outcome and its channel could not be read, so the clip was kept. Its
    #: owner then fetched it into another channel; the bot can't know that it is in the first, too.
    TWO_PLACES = "posted in two places"
