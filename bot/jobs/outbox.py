"""Runs outbox messages: mirror a clip in the gallery, erase a deleted one, or notify a channel."""

import asyncio
import logging

from bot.errors import (
    ClipTooLargeError,
    DeliveryError,
    PlaceClosedError,
    ProviderError,
    SorabotError,
    StorageError,
)
from bot.jobs.deliver import in_message_order
from bot.jobs.worker_context import WorkerContext
from bot.model import Job, State
from bot.storage.outbox import OutboxKind, OutboxMessage

_log = logging.getLogger(__name__)


async def run_outbox_message(
    ctx: WorkerContext, message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    """Mirror or erase a clip as an outbox message says, or reschedule the message; idempotent.

    message_lock  held while the clip message is changed, because variants of a request share it.
    """
    try:
        if message.kind is OutboxKind.MIRROR:
            await _mirror(ctx, job, message)
        else:
            await _erase(ctx, message, job, message_lock)
            await ctx.outbox.finish_erase(message)
    except (SorabotError, OSError) as error:
        await _retry_later(ctx, message, error)


async def notify(ctx: WorkerContext, message: OutboxMessage) -> None:
    """Send the text of a NOTIFY message to its channel, or reschedule the message; idempotent."""
    try:
        await ctx.publisher.notify(
            message.channel_id or 0, message.text or "", key=f"sora-tell-{message.id}"
        )
        await ctx.outbox.finish_notify(message)
    except PlaceClosedError as error:
        _log.warning("not sent: %s: %s", message.text, error)
        await ctx.outbox.finish_notify(message)
    except (SorabotError, OSError) as error:
        await _retry_later(ctx, message, error)


async def _mirror(ctx: WorkerContext, job: Job, message: OutboxMessage) -> None:
    clip = await ctx.store.clip(job.id)
    if job.state is not State.DONE or job.deleted_at is not None or clip is None:
        await ctx.outbox.finish_mirror(message, None)
        return
    status = await ctx.status_reader.read(job)
    path = await ctx.archive.fetch(clip.archive_key)
    # An earlier try may have posted the clip, perhaps in a process that was killed meanwhile.
    age_s = (ctx.now() - message.created_at).total_seconds()
    may_be_posted = message.attempts > 0 or age_s > ctx.timings.reconcile_max_gap_s
    try:
        message_id = await ctx.publisher.mirror_clip(
            status, path, message.channel_id or 0, may_be_posted=may_be_posted
        )
    except (ClipTooLargeError, PlaceClosedError) as error:
        _log.warning("not mirrored: %s", error)
        message_id = None
    await ctx.outbox.finish_mirror(message, message_id)


async def _erase(
    ctx: WorkerContext, message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    """Remove a deleted job's messages, files and render, in this order; raise the first error.

    A part that fails does not stop the others.
    """
    # The process that took the command may have died before the card was edited.
    ctx.status_cards.mark_dirty(job.request_id)
    errors: list[Exception] = []
    remove_messages = _remove_messages(ctx, message, job, message_lock)
    for part in (remove_messages, _remove_files(ctx, job), _remove_remote(ctx, job)):
        try:
            await part
        except (SorabotError, OSError) as error:
            errors.append(error)
    if errors:
        raise errors[0]


async def _remove_messages(
    ctx: WorkerContext, message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    if job.state is State.DONE:
        async with message_lock:
            there = in_message_order(await ctx.store.jobs_of_message(job.message_id or 0))
            left = [await ctx.status_reader.read(each) for each in there if each.id != job.id]
            await ctx.publisher.remove_clip(job, left)
    mirror = await ctx.outbox.mirror_of(job.id)
    if mirror is not None:
        await ctx.publisher.remove_message(mirror.channel_id, mirror.message_id)
    if message.channel_id is not None:
        await ctx.publisher.remove_unrecorded_mirror(job, message.channel_id)


async def _remove_files(ctx: WorkerContext, job: Job) -> None:
    clip = await ctx.store.clip(job.id)
    if clip is not None:
        await ctx.archive.remove(clip.archive_key)
    await ctx.thumbnails.remove(job.id)
    image = job.spec.image
    if image is not None and not await ctx.outbox.is_image_in_use(job):
        await asyncio.to_thread(image.unlink, missing_ok=True)


async def _remove_remote(ctx: WorkerContext, job: Job) -> None:
    provider = ctx.providers.get(job.spec.provider)
    if provider is not None and job.remote_id is not None and provider.capabilities().can_delete:
        await provider.delete(job.remote_id)


async def _retry_later(ctx: WorkerContext, message: OutboxMessage, error: Exception) -> None:
    attempts = message.attempts + 1
    is_temporary = isinstance(error, StorageError | OSError | DeliveryError | ProviderError)
    if is_temporary and attempts < ctx.timings.outbox_tries:
        wait_s = ctx.timings.backoff_s(attempts)
        _log.warning("%s: next try in %.0f s: %s", message.kind, wait_s, error)
        await ctx.outbox.reschedule(message, ctx.after(wait_s))
        return
    # Only the operator can now remove what is left at the provider.
    what = f"{message.kind} of {message.job_id}"
    _log.error("%s given up after %d tries: %s", what, attempts, error)
    match message.kind:
        case OutboxKind.MIRROR:
            await ctx.outbox.finish_mirror(message, None)
        case OutboxKind.ERASE:
            await ctx.outbox.finish_erase(message)
        case OutboxKind.NOTIFY:
            await ctx.outbox.finish_notify(message)
