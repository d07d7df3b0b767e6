"""What the coroutines of the flow work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.archive.base import Archive
from bot.clock import Clock
from bot.jobs.budget import BudgetMonitor
from bot.jobs.catalogue import Catalogue
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.job_status import JobStatusReader
from bot.jobs.ports import ClipPublisher, Wake
from bot.jobs.status_cards import StatusCards
from bot.jobs.thumbnails import Thumbnails
from bot.jobs.timings import NotFoundDebounce, Timings
from bot.providers.base import Provider
from bot.providers.health import CircuitBreakers
from bot.quota.rule import QuotaRule
from bot.storage.base import JobStore
from bot.storage.disk_space import DiskSpace
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    """One set a process; nothing here changes while it runs."""

    store: JobStore
    outbox: Outbox
    guild_store: GuildSettingsStore
    status_reader: JobStatusReader
    thumbnails: Thumbnails
    clock: Clock
    providers: Mapping[str, Provider]
    #: How each of them is doing.
    health: CircuitBreakers
    #: Of which of their renders they said that they don't know them.
    not_found_debounce: NotFoundDebounce
    catalogue: Catalogue
    settings_cache: GuildSettingsCache
    quota: QuotaRule
    budget_monitor: BudgetMonitor
    wake: Wake
    archive: Archive
    publisher: ClipPublisher
    status_cards: StatusCards
    timings: Timings
    #: For files on their way; emptied by whoever fills it.
    temp_dir: Path
    #: Larger files are not taken from a provider, in bytes.
    max_clip_bytes: int
    #: The space on the disks.
    disk_space: DiskSpace

    def after(self, seconds: float) -> datetime:
        """Return the instant that many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    def after_failures(self, failures: int, *, hint_s: float | None = None) -> datetime:
        """Return when to try again after `failures` in a row; see `Timings.backoff_s`."""
        return self.after(self.timings.backoff_s(failures, hint_s=hint_s))
