"""The rules of servers, in memory: a command waits for the database once, not twice."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from bot.clock import Clock
from bot.server import EVERYWHERE, HouseRules
from bot.storage.base import Books
from bot.storage.keeping import Keeping

_MAX_KEPT = 10_000
_FRESH = timedelta(seconds=5)


class StaleRulesError(Exception):
    """The rules that an order was made under have changed since; make it again."""


class Houses:
    """What servers allow, read once and checked again in the transaction that accepts an order.

    The operator's own choice of providers, which holds everywhere, is kept with them. Another
    process may change either: `confirm` finds out.
    """

    def __init__(self, keeping: Keeping, clock: Clock) -> None:
        self._keeping = keeping
        self._clock = clock
        self._everywhere_until: datetime | None = None
        self._kept: OrderedDict[int, HouseRules] = OrderedDict()

    async def rules(self, guild_id: int | None) -> HouseRules:
        """Return a server's rules, or those of direct messages. Raises StorageError."""
        if guild_id is None:
            return HouseRules()
        kept = self._kept.get(guild_id)
        if kept is None:
            kept = self._kept[guild_id] = await self._keeping.rules(guild_id)
            if len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return kept

    async def everywhere(self) -> HouseRules:
        """Return the operator's choice of providers, a few seconds old at most.

        It is made in another process. Raises StorageError.
        """
        now = self._clock.now()
        if self._everywhere_until is None or self._everywhere_until <= now:
            self._everywhere_until = now + _FRESH
            self.forget(EVERYWHERE)
        return await self.rules(EVERYWHERE)

    def confirm(self, books: Books, guild_id: int | None) -> None:
        """Return if the rules in memory are those on disk; inside a transaction.

        Raises StaleRulesError; what was kept of them is forgotten then.
        """
        for each in (EVERYWHERE,) if guild_id is None else (EVERYWHERE, guild_id):
            kept = self._kept.get(each)
            if kept is not None and kept != books.rules(each):
                del self._kept[each]
                raise StaleRulesError

    def forget(self, guild_id: int) -> None:
        """Read a server's rules anew when they are next asked for."""
        self._kept.pop(guild_id, None)
