"""The paid call: made once, looked for afterwards when its outcome is unknown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import (
    DeadlineError,
    NoProviderError,
    NotAcceptedError,
    NotOfferedError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RenderLostError,
    SourceGoneError,
    StorageError,
    UnknownOutcomeError,
    UnsupportedError,
)
from bot.jobs.failover import fail_over, notify_outage, provider_takes_job
from bot.jobs.finish import cancel, fail
from bot.jobs.first_frame import can_compose, first_frame
from bot.jobs.poll import cancel_render
from bot.jobs.remixing import provider_prompt
from bot.jobs.schedule import backoff_s, first_poll_s
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Operation, State
from bot.providers.base import Capabilities, Provider, ProviderRequest, RenderState, RenderStatus

_log = logging.getLogger(__name__)
#: Clocks of two machines may differ by this much when a creation time is compared.
_CLOCK_SKEW = timedelta(seconds=30)
#: How far back the list is read: further than any two clocks should differ.
_LIST_SINCE = timedelta(hours=1)
#: So many renders that are known to be under way tell whether a list can be believed.
_LIST_SAMPLE = 50


async def submit(context: WorkerContext, job: Job) -> None:
    """Bring a QUEUED job to RENDERING, or find out what became of a SUBMITTING one; idempotent."""
    provider = context.providers.get(job.spec.provider)
    if provider is None:
        if job.state is not State.QUEUED or not await fail_over(context, job):
            await fail(context, job, NoProviderError("The video service for this is switched off."))
    elif job.state is State.QUEUED:
        await _claim_and_call(context, provider, job)
    elif job.due_at is not None and job.due_at <= context.clock.now():
        await recover(context, provider, job)


async def _claim_and_call(context: WorkerContext, provider: Provider, job: Job) -> None:
    capabilities = provider.capabilities()
    now = context.clock.now()
    if job.cancel_requested_at is not None:
        await cancel(context, job)
        return
    if not await provider_takes_job(context, job) and await _send_elsewhere(context, job):
        return
    doubt_s = context.timings.create_s + context.timings.quiet_s
    claimed = await context.store.claim_slot(
        job,
        now,
        max_concurrent=capabilities.max_concurrent,
        submitted_at=now,
        # What was not accepted before has used up nothing of it.
        deadline_at=now + timedelta(seconds=capabilities.deadline_s),
        due_at=context.after(
            context.timings.backoff_first_s if capabilities.submit_is_idempotent else doubt_s
        ),
        attempts=job.attempts,
    )
    if claimed is not None:
        # The card waits for the answer: most come at once, and edits are few.
        await _call(context, provider, claimed)


async def _send_elsewhere(context: WorkerContext, job: Job) -> bool:
    """Move on a QUEUED job whose provider takes nothing now; False when it shall go there anyhow.

    It waits where nobody else can do it. One that is being drained keeps what it had accepted then.
    """
    if await fail_over(context, job):
        return True
    health = context.health.of(job.spec.provider)
    if context.health.takes_work(job.spec.provider) or health.until is None:
        return False
    if context.health.is_out(job.spec.provider):
        await notify_outage(context, job)
        await fail(context, job, ProviderAccountError(f"{job.spec.provider} is out"))
        return True
    # Time in line counts for nothing here: only how long nobody has been served.
    waited = context.clock.now() - max(health.since, job.state_at)
    if waited.total_seconds() > context.timings.submit_give_up_s:
        await fail(context, job, DeadlineError(f"{job.spec.provider}: {health.reason}"))
        return True
    await context.store.update(
        job, due_at=max(health.until, context.after(context.timings.reconcile_min_gap_s))
    )
    return True


async def _call(
    context: WorkerContext, provider: Provider, job: Job, *, again: bool = False
) -> None:
    """Make the call for a job whose SUBMITTING is committed.

    again  an earlier call with the same key is of unknown outcome. What is certain of this one is
           nothing certain of that one: the job stays until an answer with its render comes.
    """
    try:
        remote = await submit_once(context, provider, job)
    except (NotAcceptedError, NotOfferedError, ProviderAccountError) as error:
        if again:
            await _repeat_later(context, job, error)
        else:
            await _handle_not_taken(context, job, error)
    except StorageError as error:
        # Nothing was sent, and the trouble is this machine's: another API would meet it, too.
        if again:
            await _repeat_later(context, job, error)
        else:
            await _requeue(context, job, error)
    except SourceGoneError as error:
        await _compose_instead(context, job, error)
    except UnknownOutcomeError as error:
        _log.warning("outcome of the create unknown: %s", error)
        idempotent = provider.capabilities().submit_is_idempotent
        wait_s = context.timings.backoff_first_s if idempotent else context.timings.quiet_s
        await context.store.update(job, due_at=context.after(wait_s))
    except ProviderError as error:
        await fail(context, job, error)
    else:
        await accept_render(context, provider.capabilities(), job, remote)


async def _handle_not_taken(
    context: WorkerContext,
    job: Job,
    error: NotAcceptedError | NotOfferedError | ProviderAccountError,
) -> None:
    """Send a job that was certainly not taken to the next provider, or back into the queue."""
    if isinstance(error, ProviderAccountError):
        await notify_outage(context, job)
    if await fail_over(context, job):
        return
    if isinstance(error, NotAcceptedError):
        await _requeue(context, job, error)
    else:
        await fail(context, job, error)


async def _repeat_later(
    context: WorkerContext,
    job: Job,
    error: NotAcceptedError | NotOfferedError | ProviderAccountError | StorageError,
) -> None:
    """Make the same call with the same key later, until the deadline."""
    if job.deadline_at is not None and job.deadline_at <= context.clock.now():
        await fail(context, job, RenderLostError(f"no word of an earlier call: {error}"))
        return
    attempts = job.attempts + 1
    due_at = context.after(backoff_s(attempts, context.timings, hint_s=retry_hint_s(error)))
    await context.store.update(job, attempts=attempts, due_at=due_at)


async def submit_once(context: WorkerContext, provider: Provider, job: Job) -> RenderStatus:
    async with first_frame(context, provider, job) as image:
        order = job.spec
        native = job.source_remote_id is not None
        wanted = ProviderRequest(
            idempotency_key=job.id,
            prompt=provider_prompt(job),
            model=order.model,
            seconds=order.seconds,
            size=order.size,
            seed=job.seed,
            image=image,
            operation=order.operation if native else Operation.GENERATE,
            source_remote_id=job.source_remote_id,
        )
        try:
            async with asyncio.timeout(context.timings.create_s):
                return await provider.submit(wanted)
        except ProviderError:
            raise
        except Exception as error:
            # A defect of ours after the request left must not be taken for "never sent".
            raise UnknownOutcomeError(f"{type(error).__name__}: {error}") from error


async def _compose_instead(context: WorkerContext, job: Job, error: SourceGoneError) -> None:
    """Order it again without the parent's provider's help, unless it asked for none."""
    if job.source_remote_id is None:
        await fail(context, job, error)
        return
    if not can_compose(context.providers[job.spec.provider], job.spec):
        await fail(context, job, error)
        return
    _log.info("composed instead: %s", error)
    now = context.clock.now()
    moved = await context.store.move(
        job, State.QUEUED, now, due_at=now, attempts=job.attempts, source_remote_id=None
    )
    context.status_cards.mark_dirty(job.request_id)
    if moved is not None and moved.cancel_requested_at is not None:
        await cancel(context, moved)


async def _requeue(
    context: WorkerContext, job: Job, error: NotAcceptedError | StorageError
) -> None:
    attempts = job.attempts + 1
    due_at = context.after(backoff_s(attempts, context.timings, hint_s=retry_hint_s(error)))
    tried_for = context.clock.now() - job.created_at
    if (
        attempts >= context.timings.submit_tries
        and tried_for.total_seconds() > context.timings.submit_give_up_s
    ):
        await fail(context, job, error)
        return
    _log.info("not accepted (%s); again at %s", error, due_at)
    moved = await context.store.move(
        job, State.QUEUED, context.clock.now(), due_at=due_at, attempts=attempts
    )
    context.status_cards.mark_dirty(job.request_id)
    if moved is not None and moved.cancel_requested_at is not None:
        await cancel(context, moved)


def retry_hint_s(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, NotAcceptedError) else None


async def accept_render(
    context: WorkerContext, capabilities: Capabilities, job: Job, render: RenderStatus
) -> None:
    order = job.spec
    durations_s = await context.store.durations_s(
        order.provider, order.model, order.seconds, order.size, 50
    )
    first_s = first_poll_s(durations_s, capabilities, context.timings)
    if render.state in (RenderState.READY, RenderState.FAILED):
        first_s = 0.0
    elif render.poll_after_s is not None:
        first_s = render.poll_after_s
    now = context.clock.now()
    # Counted from the call: one that was found again may long be ready.
    since = now if job.submitted_at is None else job.submitted_at
    moved = await context.store.move(
        job,
        State.RENDERING,
        now,
        remote_id=render.id,
        progress=render.progress,
        due_at=max(now, since + timedelta(seconds=first_s)),
    )
    if moved is None:
        _log.error("render %s at %s has no job any more", render.id, order.provider)
        return
    _log.info("taken by %s as %s", order.provider, render.id)
    context.status_cards.mark_dirty(job.request_id)
    if moved.cancel_requested_at is not None:
        await cancel_render(context, context.providers[order.provider], moved)


async def recover(context: WorkerContext, provider: Provider, job: Job) -> None:
    """Find out whether a create of unknown outcome arrived; never pay twice."""
    capabilities = provider.capabilities()
    if capabilities.submit_is_idempotent:
        await _call(context, provider, job, again=True)
        return
    try:
        match = await _find_render(context, provider, job)
    except UnsupportedError as error:
        await fail(context, job, RenderLostError(f"no list to look in: {error}"))
        return
    except ProviderError as error:
        if job.deadline_at is not None and job.deadline_at <= context.clock.now():
            await fail(context, job, RenderLostError(f"could not look for it: {error}"))
            return
        wait_s = backoff_s(job.attempts + 1, context.timings)
        await context.store.update(job, attempts=job.attempts + 1, due_at=context.after(wait_s))
        return
    if isinstance(match, RenderStatus):
        _log.warning("found the lost create again: %s", match.id)
        await accept_render(context, capabilities, job, match)
    elif match is None:
        _log.warning("the create never arrived; queued again")
        await context.store.move(job, State.QUEUED, context.clock.now(), due_at=context.clock.now())
    else:
        await fail(context, job, RenderLostError(match))


async def _find_render(
    context: WorkerContext, provider: Provider, job: Job
) -> RenderStatus | str | None:
    """Return the render that belongs to `job`, None when it never arrived, or why nobody can say."""
    if job.submitted_at is None:
        return "no time of submission"
    since = job.submitted_at - _CLOCK_SKEW
    until = job.submitted_at + timedelta(seconds=context.timings.create_s) + _CLOCK_SKEW
    vague = 0
    recent = await provider.recent(job.submitted_at - _LIST_SINCE)
    await _check_list_complete(context, provider, job.submitted_at - _LIST_SINCE, recent)
    for remote in recent:
        if not _may_match(remote, job):
            continue
        if await context.store.owner_of_remote(provider.name, remote.id) is not None:
            continue
        created_at = remote.created_at
        if remote.model not in (None, job.spec.model):
            # The day's version of a model, or its upstream's name: words alone recognise nothing.
            vague += remote.prompt is not None
            continue
        if remote.source_remote_id not in (None, job.source_remote_id):
            # Made from another clip, or from this one under another name: relays rename ids.
            vague += 1
            continue
        if remote.prompt is not None and created_at is not None and since <= created_at <= until:
            return remote
        # Nobody's render of just this order, or one that does not say, at another time: perhaps
        # the two clocks differ. Making it again could pay twice.
        vague += remote.prompt is not None or created_at is None or since <= created_at <= until
    return f"{vague} renders could be it" if vague else None


async def _check_list_complete(
    context: WorkerContext, provider: Provider, since: datetime, recent: Sequence[RenderStatus]
) -> None:
    """Return if a list of all renders since an instant can be that.

    Raises ProviderTroubleError where renders are under way and it has not one of them: another
    account's, perhaps, or a server's that answers before it knows.
    """
    capabilities = provider.capabilities()
    horizon = context.after(capabilities.deadline_s)
    under_way = await context.store.renders_due(provider.name, horizon, _LIST_SAMPLE)
    known = {
        job.remote_id
        for job in under_way
        if job.submitted_at is not None and job.submitted_at > since + _CLOCK_SKEW
    }
    if (
        known
        and not capabilities.keeps_renders_in_memory
        and known.isdisjoint(remote.id for remote in recent)
    ):
        raise ProviderTroubleError(f"the list has none of {len(known)} renders that are under way")


def _may_match(render: RenderStatus, job: Job) -> bool:
    """Whether nothing that the provider says of a render speaks against its being `job`'s.

    Not its model: servers answer with names of their own.
    """
    order = job.spec
    native = job.source_remote_id is not None
    # How long an extension makes the whole clip, its source's length decides.
    any_length = native and order.operation is Operation.EXTEND
    return (
        render.prompt in (None, provider_prompt(job))
        and (any_length or render.seconds in (None, order.seconds))
        and render.size in (None, order.size)
        and (native or render.source_remote_id is None)
    )
