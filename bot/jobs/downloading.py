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
from bot.jobs.endings import fail
from bot.jobs.joining import joined
from bot.jobs.schedule import backoff_s
from bot.jobs.tools import Tools
from bot.media.probe import probe
from bot.model import Clip, Job, Operation, State
from bot.providers.base import Provider
from bot.storage.room import is_for_want_of_space

_log = logging.getLogger(__name__)
#: A disk is looked at as often as what has failed so many times.
_ROOM_ATTEMPTS = 4


async def download(tools: Tools, job: Job) -> Job | None:
    """Bring a DOWNLOADING job's clip into the archive and the job to FITTING; idempotent.

    None where that has to wait, or can't be. Raises StorageError.
    """
    provider = tools.providers.get(job.order.provider)
    if provider is None or job.remote_id is None:
        await _download_again(tools, job, ProviderTroubleError("its provider is not configured"))
        return None
    if not await tools.room.has_room_for_clip():
        await _wait_for_room(tools, job)
        return None
    _note_room(tools, job, is_there=True)
    folder = tools.temp_dir / job.id
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        clip = await _fetch(tools, provider, job, job.remote_id, folder / "clip.mp4")
    except (ProviderError, StorageError, OSError) as error:
        if is_for_want_of_space(error):
            await _wait_for_room(tools, job)
        else:
            await _download_again(tools, job, error)
        return None
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return await tools.store.move(
        job,
        State.FITTING,
        tools.clock.now(),
        clip=clip,
        due_at=tools.after(tools.pace.delivery_check_s),
    )


async def _fetch(tools: Tools, provider: Provider, job: Job, remote_id: str, path: Path) -> Clip:
    """Return the clip of a file that came down whole, shows a picture and is in the archive."""
    file = await provider.download(remote_id, path, max_bytes=tools.max_clip_bytes)
    facts = await probe(file.path)
    if job.order.operation is Operation.EXTEND and job.source_remote_id is None:
        file = await joined(tools, job, file)
        facts = await probe(file.path)
    return Clip(
        job_id=job.id,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        width_px=facts.width_px,
        height_px=facts.height_px,
        duration_ms=facts.duration_ms,
        archive_key=await tools.archive.keep(job.id, file.path),
        created_at=tools.clock.now(),
    )


def _note_room(tools: Tools, job: Job, *, is_there: bool) -> None:
    """Let the card say whether the clip waits for room."""
    if tools.statuses.note_room(job.id, is_there=is_there):
        tools.board.touch(job.request_id)


async def _wait_for_room(tools: Tools, job: Job) -> None:
    """Look again soon, however often: a paid render is never given up over our own disk."""
    due_at = tools.after(backoff_s(_ROOM_ATTEMPTS, tools.pace))
    _log.info("no room on the disk for the clip; looked at again at %s", due_at)
    await tools.store.update(job, due_at=due_at)
    _note_room(tools, job, is_there=False)


async def _download_again(tools: Tools, job: Job, error: Exception) -> None:
    attempts = job.attempts + 1
    # A provider that "does not know" a finished render may know it again in a minute, and one that
    # refuses the key may take it when the operator has looked into it.
    passes = isinstance(error, OSError | RemoteNotFoundError | ProviderAccountError) or (
        isinstance(error, SorabotError) and error.retryable
    )
    due_at = tools.after(backoff_s(attempts, tools.pace))
    late = job.deadline_at is not None and due_at > job.deadline_at
    if isinstance(error, SorabotError) and not passes:
        await fail(tools, job, error)
    elif late and attempts >= tools.pace.download_tries:
        # Only both together: after a long outage the first failure must not cost a paid render.
        await fail(tools, job, DeadlineError(f"not downloaded by the deadline: {error}"))
    else:
        _log.warning("download put off to %s: %s", due_at, error)
        await tools.store.update(job, attempts=attempts, due_at=due_at)
