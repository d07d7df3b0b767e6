"""What the reconciler's coroutines work with."""

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
    """One for a process; its fields never change."""

    store: JobStore
    outbox: Outbox
    guild_store: GuildSettingsStore
    status_reader: JobStatusReader
    thumbnails: Thumbnails
    clock: Clock
    providers: Mapping[str, Provider]
    #: Whether each provider takes jobs.
    health: CircuitBreakers
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
    #: For temporary files; each coroutine removes its own.
    temp_dir: Path
    #: Largest file that is downloaded from a provider, in bytes.
    max_clip_bytes: int
    #: The space on the disks.
    disk_space: DiskSpace

    def after(self, seconds: float) -> datetime:
        """Return the instant that many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    def after_failures(self, failures: int, *, hint_s: float | None = None) -> datetime:
        """Return when to try again after `failures` in a row; see `Timings.backoff_s`."""
        return self.after(self.timings.backoff_s(failures, hint_s=hint_s))
