"""Decides in which guilds moderators may raise the operator's quotas."""

from collections.abc import Callable, Iterable


class GuildTrust:
    """The guilds that the operator trusts: the listed ones, or else the only one the bot is in.

    Whoever adds the bot to a guild of their own is a moderator there, so without trust a guild could
    lift the limits on the operator's money.

    joined  returns the ids of the guilds that the bot is in now; called on any thread.
    """

    def __init__(self, listed: Iterable[int], joined: Callable[[], Iterable[int]]) -> None:
        self._listed = frozenset(listed)
        self._joined = joined

    def __call__(self, guild_id: int) -> bool:
        """Return whether the guild is trusted."""
        if self._listed:
            return guild_id in self._listed
        return frozenset(self._joined()) == frozenset((guild_id,))
