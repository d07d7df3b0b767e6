"""The parts of the bot that a planted defect may replace; this one replaces none."""

from __future__ import annotations

from bot.clock import Clock
from bot.jobs.ports import ClipPublisher
from bot.jobs.timings import Timings
from bot.providers.base import Provider
from bot.storage.base import JobStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.simulation.provider import ScriptedProvider
from tests.simulation.publisher import ScriptedPublisher
from tests.simulation.world import SimulatedWorld


class Program:
    """The bot without a planted defect."""

    #: Part of the violation that the defect causes; empty for none.
    shows = ""
    #: The seed that is tried first, because it showed the defect.
    shown_by = 0

    def timings(self) -> Timings:
        """Return production's timings, but with longer gaps, which makes a seed faster."""
        return Timings(
            reconcile_max_gap_s=120.0, reconcile_min_gap_s=2.0, poll_few_s=10.0, card_gap_s=10.0
        )

    def clock(self, world: SimulatedWorld, clock: Clock) -> Clock:
        return clock

    def store(self, store: SqliteJobStore) -> JobStore:
        return store

    def provider(self, provider: ScriptedProvider, store: SqliteJobStore) -> Provider:
        return provider

    def publisher(
        self, publisher: ScriptedPublisher, store: JobStore, clock: Clock
    ) -> ClipPublisher:
        return publisher
