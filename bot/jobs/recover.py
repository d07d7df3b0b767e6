"""Find out whether a paid call of unknown outcome was accepted, so that no clip is paid twice."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import (
    DuplicateRenderError,
    NoProviderError,
    ProviderError,
    ProviderTroubleError,
    RenderLostError,
    StorageError,
    UnsupportedError,
)
from bot.jobs.remixing import provider_prompt
from bot.jobs.submit import (
    NOT_TAKEN,
    accept_answer,
    accept_render,
    handle_failed_call,
    retry_hint_s,
    submit_once,
)
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, Operation, State
from bot.providers.base import Provider, RenderStatus

_log = logging.getLogger(__name__)
#: The largest difference between the clocks of two machines when a creation time is compared.
_CLOCK_SKEW = timedelta(seconds=30)
#: How long before the call the provider's list of renders begins: no two clocks differ by more.
_LIST_SINCE = timedelta(hours=1)
#: How many renders under way are looked for in a provider's list, to tell whether it is complete.
_LIST_SAMPLE = 50


async def recover(ctx: WorkerContext, job: Job) -> None:
    """Move a SUBMITTING job that is due to RENDERING, back to QUEUED, or to FAILED; idempotent.

    A provider whose submit is idempotent gets the same call again; the list of renders of any other
    provider is searched. A job whose provider is not configured fails at once.
    """
    provider = ctx.providers.get(job.spec.provider)
    if provider is None:
        await ctx.fail(job, NoProviderError("The video service for this is switched off."))
    elif job.due_at is None or job.due_at > ctx.now():
        return
    elif provider.capabilities().submit_is_idempotent:
        await _repeat_call(ctx, provider, job)
    else:
        await _search_list(ctx, provider, job)


async def _repeat_call(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    """Make the same call with the same idempotency key again.

    The earlier call may have been accepted, so a rejection of this one proves nothing: the job
    stays in SUBMITTING until a response carries a render id.
    """
    try:
        render = await submit_once(ctx, provider, job)
    except (*NOT_TAKEN, StorageError) as error:
        await _repeat_later(ctx, job, f"no answer to an earlier call: {error}", error)
    except ProviderError as error:
        await handle_failed_call(ctx, provider, job, error)
    else:
        await accept_answer(ctx, provider, job, render)


async def _repeat_later(ctx: WorkerContext, job: Job, reason: str, error: Exception) -> None:
    """Retry a recovery after a back-off; after the deadline fail the job for `reason`."""
    if job.deadline_at is not None and job.deadline_at <= ctx.now():
        await ctx.fail(job, RenderLostError(reason))
        return
    attempts = job.attempts + 1
    due_at = ctx.after_failures(attempts, hint_s=retry_hint_s(error))
    await ctx.store.update(job, attempts=attempts, due_at=due_at)


async def _search_list(ctx: WorkerContext, provider: Provider, job: Job) -> None:
    try:
        match = await _find_render(ctx, provider, job)
    except UnsupportedError as error:
        await ctx.fail(job, RenderLostError(f"the provider has no list to search: {error}"))
    except ProviderError as error:
        await _repeat_later(ctx, job, f"could not read the list: {error}", error)
    else:
        if isinstance(match, RenderStatus):
            _log.warning("found the render of the lost create: %s", match.id)
            await _claim(ctx, provider, job, match)
        elif match is None:
            _log.warning("the create never arrived; queued again")
            now = ctx.now()
            await ctx.store.move(job, State.QUEUED, now, due_at=now)
        else:
            await ctx.fail(job, RenderLostError(match))


async def _claim(ctx: WorkerContext, provider: Provider, job: Job, render: RenderStatus) -> None:
    """Go on with a render from the list, unless a job with the same prompt took it meanwhile."""
    try:
        await accept_render(ctx, provider, job, render)
    except DuplicateRenderError:
        # The list is searched again: this job's own render may be in it, too.
        await ctx.store.update(job, due_at=ctx.now())


async def _find_render(
    ctx: WorkerContext, provider: Provider, job: Job
) -> RenderStatus | str | None:
    """Return the render of `job`, None if its paid call never arrived, or why that is unclear."""
    if job.submitted_at is None:
        return "no time of submission"
    since = job.submitted_at - _CLOCK_SKEW
    until = job.submitted_at + timedelta(seconds=ctx.timings.create_s) + _CLOCK_SKEW
    unclear = 0
    list_since = job.submitted_at - _LIST_SINCE
    recent = await provider.recent(list_since)
    await _check_list_complete(ctx, provider, list_since, recent)
    for render in recent:
        if not _may_match(render, job):
            continue
        if await ctx.store.owner_of_remote(provider.name, render.id) is not None:
            continue
        if ctx.render_journal.has(provider.name, render.id):
            continue
        created_at = render.created_at
        if render.model not in (None, job.spec.model):
            # The model may be a dated version of the job's, or have an upstream provider's name;
            # the prompt alone doesn't identify a render.
            unclear += render.prompt is not None
            continue
        if render.source_remote_id not in (None, job.source_remote_id):
            # The render was made from another clip, or from the same one: gateways rename ids.
            unclear += 1
            continue
        if render.prompt is not None and created_at is not None and since <= created_at <= until:
            return render
        # A render of no known job may be this one although its time differs, since clocks differ:
        # making the call again could pay twice.
        unclear += render.prompt is not None or created_at is None or since <= created_at <= until
    return f"{unclear} renders could be it" if unclear else None


async def _check_list_complete(
    ctx: WorkerContext, provider: Provider, since: datetime, recent: Sequence[RenderStatus]
) -> None:
    """Raise ProviderTroubleError unless `recent` plausibly holds every render since `since`.

    A list without any of the renders that are under way may be another account's, or the answer of
    a server that has not loaded its renders yet.
    """
    can = provider.capabilities()
    horizon = ctx.after(can.deadline_s)
    under_way = await ctx.store.renders_due(provider.name, horizon, _LIST_SAMPLE)
    known = {
        job.remote_id
        for job in under_way
        if job.submitted_at is not None and job.submitted_at > since + _CLOCK_SKEW
    }
    is_missing = known.isdisjoint(render.id for render in recent)
    if known and is_missing and not can.keeps_renders_in_memory:
        raise ProviderTroubleError(f"the list has none of {len(known)} renders that are under way")


def _may_match(render: RenderStatus, job: Job) -> bool:
    """Return whether a render's prompt, length, size and source are the job's or are not stated.

    The model is not compared, because servers answer with model names of their own.
    """
    spec = job.spec
    native = job.source_remote_id is not None
    # A provider may state the length of the whole clip, which depends on the source.
    any_length = native and spec.operation is Operation.EXTEND
    return (
        render.prompt in (None, provider_prompt(job))
        and (any_length or render.seconds in (None, spec.seconds))
        and render.size in (None, spec.size)
        and (native or render.source_remote_id is None)
    )
