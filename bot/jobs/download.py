"""Download a finished render from its provider and put it into the archive."""

import asyncio
import hashlib
import logging
import shutil
from pathlib import Path

from bot.errors import (
    BadClipError,
    DeadlineError,
    ProviderAccountError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SorabotError,
    StorageError,
)
from bot.jobs.worker_context import WorkerContext
from bot.media.clip_reader import probe
from bot.media.concat.process import concat_clips
from bot.model import Clip, Job, Operation, State
from bot.providers.base import Download, Provider
from bot.storage.disk_space import is_disk_full

_log = logging.getLogger(__name__)
#: While the disk is full, a download is tried again after the back-off for this many failures.
_DISK_SPACE_ATTEMPTS = 4


async def download(ctx: WorkerContext, job: Job) -> Job | None:
    """Archive a DOWNLOADING job's clip and move the job to FITTING; idempotent.

    Returns the job in FITTING, or None when it was put off or has failed. Raises StorageError.
    """
    provider = ctx.providers.get(job.spec.provider)
    if provider is None or job.remote_id is None:
        await _retry_later(ctx, job, ProviderTroubleError("the provider is not configured"))
        return None
    if not await ctx.disk_space.allows_download():
        await _wait_for_disk_space(ctx, job)
        return None
    _note_disk_space(ctx, job, has_space=True)
    folder = ctx.temp_dir / job.id
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        clip = await _fetch(ctx, provider, job, job.remote_id, folder / "clip.mp4")
    except (ProviderError, StorageError, OSError) as error:
        if is_disk_full(error):
            await _wait_for_disk_space(ctx, job)
        else:
            await _retry_later(ctx, job, error)
        return None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return await ctx.store.move(
        job, State.FITTING, ctx.now(), clip=clip, due_at=ctx.after(ctx.timings.delivery_check_s)
    )


async def _fetch(
    ctx: WorkerContext, provider: Provider, job: Job, remote_id: str, path: Path
) -> Clip:
    file = await provider.download(remote_id, path, max_bytes=ctx.max_clip_bytes)
    facts = await probe(file.path)
    if job.spec.operation is Operation.EXTEND and job.source_remote_id is None:
        file = await _concat_with_parent(ctx, job, file)
        facts = await probe(file.path)
    return Clip(
        job_id=job.id,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        width_px=facts.width_px,
        height_px=facts.height_px,
        duration_ms=facts.duration_ms,
        archive_key=await ctx.archive.put(job.id, file.path),
        created_at=ctx.now(),
    )


async def _concat_with_parent(ctx: WorkerContext, job: Job, part: Download) -> Download:
    """Return a file of the parent's clip and the added `part`, stored beside `part`.

    Returns `part` itself when the two can't be joined, because the member paid for `part` and can
    watch it. Raises StorageError when the disk refuses.
    """
    clip = await ctx.store.clip(job.parent_id or "")
    if clip is None:
        _log.warning("the clip to extend is gone; the added part is posted alone")
        return part
    target = part.path.with_name("joined.mp4")
    try:
        first = await ctx.archive.fetch(clip.archive_key)
    except StorageError as error:
        _log.warning("%s; the added part is posted alone", error)
        return part
    try:
        done = await concat_clips(first, part.path, target)
    except BadClipError as error:
        _log.warning("can't be joined (%s); the added part is posted alone", error)
        return part
    _log.info("joined: %s", done)
    size_bytes, sha256 = await asyncio.to_thread(_size_and_sha256, target)
    return Download(path=target, size_bytes=size_bytes, sha256=sha256)


def _size_and_sha256(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _note_disk_space(ctx: WorkerContext, job: Job, *, has_space: bool) -> None:
    if ctx.status_reader.note_disk_space(job.id, has_space=has_space):
        ctx.status_cards.mark_dirty(job.request_id)


async def _wait_for_disk_space(ctx: WorkerContext, job: Job) -> None:
    """Put a download off without limit: no paid render is given up because the disk is full."""
    due_at = ctx.after_failures(_DISK_SPACE_ATTEMPTS)
    _log.info("not enough disk space for the clip; next look at %s", due_at)
    await ctx.store.update(job, due_at=due_at)
    _note_disk_space(ctx, job, has_space=False)


async def _retry_later(ctx: WorkerContext, job: Job, error: Exception) -> None:
    attempts = job.attempts + 1
    # A provider that answers 404 for a finished render may find the render a minute later, and one
    # that refuses the key may accept the key after the operator has acted.
    is_temporary = isinstance(error, OSError | RemoteNotFoundError | ProviderAccountError) or (
        isinstance(error, SorabotError) and error.retryable
    )
    due_at = ctx.after_failures(attempts)
    late = job.deadline_at is not None and due_at > job.deadline_at
    if isinstance(error, SorabotError) and not is_temporary:
        await ctx.fail(job, error)
    elif late and attempts >= ctx.timings.download_tries:
        # The deadline alone fails no job: after a long outage one failed download would be enough.
        await ctx.fail(job, DeadlineError(f"not downloaded by the deadline: {error}"))
    else:
        _log.warning("download put off to %s: %s", due_at, error)
        await ctx.store.update(job, attempts=attempts, due_at=due_at)
