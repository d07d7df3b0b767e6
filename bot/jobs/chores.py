"""Errands: what remains to be done about a job that is final."""

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
from bot.jobs.delivering import in_order
from bot.jobs.schedule import backoff_s
from bot.jobs.tools import Tools
from bot.model import Job, State
from bot.storage.errands import Chore, Errand

_log = logging.getLogger(__name__)


async def run_errand(tools: Tools, errand: Errand, job: Job, turn: asyncio.Lock) -> None:
    """Do one errand about `job`, or put it off; idempotent.

    turn  held while its message is changed: variants of one request share a message.
    """
    try:
        if errand.chore is Chore.MIRROR:
            await _mirror(tools, job, errand)
        else:
            await _erase(tools, errand, job, turn)
            await tools.errands.erased(errand)
    except (SorabotError, OSError) as error:
        await _again(tools, errand, error)


async def tell(tools: Tools, errand: Errand) -> None:
    """Say what a TELL is about, or put it off; idempotent."""
    try:
        await tools.courier.tell(
            errand.channel_id or 0, errand.words or "", key=f"sora-tell-{errand.id}"
        )
        await tools.errands.told(errand)
    except PlaceClosedError as error:
        _log.warning("not told: %s: %s", errand.words, error)
        await tools.errands.told(errand)
    except (SorabotError, OSError) as error:
        await _again(tools, errand, error)


async def _mirror(tools: Tools, job: Job, errand: Errand) -> None:
    clip = await tools.store.clip(job.id)
    if job.state is not State.DONE or job.deleted_at is not None or clip is None:
        await tools.errands.mirrored(errand, None)
        return
    status = await tools.statuses.of(job)
    path = await tools.archive.fetch(clip.archive_key)
    try:
        message_id = await tools.courier.mirror_clip(
            status,
            path,
            errand.channel_id or 0,
            # Tried before, perhaps by a process that was killed over it.
            look_first=errand.attempts > 0 or _is_old(tools, errand),
        )
    except (ClipTooLargeError, PlaceClosedError) as error:
        _log.warning("not mirrored: %s", error)
        message_id = None
    await tools.errands.mirrored(errand, message_id)


async def _erase(tools: Tools, errand: Errand, job: Job, turn: asyncio.Lock) -> None:
    """Remove all that is left of a deleted job, each part whatever becomes of the others.

    What members see goes first, what only the provider has comes last. Raises the first trouble.
    """
    # Touched here too: whoever asked for it may have been killed before the card was edited.
    tools.board.touch(job.request_id)
    troubles: list[Exception] = []
    parts = (
        _remove_messages(tools, errand, job, turn),
        _remove_files(tools, job),
        _remove_remote(tools, job),
    )
    for part in parts:
        try:
            await part
        except (SorabotError, OSError) as error:
            troubles.append(error)
    if troubles:
        raise troubles[0]


async def _remove_messages(tools: Tools, errand: Errand, job: Job, turn: asyncio.Lock) -> None:
    if job.state is State.DONE:
        async with turn:
            there = in_order(await tools.store.jobs_of_message(job.message_id or 0))
            left = [await tools.statuses.of(each) for each in there if each.id != job.id]
            await tools.courier.remove_clip(job, left)
    mirror = await tools.errands.mirror_of(job.id)
    if mirror is not None:
        await tools.courier.remove_message(mirror.channel_id, mirror.message_id)
    if errand.channel_id is not None:
        await tools.courier.remove_copy(job, errand.channel_id)


async def _remove_files(tools: Tools, job: Job) -> None:
    clip = await tools.store.clip(job.id)
    if clip is not None:
        await tools.archive.remove(clip.archive_key)
    await tools.stills.forget(job.id)
    image = job.order.image
    if image is not None and not await tools.errands.keeps_image(job):
        await asyncio.to_thread(image.unlink, missing_ok=True)


async def _remove_remote(tools: Tools, job: Job) -> None:
    provider = tools.providers.get(job.order.provider)
    if provider is not None and job.remote_id is not None and provider.capabilities().can_delete:
        await provider.delete(job.remote_id)


async def _again(tools: Tools, errand: Errand, error: Exception) -> None:
    attempts = errand.attempts + 1
    passes = isinstance(error, StorageError | OSError | DeliveryError | ProviderError)
    if passes and attempts < tools.pace.errand_tries:
        wait_s = backoff_s(attempts, tools.pace)
        _log.warning("%s put off for %.0f s: %s", errand.chore, wait_s, error)
        await tools.errands.put_off(errand, tools.after(wait_s))
        return
    # What is still at the provider, only the operator can remove now.
    _log.error("%s of %s given up after %d tries: %s", errand.chore, errand.job_id, attempts, error)
    match errand.chore:
        case Chore.MIRROR:
            await tools.errands.mirrored(errand, None)
        case Chore.ERASE:
            await tools.errands.erased(errand)
        case Chore.TELL:
            await tools.errands.told(errand)


def _is_old(tools: Tools, errand: Errand) -> bool:
    return (tools.clock.now() - errand.created_at).total_seconds() > tools.pace.idle_s
