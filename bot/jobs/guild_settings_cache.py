"""Guild settings in memory, so that a command waits for the database once, not twice."""

from collections import OrderedDict
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.guild import EVERYWHERE, GuildSettings
from bot.model import Viewer
from bot.storage.base import LedgerReader
from bot.storage.guild_settings import Actor, GuildSettingsStore

_MAX_CACHED = 10_000
_EVERYWHERE_TTL = timedelta(seconds=5)


class StaleSettingsError(Exception):
    """The settings that a request was resolved with have changed since; resolve it again."""


class GuildSettingsCache:
    """The settings of each guild and, for all guilds, the operator's choice of providers.

    Settings are read from the database once. Another process may change them: `check_current`
    detects that inside the transaction that accepts a request.
    """

    def __init__(self, guild_store: GuildSettingsStore, clock: Clock) -> None:
        self._guild_store = guild_store
        self._clock = clock
        self._everywhere_until: datetime | None = None
        self._cached: OrderedDict[int, GuildSettings] = OrderedDict()

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Return a guild's settings, or those of direct messages. Raises StorageError."""
        if guild_id is None:
            return GuildSettings()
        cached = self._cached.get(guild_id)
        if cached is None:
            cached = self._cached[guild_id] = await self._guild_store.guild_settings(guild_id)
            if len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        return cached

    async def everywhere(self) -> GuildSettings:
        """Return the operator's choice of providers as of 5 s ago or later. Raises StorageError."""
        now = self._clock.now()
        if self._everywhere_until is None or self._everywhere_until <= now:
            self._everywhere_until = now + _EVERYWHERE_TTL
            self.invalidate(EVERYWHERE)
        return await self.settings(EVERYWHERE)

    async def replace(self, by: Viewer, settings: GuildSettings, *, seen: GuildSettings) -> bool:
        """Replace the settings of a moderator's guild if those on disk still equal `seen`.

        Returns whether the settings were replaced. Raises ModeratorsOnlyError and StorageError.
        """
        guild_id = by.moderated_guild_id()
        actor = Actor(user_id=by.user_id, at=self._clock.now())
        replaced = await self._guild_store.replace_guild_settings(
            guild_id, settings, actor, expected=seen
        )
        self.invalidate(guild_id)
        return replaced

    def check_current(self, ledger: LedgerReader, guild_id: int | None) -> None:
        """In a transaction, raise StaleSettingsError if cached settings are not those on disk."""
        for each in (EVERYWHERE,) if guild_id is None else (EVERYWHERE, guild_id):
            cached = self._cached.get(each)
            if cached is not None and cached != ledger.guild_settings(each):
                del self._cached[each]
                raise StaleSettingsError

    def invalidate(self, guild_id: int) -> None:
        """Forget a guild's settings, so that they are read again when they are next needed."""
        self._cached.pop(guild_id, None)
