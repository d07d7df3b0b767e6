"""Known limits of the bot: a violation that a known limit explains does not fail the simulation."""

from __future__ import annotations

from enum import StrEnum


class KnownLimit(StrEnum):
    """A known cause of a violation, which the bot cannot avoid."""

    #: A post had an unknown outcome and the bot could not read its channel, so the clip was kept.
    #: The clip's owner then fetched it into another channel. The bot can't know that the first post
    #: succeeded.
    TWO_PLACES = "posted in two places"
