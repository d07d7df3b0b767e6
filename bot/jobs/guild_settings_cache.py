"""Guild settings in memory, so that a command waits for the database once, not twice."""

from collections import OrderedDict
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.guild import EVERYWHERE, GuildSettings
from bot.storage.base import LedgerReader
from bot.storage.guild_settings import GuildSettingsStore

_MAX_CACHED = 10_000
_EVERYWHERE_TTL = timedelta(seconds=5)


class StaleSettingsError(Exception):
    """The settings that a request was resolved with have changed since; resolve it again."""


class GuildSettingsCache:
    """Settings are read once, and compared inside the transaction that accepts a request.

    The operator's choice of providers, which applies to all guilds, is cached with them. Another
    process may change either: `check_current` detects it.
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
        """Return the operator's choice of providers, at most 5 s old. Raises StorageError.

        The operator's command changes it in another process.
        """
        now = self._clock.now()
        if self._everywhere_until is None or self._everywhere_until <= now:
            self._everywhere_until = now + _EVERYWHERE_TTL
            self.invalidate(EVERYWHERE)
        return await self.settings(EVERYWHERE)

    def check_current(self, ledger: LedgerReader, guild_id: int | None) -> None:
        """Raise StaleSettingsError, and forget them, unless the cached settings are those on disk.

        Called inside a transaction.
        """
        for each in (EVERYWHERE,) if guild_id is None else (EVERYWHERE, guild_id):
            cached = self._cached.get(each)
            if cached is not None and cached != ledger.guild_settings(each):
                del self._cached[each]
                raise StaleSettingsError

    def invalidate(self, guild_id: int) -> None:
        """Have a guild's settings read again when they are next needed."""
        self._cached.pop(guild_id, None)
