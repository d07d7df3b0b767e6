"""What cannot be had, by name: a breach that one of these explains is counted, not failed."""

from __future__ import annotations

from enum import StrEnum


class KnownLimit(StrEnum):
    """What explains a breach."""

    #: Kept because the place where a post of unknown outcome may hang could not be read, then
    #: fetched into another channel by its owner: nobody can know that it hangs there, too.
    TWO_PLACES = "posted in two places"
