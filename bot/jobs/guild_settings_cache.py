"""The rules of servers, in memory: a command waits for the database once, not twice."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.guild import EVERYWHERE, GuildSettings
from bot.storage.base import LedgerReader
from bot.storage.guild_settings import GuildSettingsStore

_MAX_CACHED = 10_000
_EVERYWHERE_TTL = timedelta(seconds=5)


class StaleSettingsError(Exception):
    """The rules that an order was made under have changed since; make it again."""


class GuildSettingsCache:
    """What servers allow, read once and checked again in the transaction that accepts an order.

    The operator's own choice of providers, which holds everywhere, is kept with them. Another
    process may change either: `check_current` finds out.
    """

    def __init__(self, guild_store: GuildSettingsStore, clock: Clock) -> None:
        self._guild_store = guild_store
        self._clock = clock
        self._everywhere_until: datetime | None = None
        self._cached: OrderedDict[int, GuildSettings] = OrderedDict()

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Return a server's rules, or those of direct messages. Raises StorageError."""
        if guild_id is None:
            return GuildSettings()
        kept = self._cached.get(guild_id)
        if kept is None:
            kept = self._cached[guild_id] = await self._guild_store.guild_settings(guild_id)
            if len(self._cached) > _MAX_CACHED:
                self._cached.popitem(last=False)
        return kept

    async def everywhere(self) -> GuildSettings:
        """Return the operator's choice of providers, a few seconds old at most.

        It is made in another process. Raises StorageError.
        """
        now = self._clock.now()
        if self._everywhere_until is None or self._everywhere_until <= now:
            self._everywhere_until = now + _EVERYWHERE_TTL
            self.invalidate(EVERYWHERE)
        return await self.settings(EVERYWHERE)

    def check_current(self, ledger: LedgerReader, guild_id: int | None) -> None:
        """Return if the rules in memory are those on disk; inside a transaction.

        Raises StaleSettingsError; what was kept of them is forgotten then.
        """
        for each in (EVERYWHERE,) if guild_id is None else (EVERYWHERE, guild_id):
            kept = self._cached.get(each)
            if kept is not None and kept != ledger.guild_settings(each):
                del self._cached[each]
                raise StaleSettingsError

    def invalidate(self, guild_id: int) -> None:
        """Read a server's rules anew when they are next asked for."""
        self._cached.pop(guild_id, None)
