"""What the reconciler's coroutines work with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.jobs.budget import BudgetMonitor
from bot.jobs.catalogue import Catalogue
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.job_status import JobStatusReader
from bot.jobs.ports import Dependencies, Wake
from bot.jobs.status_cards import StatusCards
from bot.jobs.thumbnails import Thumbnails
from bot.jobs.timings import NotFoundDebounce
from bot.storage.render_journal import RenderJournal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext(Dependencies):
    """The dependencies, and the parts built on them; one per process, its fields never change."""

    status_reader: JobStatusReader
    thumbnails: Thumbnails
    render_journal: RenderJournal
    not_found_debounce: NotFoundDebounce
    catalogue: Catalogue
    settings_cache: GuildSettingsCache
    budget_monitor: BudgetMonitor
    wake: Wake
    status_cards: StatusCards

    @property
    def temp_dir(self) -> Path:
        """The folder for temporary files; each coroutine removes its own."""
        return self.data_dir / "tmp"

    def after(self, seconds: float) -> datetime:
        """Return the instant that many seconds from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    def after_failures(self, failures: int, *, hint_s: float | None = None) -> datetime:
        """Return when to try again after `failures` in a row; see `Timings.backoff_s`."""
        return self.after(self.timings.backoff_s(failures, hint_s=hint_s))
