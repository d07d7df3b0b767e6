"""End a job without a clip, as failed or cancelled, and close its ledger in the same move."""

from __future__ import annotations

import logging

from bot.errors import (
    ModerationError,
    NoProviderError,
    NotAcceptedError,
    ProviderAccountError,
    ProviderRejectedError,
    SorabotError,
)
from bot.jobs.worker_context import WorkerContext
from bot.model import EntryKind, Job, State

_log = logging.getLogger(__name__)
#: After these the provider rendered nothing that it could bill.
_NOTHING_RENDERED = (NotAcceptedError, ProviderRejectedError, ProviderAccountError, NoProviderError)


async def fail(
    context: WorkerContext, job: Job, error: SorabotError, *, cost_usd_micros: int | None = None
) -> None:
    """End `job` with `error`: the member reads its `user_text` and usually gets the reservation back.

    cost_usd_micros  what the provider says it charges anyway. A cost is settled, not refunded:
                     prompts that fail after a paid render would otherwise spend without limit.
    """
    refunds = error.refundable and not cost_usd_micros
    close = EntryKind.REFUND if refunds else EntryKind.SETTLE
    ended = await context.store.move(
        job,
        State.FAILED,
        context.clock.now(),
        close=close,
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
    context.status_cards.mark_dirty(job.request_id)
    await context.budget_monitor.check_job(ended)


async def cancel(context: WorkerContext, job: Job) -> None:
    """Cancel `job`, which costs nothing at its provider, and refund all of it."""
    now = context.clock.now()
    ended = await context.store.move(job, State.CANCELLED, now, close=EntryKind.REFUND)
    if ended is not None:
        _log.info("cancelled from %s", job.state)
        context.status_cards.mark_dirty(job.request_id)
