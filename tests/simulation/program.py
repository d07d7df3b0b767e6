"""The pieces of the program that a variant may replace; this one replaces none."""

from __future__ import annotations

from bot.clock import Clock
from bot.jobs.pace import Pace
from bot.jobs.ports import Courier
from bot.providers.base import Provider
from bot.storage.base import Store
from bot.storage.store import SqliteStore
from tests.simulation.courier import ScriptedCourier
from tests.simulation.provider import ScriptedProvider
from tests.simulation.world import World


class Program:
    """The bot as it is."""

    #: What is broken by it, as the checker says it; nothing by the bot as it is.
    shows = ""
    #: A seed that showed it; where one no longer does, another is found.
    shown_by = 0

    def pace(self) -> Pace:
        """Return the usual waiting times; the table is asked less often while nothing is due."""
        return Pace(idle_s=120.0, busy_s=2.0, poll_few_s=10.0, card_gap_s=10.0)

    def clock(self, world: World, clock: Clock) -> Clock:
        return clock

    def store(self, store: SqliteStore) -> Store:
        return store

    def provider(self, provider: ScriptedProvider, store: SqliteStore) -> Provider:
        return provider

    def courier(self, courier: ScriptedCourier, store: Store, clock: Clock) -> Courier:
        return courier
