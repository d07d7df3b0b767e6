"""Deliver a finished render: download, archive, check the size, post."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import (
    ClipTooLargeError,
    DeliveryError,
    DeliveryTroubleError,
    PlaceClosedError,
    SorabotError,
    StorageError,
)
from bot.guild import PostTarget
from bot.jobs.download import download
from bot.jobs.ports import JobStatus
from bot.jobs.worker_context import WorkerContext
from bot.model import Clip, EntryKind, Job, Place, State

_log = logging.getLogger(__name__)
_NEVER_AGAIN = timedelta(days=36_500)


async def deliver(ctx: WorkerContext, job: Job, message_lock: asyncio.Lock) -> None:
    """Move a rendered job as far as possible, each step committed before the next; idempotent.

    message_lock  held while the clip is posted, because variants of one request share a message.
    """
    if job.state is State.POSTING:
        # An earlier try may have posted the clip without getting the answer.
        await _post(ctx, job, message_lock, may_be_posted=True)
        return
    step = await download(ctx, job) if job.state is State.DOWNLOADING else job
    if step is not None and step.state is State.FITTING:
        step = await _fit(ctx, step)
        if step is not None and step.state is State.POSTING:
            await _post(ctx, step, message_lock, may_be_posted=False)


async def _fit(ctx: WorkerContext, job: Job) -> Job | None:
    """Move the job to POSTING if its clip is small enough for some place, else keep the clip."""
    clip = await ctx.store.clip(job.id)
    if clip is None:
        await ctx.fail(job, StorageError("the clip's row is gone"))
        return None
    limit_bytes = job.place.upload_limit_bytes
    if clip.size_bytes <= limit_bytes:
        place = await _open_thread(ctx, job)
    else:
        error = clip_too_large(clip.size_bytes, limit_bytes)
        try:
            place = await _next_place(ctx, job, clip, error)
        except DeliveryTroubleError as trouble:
            await _retry_later(ctx, job, trouble)
            return None
        if place is None:
            await _keep(ctx, job, error)
            return None
    moved = await _move_to_posting(ctx, job, place)
    ctx.status_cards.mark_dirty(job.request_id)
    return moved


async def _move_to_posting(ctx: WorkerContext, job: Job, place: Place | None) -> Job | None:
    now = ctx.now()
    return await ctx.store.move(
        job,
        State.POSTING,
        now,
        place=place,
        posting_at=now,
        due_at=ctx.after(ctx.timings.delivery_check_s),
    )


async def _open_thread(ctx: WorkerContext, job: Job) -> Place | None:
    if job.place.guild_id is None or job.place.thread_of is not None:
        return None
    if (await ctx.guild_store.guild_settings(job.place.guild_id)).post is not PostTarget.THREAD:
        return None
    request = await ctx.store.request(job.request_id)
    if request is None or request.card_message_id is None:
        return None
    try:
        return await ctx.publisher.open_thread(job, request.card_message_id)
    except DeliveryTroubleError as error:
        _log.warning("no thread, posted in the channel: %s", error)
        return None


async def _post(
    ctx: WorkerContext, job: Job, message_lock: asyncio.Lock, *, may_be_posted: bool
) -> None:
    """Post the clip of a job whose POSTING is committed, at the first place that accepts it.

    may_be_posted  an earlier try may have succeeded: look for its message before sending again.
    """
    step: Job | None = job
    async with message_lock:
        while step is not None:
            step = await _post_here(ctx, step, may_be_posted=may_be_posted)
            may_be_posted = False


async def _post_here(ctx: WorkerContext, job: Job, *, may_be_posted: bool) -> Job | None:
    """Post a clip at its job's place; return the job with its next place when this one refuses."""
    blocked_until = await _sibling_blocked_until(ctx, job)
    if blocked_until is not None:
        await ctx.store.update(job, due_at=blocked_until)
        return None
    try:
        message_id = await ctx.publisher.find_clip(job) if may_be_posted else None
        if message_id is None:
            try:
                message_id = await _send(ctx, job)
            except DeliveryTroubleError as error:
                # The request may still arrive: posting elsewhere or into another message before
                # then could show the clip twice.
                quiet_s = ctx.timings.post_quiet_s if error.is_unknown else 0.0
                await _retry_later(ctx, job, error, quiet_s=quiet_s)
                return None
            except (PlaceClosedError, ClipTooLargeError) as error:
                message_id = await _find_earlier_post(ctx, job, may_be_posted=may_be_posted)
                if message_id is None:
                    return await _post_elsewhere(ctx, job, error)
    except (DeliveryError, StorageError) as error:
        if error.retryable:
            await _retry_later(ctx, job, error)
        else:
            # The clip may be in a place that can't be read; posting elsewhere could show it twice.
            await _keep(ctx, job, error)
        return None
    done = await ctx.store.move(
        job, State.DONE, ctx.now(), close=EntryKind.SETTLE, message_id=message_id
    )
    _log.info("posted as message %d", message_id)
    ctx.status_cards.mark_dirty(job.request_id)
    if done is not None:
        await ctx.budget_monitor.check_job(done)
    return None


async def _sibling_blocked_until(ctx: WorkerContext, job: Job) -> datetime | None:
    """Return until when another variant's post may still arrive; None when none can.

    Such a post may edit the message that the variants share: it would remove a clip that was added
    to the message after the edit was sent.
    """
    now = ctx.now()
    blocking = [
        each.due_at
        for each in await ctx.store.jobs_of(job.request_id)
        if each.id != job.id
        and each.state is State.POSTING
        and each.attempts > 0
        and each.due_at is not None
        and each.due_at > now
    ]
    return max(blocking, default=None)


async def _find_earlier_post(ctx: WorkerContext, job: Job, *, may_be_posted: bool) -> int | None:
    """Return the message of an earlier try to post a clip, after the latest try was refused.

    may_be_posted  whether there may have been one; if not, a place that can't be read has none.
    Raises PlaceClosedError when an earlier try can't be ruled out, and DeliveryTroubleError.
    """
    try:
        return await ctx.publisher.find_clip(job)
    except PlaceClosedError:
        if may_be_posted:
            raise
        return None


async def _post_elsewhere(ctx: WorkerContext, job: Job, error: DeliveryError) -> Job | None:
    """Move a job to its next place after `error` at its own, or keep its clip where none is left.

    Raises DeliveryTroubleError when the next place can't be found out now.
    """
    clip = await ctx.store.clip(job.id)
    place = None if clip is None else await _next_place(ctx, job, clip, error)
    if place is None:
        await _keep(ctx, job, error)
        return None
    _log.info("not posted in %d, tried in %d: %s", job.place.channel_id, place.channel_id, error)
    return await _move_to_posting(ctx, job, place)


async def _next_place(
    ctx: WorkerContext, job: Job, clip: Clip, error: SorabotError
) -> Place | None:
    """Return the next place for a clip that its place refuses; None when the clip is to be kept.

    First the channel of a public thread, which the same members can read; then the owner's direct
    messages. Raises DeliveryTroubleError.
    """
    here, is_large = job.place, isinstance(error, ClipTooLargeError)
    if here.guild_id is not None and here.thread_of is not None and not is_large:
        allowed = (await ctx.guild_store.guild_settings(here.guild_id)).channel_ids
        if not allowed or here.thread_of in allowed:
            return replace(here, channel_id=here.thread_of, thread_of=None)
    direct = await ctx.publisher.direct_messages(job)
    if direct is None or direct.channel_id == here.channel_id:
        return None
    if is_large and direct.upload_limit_bytes <= here.upload_limit_bytes:
        return None
    return direct if clip.size_bytes <= direct.upload_limit_bytes else None


async def _retry_later(
    ctx: WorkerContext, job: Job, error: DeliveryError | StorageError, *, quiet_s: float = 0.0
) -> None:
    """Retry a post after at least `quiet_s`; after `post_tries` tries keep the clip."""
    attempts = job.attempts + 1
    if attempts >= ctx.timings.post_tries:
        await _keep(ctx, job, DeliveryError(f"gave up after {attempts} tries: {error}"))
        return
    due_at = ctx.after(max(ctx.timings.backoff_s(attempts), quiet_s))
    _log.warning("post put off to %s: %s", due_at, error)
    await ctx.store.update(job, attempts=attempts, due_at=due_at)


async def _send(ctx: WorkerContext, job: Job) -> int:
    clip = await ctx.store.clip(job.id)
    if clip is None:
        raise StorageError("the clip's row is gone")
    path = await ctx.archive.fetch(clip.archive_key)
    status = await _status_for_message(ctx, job)
    return await ctx.publisher.post_clip(status, path, await _statuses_in_message(ctx, job))


async def _status_for_message(ctx: WorkerContext, job: Job) -> JobStatus:
    status = await ctx.status_reader.read(job)
    request = await ctx.store.request(job.request_id)
    # A thread that was opened on the status card has the card message's id.
    if request is None or job.place.channel_id in (
        request.place.channel_id,
        request.card_message_id,
    ):
        return status
    return replace(status, asked_in=request.place)


async def _statuses_in_message(ctx: WorkerContext, job: Job) -> tuple[JobStatus, ...]:
    """Return the variants of the same request that the latest message at `job`'s place shows."""
    # The jobs are read again: one may have been deleted since `_sibling_blocked_until` read them.
    others = [
        each
        for each in await ctx.store.jobs_of(job.request_id)
        if each.id != job.id
        and each.state is State.DONE
        and each.deleted_at is None
        and each.place.channel_id == job.place.channel_id
    ]
    latest = max((each.message_id or 0 for each in others), default=0)
    shown = [each for each in others if each.message_id == latest]
    return tuple([await _status_for_message(ctx, each) for each in in_message_order(shown)])


def in_message_order(jobs: Iterable[Job]) -> list[Job]:
    """Sort jobs that share a message as their clips stand in it."""
    return sorted(jobs, key=lambda job: (str(job.finished_at), job.variant))


async def _keep(ctx: WorkerContext, job: Job, error: SorabotError) -> None:
    """Move a job whose clip can't be posted to KEPT: the file stays in the archive.

    The job's place becomes the one where the clip was requested: there the member can fetch it.
    """
    request = await ctx.store.request(job.request_id)
    place = job.place if request is None else request.place
    # The member is notified first: after a crash before the move, the key of the notice prevents a
    # second message.
    await _notify_kept(ctx, job, error, place)
    kept = await ctx.store.move(
        job,
        State.KEPT,
        ctx.now(),
        close=EntryKind.SETTLE,
        place=place,
        error_code=error.code,
        error_text=error.user_text,
    )
    if kept is not None:
        _log.warning("kept: %s", error)
        ctx.status_cards.mark_dirty(job.request_id)
        await ctx.budget_monitor.check_job(kept)


async def _notify_kept(ctx: WorkerContext, job: Job, error: SorabotError, asked_in: Place) -> None:
    """Tell the member once that the clip is kept, unless direct messages refused the clip too."""
    try:
        direct = await ctx.publisher.direct_messages(job)
    except DeliveryTroubleError as trouble:
        # The status card and `/sora status` tell the member too.
        _log.warning("the member was not told that it is kept: %s", trouble)
        return
    if direct is None or direct.channel_id == asked_in.channel_id:
        return
    if direct.channel_id == job.place.channel_id and isinstance(error, PlaceClosedError):
        return
    await ctx.outbox.notify(
        direct.channel_id,
        kept_notice(job, error, asked_in),
        ctx.now(),
        key=f"kept {job.id}",
        again_after=_NEVER_AGAIN,
    )


def clip_too_large(clip_bytes: int, limit_bytes: int) -> ClipTooLargeError:
    """Return the error for a clip over the upload limit, with both sizes in its sentence."""
    return ClipTooLargeError(
        f"{clip_bytes} bytes against a limit of {limit_bytes}",
        user_text=f"Your clip is finished, but its {clip_bytes / 1_000_000:.1f} MB are more than "
        f"the {limit_bytes / 1_000_000:.0f} MB that may be uploaded here. I kept it for you.",
    )


def kept_notice(job: Job, error: SorabotError, asked_in: Place) -> str:
    """Return what the member reads about a kept clip: why, and how to get it."""
    there = "here" if asked_in.guild_id is None else "in the server where you asked for it"
    return (
        f"{error.user_text} Use `/sora status job:{job.id}` {there} and press its button: "
        "I post the clip where you do that."
    )
