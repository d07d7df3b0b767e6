"""Runs outbox messages: mirror a clip in the gallery, erase a deleted one, or notify a channel."""

from __future__ import annotations

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
    context: WorkerContext, outbox_message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    """Do what one message says about `job`, or reschedule it; idempotent.

    message_lock  held while the clip message is changed: variants of one request share it.
    """
    try:
        if outbox_message.kind is OutboxKind.MIRROR:
            await _mirror(context, job, outbox_message)
        else:
            await _erase(context, outbox_message, job, message_lock)
            await context.outbox.finish_erase(outbox_message)
    except (SorabotError, OSError) as error:
        await _retry_later(context, outbox_message, error)


async def notify(context: WorkerContext, outbox_message: OutboxMessage) -> None:
    """Send the text of a NOTIFY, or reschedule it; idempotent."""
    try:
        await context.publisher.notify(
            outbox_message.channel_id or 0,
            outbox_message.text or "",
            key=f"sora-tell-{outbox_message.id}",
        )
        await context.outbox.finish_notify(outbox_message)
    except PlaceClosedError as error:
        _log.warning("not sent: %s: %s", outbox_message.text, error)
        await context.outbox.finish_notify(outbox_message)
    except (SorabotError, OSError) as error:
        await _retry_later(context, outbox_message, error)


async def _mirror(context: WorkerContext, job: Job, outbox_message: OutboxMessage) -> None:
    clip = await context.store.clip(job.id)
    if job.state is not State.DONE or job.deleted_at is not None or clip is None:
        await context.outbox.finish_mirror(outbox_message, None)
        return
    status = await context.status_reader.read(job)
    path = await context.archive.fetch(clip.archive_key)
    try:
        message_id = await context.publisher.mirror_clip(
            status,
            path,
            outbox_message.channel_id or 0,
            # An earlier try may have posted it, perhaps in a process that was killed meanwhile.
            may_be_posted=outbox_message.attempts > 0 or _is_old(context, outbox_message),
        )
    except (ClipTooLargeError, PlaceClosedError) as error:
        _log.warning("not mirrored: %s", error)
        message_id = None
    await context.outbox.finish_mirror(outbox_message, message_id)


async def _erase(
    context: WorkerContext, outbox_message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    """Remove all that is left of a deleted job; one part that fails does not stop the others.

    First what members see, last what only the provider has. Raises the first error.
    """
    # Also marked here: the process that took the command may have died before the edit.
    context.status_cards.mark_dirty(job.request_id)
    errors: list[Exception] = []
    parts = (
        _remove_messages(context, outbox_message, job, message_lock),
        _remove_files(context, job),
        _remove_remote(context, job),
    )
    for part in parts:
        try:
            await part
        except (SorabotError, OSError) as error:
            errors.append(error)
    if errors:
        raise errors[0]


async def _remove_messages(
    context: WorkerContext, outbox_message: OutboxMessage, job: Job, message_lock: asyncio.Lock
) -> None:
    if job.state is State.DONE:
        async with message_lock:
            there = in_message_order(await context.store.jobs_of_message(job.message_id or 0))
            left = [await context.status_reader.read(each) for each in there if each.id != job.id]
            await context.publisher.remove_clip(job, left)
    mirror = await context.outbox.mirror_of(job.id)
    if mirror is not None:
        await context.publisher.remove_message(mirror.channel_id, mirror.message_id)
    if outbox_message.channel_id is not None:
        await context.publisher.remove_unrecorded_mirror(job, outbox_message.channel_id)


async def _remove_files(context: WorkerContext, job: Job) -> None:
    clip = await context.store.clip(job.id)
    if clip is not None:
        await context.archive.remove(clip.archive_key)
    await context.thumbnails.remove(job.id)
    image = job.spec.image
    if image is not None and not await context.outbox.is_image_in_use(job):
        await asyncio.to_thread(image.unlink, missing_ok=True)


async def _remove_remote(context: WorkerContext, job: Job) -> None:
    provider = context.providers.get(job.spec.provider)
    if provider is not None and job.remote_id is not None and provider.capabilities().can_delete:
        await provider.delete(job.remote_id)


async def _retry_later(
    context: WorkerContext, outbox_message: OutboxMessage, error: Exception
) -> None:
    attempts = outbox_message.attempts + 1
    is_temporary = isinstance(error, StorageError | OSError | DeliveryError | ProviderError)
    if is_temporary and attempts < context.timings.outbox_tries:
        wait_s = context.timings.backoff_s(attempts)
        _log.warning("%s: next try in %.0f s: %s", outbox_message.kind, wait_s, error)
        await context.outbox.reschedule(outbox_message, context.after(wait_s))
        return
    # What is still at the provider now, only the operator can remove.
    _log.error(
        "%s of %s given up after %d tries: %s",
        outbox_message.kind,
        outbox_message.job_id,
        attempts,
        error,
    )
    match outbox_message.kind:
        case OutboxKind.MIRROR:
            await context.outbox.finish_mirror(outbox_message, None)
        case OutboxKind.ERASE:
            await context.outbox.finish_erase(outbox_message)
        case OutboxKind.NOTIFY:
            await context.outbox.finish_notify(outbox_message)


def _is_old(context: WorkerContext, outbox_message: OutboxMessage) -> bool:
    return (
        context.now() - outbox_message.created_at
    ).total_seconds() > context.timings.reconcile_max_gap_s
