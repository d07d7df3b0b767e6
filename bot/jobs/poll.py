"""Poll a provider for its renders, and act on its answers."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from bot.errors import (
    DeadlineError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    RenderFailedError,
    StorageError,
)
from bot.jobs.ports import TaskKind
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State
from bot.obs.log import job_log_context
from bot.providers.base import Provider, RenderState, RenderStatus

_log = logging.getLogger(__name__)
#: The longest that one round of polls may take, in seconds.
_ROUND_TIMEOUT_S = 300.0
#: The highest cost of a clip: a larger amount is a mistake, and may not fit into a column.
_MAX_COST_USD_MICROS = 10_000_000_000


async def poll(ctx: WorkerContext, provider: Provider, jobs: Sequence[Job], gap_s: float) -> None:
    """Poll a provider for its RENDERING `jobs` at once and act on each answer; idempotent.

    gap_s  seconds to the next poll of a healthy render.
    Jobs whose cancellation was requested are cancelled instead. Raises the first exception from
    acting on an answer, after all answers were acted on.
    """
    errors: list[Exception] = []
    ids = [job.remote_id for job in jobs if job.remote_id and job.cancel_requested_at is None]
    answers = await _ask(provider, ids)
    still_running: list[tuple[Job, RenderStatus]] = []
    for job in jobs:
        with job_log_context(job.id):
            try:
                if job.cancel_requested_at is not None:
                    await cancel_render(ctx, provider, job)
                elif job.remote_id is not None:
                    answer = answers[job.remote_id]
                    if _is_still_running(answer, job, ctx):
                        still_running.append((job, answer))
                    else:
                        await _apply(ctx, provider, job, answer, gap_s)
            except Exception as error:  # noqa: BLE001
                # One job's exception must not stop the others.
                _log.warning("poll put off: %r", error)
                errors.append(error)
    try:
        await _note_progress(ctx, still_running, gap_s)
    except StorageError as error:
        errors.append(error)
    if errors:
        raise errors[0]


async def cancel_render(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    """Cancel a RENDERING job whose cancellation was requested, if the provider can stop it.

    A render that can't be stopped is paid for: the cancellation is dropped, and the job goes on.
    """
    if job.remote_id is None:
        return
    try:
        stopped = await provider.cancel(job.remote_id)
    except ProviderTroubleError as error:
        _log.warning("cancel not answered: %s", error)
        if ctx.is_late(job):
            await ctx.fail(job, DeadlineError("neither stopped nor ready at the deadline"))
        else:
            await ctx.store.update(job, due_at=ctx.after(ctx.timings.backoff_first_s))
        return
    except ProviderError as error:
        _log.warning("cancel refused: %s", error)
        stopped = False
    if stopped:
        await ctx.cancel(job)
        return
    _log.info("can't be stopped any more; goes on")
    await ctx.store.update(job, cancel_requested_at=None, due_at=ctx.now())
    ctx.status_cards.mark_dirty(job.request_id)


async def _ask(
    provider: Provider, remote_ids: Sequence[str]
) -> Mapping[str, RenderStatus | ProviderError]:
    if not remote_ids:
        return {}
    try:
        async with asyncio.timeout(_ROUND_TIMEOUT_S):
            answers = await provider.poll(remote_ids)
    except (ProviderError, TimeoutError) as error:
        trouble = ProviderTroubleError(f"the whole round failed: {error!r}")
        return dict.fromkeys(remote_ids, trouble)
    missing = ProviderTroubleError("no answer for this id")
    return {each: answers.get(each, missing) for each in remote_ids}


def _is_still_running(
    answer: RenderStatus | ProviderError, job: Job, ctx: WorkerContext
) -> TypeGuard[RenderStatus]:
    """Return whether a render goes on and has time left, so that only its progress is stored."""
    return (
        isinstance(answer, RenderStatus)
        and answer.state not in (RenderState.READY, RenderState.FAILED)
        and not ctx.is_late(job)
    )


async def _apply(
    ctx: WorkerContext,
    provider: Provider,
    job: Job,
    answer: RenderStatus | ProviderError,
    gap_s: float,
) -> None:
    """Move `job` by the provider's answer; a READY render counts even past the deadline."""
    late = ctx.is_late(job)
    match answer:
        case RenderStatus(state=RenderState.READY):
            await _ready(ctx, job, answer)
        case RenderStatus(state=RenderState.FAILED):
            error = answer.error or RenderFailedError("no reason given")
            await ctx.fail(job, error, cost_usd_micros=_cost_usd_micros(answer))
        case RenderStatus():
            await _give_up(ctx, provider, job)
        # Past the deadline a 404 is counted like any other missing answer.
        case RemoteNotFoundError() if not late:
            await _not_found(ctx, provider, job, answer)
        case ProviderError():
            await _no_answer(ctx, provider, job, answer, gap_s, late=late)


async def _no_answer(
    ctx: WorkerContext,
    provider: Provider,
    job: Job,
    error: ProviderError,
    gap_s: float,
    *,
    late: bool,
) -> None:
    """Poll again later; past the deadline give up after `late_tries` polls without an answer."""
    attempts, timings = job.attempts + late, ctx.timings
    if attempts >= timings.late_tries:
        await _give_up(ctx, provider, job)
        return
    hint_s = error.retry_after_s if isinstance(error, ProviderTroubleError) else None
    wait_s = max(gap_s, timings.backoff_s(3, hint_s=hint_s))
    if late:
        wait_s = max(wait_s, timings.backoff_s(attempts))
    _log.info("no usable answer (%s); next poll in %.0f s", error, wait_s)
    await ctx.store.update(job, attempts=attempts, due_at=ctx.after(wait_s))


def _cost_usd_micros(render: RenderStatus) -> int | None:
    """Return the cost that the provider states; None when it states none or an impossible one."""
    stated = render.cost_usd_micros
    if stated is None or 0 <= stated <= _MAX_COST_USD_MICROS:
        return stated
    _log.error("ignored the stated cost of render %s: it is impossible", render.id)
    return None


async def _ready(ctx: WorkerContext, job: Job, render: RenderStatus) -> None:
    now = ctx.now()
    moved = await ctx.store.move(
        job,
        State.DOWNLOADING,
        now,
        rendered_at=now,
        due_at=ctx.after(ctx.timings.delivery_check_s),
        cost_usd_micros=_cost_usd_micros(render),
        progress=100,
    )
    if moved is not None:
        ctx.status_cards.mark_dirty(job.request_id)
        ctx.wake(TaskKind.DELIVER, job.id)


async def _note_progress(
    ctx: WorkerContext, renders: Sequence[tuple[Job, RenderStatus]], usual_s: float
) -> None:
    """Store the progress of all renders in one write, since each write waits for the disk."""
    updated: list[Job] = []
    for job, render in renders:
        # Answers can arrive out of order; the progress shown never goes down.
        known = [value for value in (job.progress, render.progress) if value is not None]
        gap_s = usual_s if render.poll_after_s is None else render.poll_after_s
        updated.append(replace(job, progress=max(known, default=None), due_at=ctx.after(gap_s)))
    await ctx.store.note_renders(updated)
    for (before, _), after in zip(renders, updated, strict=True):
        if after.progress != before.progress:
            ctx.status_cards.mark_dirty(after.request_id, is_urgent=False)


async def _not_found(
    ctx: WorkerContext, provider: Provider, job: Job, error: RemoteNotFoundError
) -> None:
    """Count a 404 for a render: only several over minutes mean that the render is lost."""
    in_memory = provider.capabilities().keeps_renders_in_memory
    counts_at = None if in_memory else ctx.not_found_debounce.next_at(job)
    if counts_at is not None:
        await ctx.store.update(job, due_at=counts_at)
        return
    attempts = job.attempts + 1
    if in_memory or attempts >= ctx.timings.not_found_limit:
        await ctx.fail(job, error)
        return
    _log.warning("%s does not know %s (%d)", job.spec.provider, job.remote_id, attempts)
    due_at = ctx.after(ctx.timings.not_found_gap_s)
    await ctx.store.update(job, attempts=attempts, due_at=due_at)


async def _give_up(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    if job.remote_id is not None:
        try:
            await provider.cancel(job.remote_id)
        except ProviderError as error:
            _log.warning("cancel of an overdue render: %s", error)
    await ctx.fail(job, DeadlineError("still not ready at the deadline"))
