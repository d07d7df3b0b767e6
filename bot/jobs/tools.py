"""What the coroutines of the flow work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.archive.base import Archive
from bot.clock import Clock
from bot.jobs.absences import Absences
from bot.jobs.board import Board
from bot.jobs.catalogue import Catalogue
from bot.jobs.houses import Houses
from bot.jobs.pace import Pace
from bot.jobs.ports import Courier, Kick
from bot.jobs.statuses import Statuses
from bot.jobs.stills import Stills
from bot.jobs.treasurer import Treasurer
from bot.providers.base import Provider
from bot.providers.health import HealthBook
from bot.quota.rule import QuotaRule
from bot.storage.base import Store
from bot.storage.errands import Errands
from bot.storage.keeping import Keeping
from bot.storage.room import Room


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """One set a process; nothing here changes while it runs."""

    store: Store
    errands: Errands
    keeping: Keeping
    statuses: Statuses
    stills: Stills
    clock: Clock
    providers: Mapping[str, Provider]
    #: How each of them is doing.
    health: HealthBook
    #: Of which of their renders they said that they don't know them.
    absences: Absences
    catalogue: Catalogue
    houses: Houses
    quota: QuotaRule
    treasurer: Treasurer
    kick: Kick
    archive: Archive
    courier: Courier
    board: Board
    pace: Pace
    #: For files on their way; emptied by whoever fills it.
    temp_dir: Path
    #: Larger files are not taken from a provider, in bytes.
    max_clip_bytes: int
    #: The space on the disks.
    room: Room

    def after(self, seconds: float) -> datetime:
        """Return the instant so many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)
