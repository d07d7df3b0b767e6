"""Asking a provider how its renders are doing."""

from __future__ import annotations

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
from bot.jobs.finish import cancel, fail
from bot.jobs.ports import TaskKind, Wake
from bot.jobs.timings import poll_gap_s
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State
from bot.obs.log import job_log_context
from bot.providers.base import Provider, RenderState, RenderStatus

_log = logging.getLogger(__name__)
#: Longest one round of polls may take, in seconds.
_ROUND_TIMEOUT_S = 300.0
#: No clip costs more; what says so is a mistake, and may not even fit into a column.
_MAX_COST_USD_MICROS = 10_000_000_000


async def poll(
    context: WorkerContext, provider: Provider, jobs: Sequence[Job], running: int, wake: Wake
) -> None:
    """Ask for all of `jobs` (RENDERING, at `provider`) at once and act on each answer; idempotent.

    Those that shall be cancelled are not asked for but stopped.
    running  renders at the provider in all: many are asked for less often.
    Every answer is acted on; then the first error of ours in doing so is raised.
    """
    troubles: list[Exception] = []
    ids = [job.remote_id for job in jobs if job.remote_id and job.cancel_requested_at is None]
    answers = await _ask(provider, ids)
    going_on: list[tuple[Job, RenderStatus]] = []
    for job in jobs:
        with job_log_context(job.id):
            try:
                if job.cancel_requested_at is not None:
                    await cancel_render(context, provider, job)
                elif job.remote_id is not None:
                    answer = answers[job.remote_id]
                    if _is_still_running(answer, job, context):
                        going_on.append((job, answer))
                    else:
                        await _apply(context, provider, job, answer, running, wake)
            except Exception as error:  # noqa: BLE001
                # One job's defect must not stop the others.
                _log.warning("poll put off: %r", error)
                troubles.append(error)
    try:
        await _note_progress(context, provider, going_on, running)
    except StorageError as error:
        troubles.append(error)
    if troubles:
        raise troubles[0]


async def cancel_render(context: WorkerContext, provider: Provider, job: Job) -> None:
    """End a RENDERING job whose owner asked for it, if the provider can stop it.

    If it can't, the render is paid for whatever is done: the wish is dropped and the clip comes.
    """
    if job.remote_id is None:
        return
    try:
        stopped = await provider.cancel(job.remote_id)
    except ProviderTroubleError as error:
        _log.warning("cancel not answered: %s", error)
        if job.deadline_at is not None and context.clock.now() > job.deadline_at:
            await fail(context, job, DeadlineError("neither stopped nor ready at the deadline"))
        else:
            await context.store.update(job, due_at=context.after(context.timings.backoff_first_s))
        return
    except ProviderError as error:
        _log.warning("cancel refused: %s", error)
        stopped = False
    if stopped:
        await cancel(context, job)
        return
    _log.info("can't be stopped any more; goes on")
    await context.store.update(job, cancel_requested_at=None, due_at=context.clock.now())
    context.status_cards.mark_dirty(job.request_id)


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


def _is_late(context: WorkerContext, job: Job) -> bool:
    return job.deadline_at is not None and context.clock.now() > job.deadline_at


def _is_still_running(
    answer: RenderStatus | ProviderError, job: Job, context: WorkerContext
) -> TypeGuard[RenderStatus]:
    """Whether there is nothing to do but to ask again."""
    is_over = (RenderState.READY, RenderState.FAILED)
    return (
        isinstance(answer, RenderStatus)
        and answer.state not in is_over
        and not _is_late(context, job)
    )


async def _apply(
    context: WorkerContext,
    provider: Provider,
    job: Job,
    answer: RenderStatus | ProviderError,
    running: int,
    wake: Wake,
) -> None:
    """Move `job` by what the provider said; READY wins even over a deadline: it is paid for."""
    late = _is_late(context, job)
    match answer:
        case RenderStatus(state=RenderState.READY):
            await _ready(context, job, answer, wake)
        case RenderStatus(state=RenderState.FAILED):
            error = answer.error or RenderFailedError("no reason given")
            await fail(context, job, error, cost_usd_micros=_cost_usd_micros(answer))
        case RenderStatus():
            await _give_up(context, provider, job)
        # Past the deadline it is one silence more: `attempts` counts all of those then.
        case RemoteNotFoundError() if not late:
            await _not_found(context, provider, job, answer)
        case ProviderError():
            hint_s = answer.retry_after_s if isinstance(answer, ProviderTroubleError) else None
            wait_s = max(
                poll_gap_s(running, provider.capabilities(), context.timings),
                context.timings.backoff_s(3, hint_s=hint_s),
            )
            await _no_answer(context, provider, job, answer, wait_s, late=late)


async def _no_answer(
    context: WorkerContext,
    provider: Provider,
    job: Job,
    error: ProviderError,
    wait_s: float,
    *,
    late: bool,
) -> None:
    """Ask again later. Past the deadline it may be ready all the same: that takes many silences."""
    attempts = job.attempts + 1 if late else job.attempts
    if attempts >= context.timings.late_tries:
        await _give_up(context, provider, job)
        return
    if late:
        wait_s = max(wait_s, context.timings.backoff_s(attempts))
    _log.info("no usable answer (%s); again in %.0f s", error, wait_s)
    await context.store.update(job, attempts=attempts, due_at=context.after(wait_s))


def _cost_usd_micros(render: RenderStatus) -> int | None:
    """Return what the provider says of the cost where that can be true; None: the estimate holds."""
    told = render.cost_usd_micros
    if told is None or 0 <= told <= _MAX_COST_USD_MICROS:
        return told
    _log.error("render %s is said to cost what no clip can: not believed", render.id)
    return None


async def _ready(context: WorkerContext, job: Job, render: RenderStatus, wake: Wake) -> None:
    now = context.clock.now()
    moved = await context.store.move(
        job,
        State.DOWNLOADING,
        now,
        rendered_at=now,
        due_at=context.after(context.timings.delivery_check_s),
        cost_usd_micros=_cost_usd_micros(render),
        progress=100,
    )
    if moved is not None:
        context.status_cards.mark_dirty(job.request_id)
        wake(TaskKind.DELIVER, job.id)


async def _note_progress(
    context: WorkerContext,
    provider: Provider,
    renders: Sequence[tuple[Job, RenderStatus]],
    running: int,
) -> None:
    """Note how far renders are, together: each write of its own would wait for the disk."""
    usual_s = poll_gap_s(running, provider.capabilities(), context.timings)
    noted: list[Job] = []
    for job, remote in renders:
        # Answers can overtake each other: what was shown once never goes back.
        known = [value for value in (job.progress, remote.progress) if value is not None]
        gap_s = usual_s if remote.poll_after_s is None else remote.poll_after_s
        noted.append(replace(job, progress=max(known, default=None), due_at=context.after(gap_s)))
    await context.store.note_renders(noted)
    for (before, _), after in zip(renders, noted, strict=True):
        if after.progress != before.progress:
            context.status_cards.mark_dirty(after.request_id, is_urgent=False)


async def _not_found(
    context: WorkerContext, provider: Provider, job: Job, error: RemoteNotFoundError
) -> None:
    """Count one "unknown id": only several of them over minutes mean that the render is lost."""
    counts_at = (
        None
        if provider.capabilities().keeps_renders_in_memory
        else context.not_found_debounce.next_at(job)
    )
    if counts_at is not None:
        await context.store.update(job, due_at=counts_at)
        return
    attempts = job.attempts + 1
    if (
        provider.capabilities().keeps_renders_in_memory
        or attempts >= context.timings.not_found_limit
    ):
        await fail(context, job, error)
        return
    _log.warning("%s does not know %s (%d)", job.spec.provider, job.remote_id, attempts)
    due_at = context.after(context.timings.not_found_gap_s)
    await context.store.update(job, attempts=attempts, due_at=due_at)


async def _give_up(context: WorkerContext, provider: Provider, job: Job) -> None:
    if job.remote_id is not None:
        try:
            await provider.cancel(job.remote_id)
        except ProviderError as error:
            _log.warning("cancel of an overdue render: %s", error)
    await fail(context, job, DeadlineError("still not ready at the deadline"))
