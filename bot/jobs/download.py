"""From a provider's finished render to a clip in the archive."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from bot.errors import (
    DeadlineError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SorabotError,
    StorageError,
)
from bot.jobs.finish import fail
from bot.jobs.joining import concat_with_parent
from bot.jobs.schedule import backoff_s
from bot.jobs.worker_context import WorkerContext
from bot.media.clip_reader import probe
from bot.model import Clip, Job, Operation, State
from bot.providers.base import Provider
from bot.storage.disk_space import is_disk_full

_log = logging.getLogger(__name__)
#: A disk is looked at as often as what has failed so many times.
_DISK_SPACE_ATTEMPTS = 4


async def download(context: WorkerContext, job: Job) -> Job | None:
    """Bring a DOWNLOADING job's clip into the archive and the job to FITTING; idempotent.

    None where that has to wait, or can't be. Raises StorageError.
    """
    provider = context.providers.get(job.spec.provider)
    if provider is None or job.remote_id is None:
        await _retry_later(context, job, ProviderTroubleError("its provider is not configured"))
        return None
    if not await context.disk_space.allows_download():
        await _wait_for_disk_space(context, job)
        return None
    _note_disk_space(context, job, has_space=True)
    folder = context.temp_dir / job.id
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        clip = await _fetch(context, provider, job, job.remote_id, folder / "clip.mp4")
    except (ProviderError, StorageError, OSError) as error:
        if is_disk_full(error):
            await _wait_for_disk_space(context, job)
        else:
            await _retry_later(context, job, error)
        return None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return await context.store.move(
        job,
        State.FITTING,
        context.clock.now(),
        clip=clip,
        due_at=context.after(context.timings.delivery_check_s),
    )


async def _fetch(
    context: WorkerContext, provider: Provider, job: Job, remote_id: str, path: Path
) -> Clip:
    """Return the clip of a file that came down whole, shows a picture and is in the archive."""
    file = await provider.download(remote_id, path, max_bytes=context.max_clip_bytes)
    facts = await probe(file.path)
    if job.spec.operation is Operation.EXTEND and job.source_remote_id is None:
        file = await concat_with_parent(context, job, file)
        facts = await probe(file.path)
    return Clip(
        job_id=job.id,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        width_px=facts.width_px,
        height_px=facts.height_px,
        duration_ms=facts.duration_ms,
        archive_key=await context.archive.put(job.id, file.path),
        created_at=context.clock.now(),
    )


def _note_disk_space(context: WorkerContext, job: Job, *, has_space: bool) -> None:
    """Let the card say whether the clip waits for room."""
    if context.status_reader.note_disk_space(job.id, has_space=has_space):
        context.status_cards.mark_dirty(job.request_id)


async def _wait_for_disk_space(context: WorkerContext, job: Job) -> None:
    """Look again soon, however often: a paid render is never given up over our own disk."""
    due_at = context.after(backoff_s(_DISK_SPACE_ATTEMPTS, context.timings))
    _log.info("no room on the disk for the clip; looked at again at %s", due_at)
    await context.store.update(job, due_at=due_at)
    _note_disk_space(context, job, has_space=False)


async def _retry_later(context: WorkerContext, job: Job, error: Exception) -> None:
    attempts = job.attempts + 1
    # A provider that "does not know" a finished render may know it again in a minute, and one that
    # refuses the key may take it when the operator has looked into it.
    passes = isinstance(error, OSError | RemoteNotFoundError | ProviderAccountError) or (
        isinstance(error, SorabotError) and error.retryable
    )
    due_at = context.after(backoff_s(attempts, context.timings))
    late = job.deadline_at is not None and due_at > job.deadline_at
    if isinstance(error, SorabotError) and not passes:
        await fail(context, job, error)
    elif late and attempts >= context.timings.download_tries:
        # Only both together: after a long outage the first failure must not cost a paid render.
        await fail(context, job, DeadlineError(f"not downloaded by the deadline: {error}"))
    else:
        _log.warning("download put off to %s: %s", due_at, error)
        await context.store.update(job, attempts=attempts, due_at=due_at)
