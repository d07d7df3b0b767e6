"""Make the paid call for a QUEUED job."""

import asyncio
import logging
from datetime import timedelta

from bot.errors import (
    DeadlineError,
    DuplicateRenderError,
    NoProviderError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    RenderLostError,
    SourceGoneError,
    StorageError,
    UnknownOutcomeError,
)
from bot.jobs.failover import fail_over, notify_outage, provider_takes_job
from bot.jobs.poll import cancel_render
from bot.jobs.remixing import provider_prompt
from bot.jobs.timings import first_poll_s
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Operation, State
from bot.providers.base import Provider, ProviderRequest, RenderState, RenderStatus
from bot.storage.render_journal import AcceptedRender

_log = logging.getLogger(__name__)
#: After these errors the provider certainly did not accept the job, so another provider may.
NOT_TAKEN = (NotAcceptedError, NotOfferedError, ProviderAccountError)
#: How many paid calls are made for one job when their outcomes stay unknown.
_MAX_CREATES = 2


async def submit(ctx: WorkerContext, job: Job) -> None:
    """Commit that a QUEUED job is SUBMITTING, then make its paid call; idempotent."""
    provider = ctx.providers.get(job.spec.provider)
    if provider is not None:
        await _claim_and_call(ctx, provider, job)
    elif not await fail_over(ctx, job):
        await ctx.fail(job, NoProviderError("The video service for this is switched off."))


async def _claim_and_call(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    if job.cancel_requested_at is not None:
        await ctx.cancel(job)
        return
    if job.creates >= _MAX_CREATES:
        await ctx.fail(job, RenderLostError(f"{job.creates} creates were lost"))
        return
    capabilities, timings, now = provider.capabilities(), ctx.timings, ctx.now()
    if not await provider_takes_job(ctx, job) and await _send_elsewhere(ctx, job):
        return
    uncertain_s = timings.create_s + timings.quiet_s
    claimed = await ctx.store.claim_slot(
        job,
        now,
        max_concurrent=capabilities.max_concurrent,
        submitted_at=now,
        # The deadline restarts on every attempt: rejected attempts don't count against it.
        deadline_at=now + timedelta(seconds=capabilities.deadline_s),
        due_at=ctx.after(
            timings.backoff_first_s if capabilities.submit_is_idempotent else uncertain_s
        ),
        attempts=job.attempts,
        creates=job.creates + 1,
    )
    if claimed is not None:
        # Most responses arrive at once: the status card is edited only then, to save an edit.
        await _call(ctx, provider, claimed)


async def _send_elsewhere(ctx: WorkerContext, job: Job) -> bool:
    """Move, fail or delay a QUEUED job whose provider takes no new jobs, and return True.

    Returns False to submit the job to its own provider all the same: a moderator drained that
    healthy provider after the job was accepted, and no other provider can make the clip.
    """
    if await fail_over(ctx, job):
        return True
    name = job.spec.provider
    health = ctx.health.of(name)
    if ctx.health.takes_work(name) or health.until is None:
        return False
    if ctx.health.is_out(name):
        await notify_outage(ctx, job)
        await ctx.fail(job, ProviderAccountError(f"{name} is out"))
        return True
    # Only the time in which the provider took no jobs counts, not the time in the queue before.
    waited = ctx.now() - max(health.since, job.state_at)
    if waited.total_seconds() > ctx.timings.submit_give_up_s:
        await ctx.fail(job, DeadlineError(f"{name}: {health.reason}"))
        return True
    soonest_at = ctx.after(ctx.timings.reconcile_min_gap_s)
    await ctx.store.update(job, due_at=max(health.until, soonest_at))
    return True


async def _call(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    try:
        render = await submit_once(ctx, provider, job)
    except NOT_TAKEN as error:
        await _handle_not_taken(ctx, job, error)
    except StorageError as error:
        # Nothing was sent, and the fault is this machine's: another provider wouldn't help.
        await _requeue(ctx, job, error)
    except ProviderError as error:
        await handle_failed_call(ctx, provider, job, error)
    else:
        await accept_answer(ctx, provider, job, render)


async def handle_failed_call(
    ctx: WorkerContext, provider: Provider, job: Job, error: ProviderError
) -> None:
    """Queue, delay or fail a job whose paid call may be accepted or was rejected for good."""
    if isinstance(error, SourceGoneError):
        await _compose_instead(ctx, job, error)
    elif isinstance(error, UnknownOutcomeError):
        _log.warning("outcome of the create unknown: %s", error)
        idempotent = provider.capabilities().submit_is_idempotent
        wait_s = ctx.timings.backoff_first_s if idempotent else ctx.timings.quiet_s
        await ctx.store.update(job, due_at=ctx.after(wait_s))
    else:
        await ctx.fail(job, error)


async def _handle_not_taken(ctx: WorkerContext, job: Job, error: ProviderError) -> None:
    """Move a job that was certainly not accepted to the next provider, or back into the queue."""
    if isinstance(error, ProviderAccountError):
        await notify_outage(ctx, job)
    if await fail_over(ctx, job):
        return
    if isinstance(error, NotAcceptedError):
        await _requeue(ctx, job, error)
    else:
        await ctx.fail(job, error)


async def submit_once(ctx: WorkerContext, provider: Provider, job: Job) -> RenderStatus:
    """Make the paid call and return what the provider says of the render.

    Raises ProviderError, and StorageError when nothing was sent. Any other exception becomes
    UnknownOutcomeError: a bug after the request was sent must not count as "never sent".
    """
    spec, native = job.spec, job.source_remote_id is not None
    takes_image = ctx.catalogue.takes_image(spec.provider, spec.model)
    async with ctx.thumbnails.first_frame(job, ctx.temp_dir, takes_image=takes_image) as image:
        request = ProviderRequest(
            idempotency_key=job.id,
            prompt=provider_prompt(job),
            model=spec.model,
            seconds=spec.seconds,
            size=spec.size,
            seed=job.seed,
            image=image,
            operation=spec.operation if native else Operation.GENERATE,
            source_remote_id=job.source_remote_id,
        )
        try:
            async with asyncio.timeout(ctx.timings.create_s):
                return await provider.submit(request)
        except ProviderError:
            raise
        except Exception as error:
            raise UnknownOutcomeError(f"{type(error).__name__}: {error}") from error


async def _compose_instead(ctx: WorkerContext, job: Job, error: SourceGoneError) -> None:
    """Queue a job again without its parent's render; fail a job whose model needs the render."""
    if job.source_remote_id is None or not ctx.catalogue.can_compose(job.spec):
        await ctx.fail(job, error)
        return
    _log.info("composed instead: %s", error)
    now = ctx.now()
    moved = await ctx.store.move(
        job,
        State.QUEUED,
        now,
        due_at=now,
        attempts=job.attempts,
        creates=max(job.creates - 1, 0),
        source_remote_id=None,
    )
    await _after_requeue(ctx, job, moved)


async def _requeue(ctx: WorkerContext, job: Job, error: NotAcceptedError | StorageError) -> None:
    attempts, timings = job.attempts + 1, ctx.timings
    tried_s = (ctx.now() - job.created_at).total_seconds()
    if attempts >= timings.submit_tries and tried_s > timings.submit_give_up_s:
        await ctx.fail(job, error)
        return
    due_at = ctx.after_failures(attempts, hint_s=retry_hint_s(error))
    _log.info("not accepted (%s); next try at %s", error, due_at)
    moved = await ctx.store.move(
        job,
        State.QUEUED,
        ctx.now(),
        due_at=due_at,
        attempts=attempts,
        creates=max(job.creates - 1, 0),
    )
    await _after_requeue(ctx, job, moved)


async def _after_requeue(ctx: WorkerContext, job: Job, moved: Job | None) -> None:
    """Update the status card; cancel a job whose cancellation was requested during the call."""
    ctx.status_cards.mark_dirty(job.request_id)
    if moved is not None and moved.cancel_requested_at is not None:
        await ctx.cancel(moved)


def retry_hint_s(error: Exception) -> float | None:
    """Return how long the provider asked to wait, in seconds; None when it didn't."""
    return error.retry_after_s if isinstance(error, NotAcceptedError) else None


async def accept_render(
    ctx: WorkerContext, provider: Provider, job: Job, render: RenderStatus
) -> None:
    """Bring a job to RENDERING with the render that the provider accepted and will bill.

    While the database refuses, the render is in the journal and storing it is tried again, until
    the process ends; the next process reads the journal.
    Raises DuplicateRenderError for a render that another job has.
    """
    failures = 0
    while True:
        try:
            await _store_render(ctx, provider, job, render)
        except StorageError as error:
            failures += 1
            _log.error("can't store render %s of %s: %s", render.id, job.spec.provider, error)
            await _write_down(ctx, job, render)
            await ctx.clock.sleep(ctx.timings.backoff_s(failures))
        else:
            break
    if failures:
        await ctx.render_journal.remove(job.id)


async def accept_answer(
    ctx: WorkerContext, provider: Provider, job: Job, render: RenderStatus
) -> None:
    """Do as `accept_render`, but fail a job whose create was answered with another job's render."""
    try:
        await accept_render(ctx, provider, job, render)
    except DuplicateRenderError as error:
        _log.error("job %s has no render of its own: %s", job.id, error)
        await ctx.render_journal.remove(job.id)
        await ctx.fail(job, error)


async def _write_down(ctx: WorkerContext, job: Job, render: RenderStatus) -> None:
    entry = AcceptedRender(job_id=job.id, provider=job.spec.provider, remote_id=render.id)
    try:
        await ctx.render_journal.append(entry)
    except OSError as error:
        _log.error("can't write down render %s of %s: %s", render.id, job.spec.provider, error)


async def _store_render(
    ctx: WorkerContext, provider: Provider, job: Job, render: RenderStatus
) -> None:
    spec = job.spec
    durations_s = await ctx.store.durations_s(
        spec.provider, spec.model, spec.seconds, spec.size, 50
    )
    first_s = first_poll_s(durations_s, provider.capabilities(), ctx.timings)
    if render.state in (RenderState.READY, RenderState.FAILED):
        first_s = 0.0
    elif render.poll_after_s is not None:
        first_s = render.poll_after_s
    now = ctx.now()
    # The first poll is counted from the call: a render found again may have been ready for long.
    since = now if job.submitted_at is None else job.submitted_at
    moved = await ctx.store.move(
        job,
        State.RENDERING,
        now,
        remote_id=render.id,
        progress=render.progress,
        due_at=max(now, since + timedelta(seconds=first_s)),
    )
    if moved is None:
        _log.error("render %s at %s belongs to no open job", render.id, spec.provider)
        return
    _log.info("taken by %s as %s", spec.provider, render.id)
    ctx.status_cards.mark_dirty(job.request_id)
    if moved.cancel_requested_at is not None:
        await cancel_render(ctx, provider, moved)
