"""What the steps of a job work with, and how they end a job that gets no clip."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.errors import (
    ModerationError,
    NoProviderError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderRejectedError,
    SorabotError,
)
from bot.jobs.budget import BudgetMonitor
from bot.jobs.catalogue import Catalogue
from bot.jobs.guild_settings_cache import GuildSettingsCache
from bot.jobs.job_status import JobStatusReader
from bot.jobs.ports import Dependencies, Wake
from bot.jobs.status_cards import StatusCards
from bot.jobs.thumbnails import Thumbnails
from bot.jobs.timings import NotFoundDebounce
from bot.model import EntryKind, Job, State
from bot.storage.render_journal import RenderJournal

_log = logging.getLogger(__name__)
#: After these errors the provider rendered nothing that it could bill.
_NOTHING_RENDERED = (NotAcceptedError, ProviderRejectedError, ProviderAccountError, NoProviderError)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext(Dependencies):
    """The dependencies of `bot.jobs` and the parts built on them; one per process."""

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

    def now(self) -> datetime:
        """Return the present instant of the bot's clock."""
        return self.clock.now()

    def after(self, seconds: float) -> datetime:
        """Return the instant that many seconds from now."""
        return self.now() + timedelta(seconds=seconds)

    def after_failures(self, failures: int, *, hint_s: float | None = None) -> datetime:
        """Return when to try again after `failures` in a row; see `Timings.backoff_s`."""
        return self.after(self.timings.backoff_s(failures, hint_s=hint_s))

    def is_late(self, job: Job) -> bool:
        """Return whether the job's deadline has passed; a job without a deadline is never late."""
        return job.deadline_at is not None and self.now() > job.deadline_at

    async def fail(
        self, job: Job, error: SorabotError, *, cost_usd_micros: int | None = None
    ) -> None:
        """End `job` with `error`: the member reads its `user_text` and usually gets a refund.

        cost_usd_micros  what the provider says it charges anyway. A cost is settled, not refunded:
                         prompts that fail after a paid render would otherwise spend without limit.
        """
        refunds = error.refundable and not cost_usd_micros
        ended = await self.store.move(
            job,
            State.FAILED,
            self.now(),
            close=EntryKind.REFUND if refunds else EntryKind.SETTLE,
            cost_usd_micros=None if refunds else cost_usd_micros,
            error_code=error.code,
            error_text=error.user_text,
        )
        if ended is None:
            return
        level = logging.INFO if isinstance(error, ModerationError) else logging.WARNING
        _log.log(level, "failed from %s: %s: %s", job.state, error.code, error)
        # A job with a remote id was accepted, whatever the error is.
        was_taken = job.remote_id is not None or not isinstance(error, _NOTHING_RENDERED)
        if job.submitted_at is not None and ended.refunded and was_taken:
            _log.warning(
                "refunded; %d.%06d USD may have been spent at %s (remote id %s)",
                *divmod(job.spec.estimate_usd_micros, 1_000_000),
                job.spec.provider,
                job.remote_id,
            )
        self.status_cards.mark_dirty(job.request_id)
        await self.budget_monitor.check_job(ended)

    async def cancel(self, job: Job) -> None:
        """Cancel `job`, which costs nothing at its provider, and refund all of it."""
        ended = await self.store.move(job, State.CANCELLED, self.now(), close=EntryKind.REFUND)
        if ended is not None:
            _log.info("cancelled from %s", job.state)
            self.status_cards.mark_dirty(job.request_id)
