"""The parts of the bot that a planted defect may replace."""

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
    """The bot without a planted defect; the planted defects are subclasses."""

    #: A part of the text of the violation that the planted defect causes; empty without a defect.
    shows = ""
    #: The seed with which the planted defect is tried first, because the defect showed in it.
    shown_by = 0

    def timings(self) -> Timings:
        """Return the production timings, but with longer gaps, which make a simulation faster."""
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
