"""From a finished render to a posted clip: download, archive, check the size, post."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from bot.errors import (
    ClipTooLargeError,
    DeadlineError,
    DeliveryError,
    DeliveryTroubleError,
    ProviderError,
    ProviderTroubleError,
    RemoteNotFoundError,
    SorabotError,
    StorageError,
)
from bot.jobs.endings import fail
from bot.jobs.joining import joined
from bot.jobs.ports import JobStatus
from bot.jobs.schedule import backoff_s
from bot.jobs.tools import Tools
from bot.media.probe import probe
from bot.model import Clip, EntryKind, Job, Operation, Place, State
from bot.providers.base import Provider
from bot.server import Post

_log = logging.getLogger(__name__)


async def deliver(tools: Tools, job: Job, turn: asyncio.Lock) -> None:
    """Carry a rendered job as far as it goes; idempotent, each step committed before the next.

    turn  held while a clip is posted: variants of one request share a message.
    """
    step: Job | None = job
    if step.state is State.DOWNLOADING:
        step = await _download(tools, step)
    if step is not None and step.state is State.FITTING:
        step = await _fit(tools, step)
        if step is not None and step.state is State.POSTING:
            await _post(tools, step, turn, look_first=False)
    elif step is not None and step.state is State.POSTING:
        # Found here again, it may have been posted with the answer lost.
        await _post(tools, step, turn, look_first=True)


async def _download(tools: Tools, job: Job) -> Job | None:
    provider = tools.providers.get(job.order.provider)
    if provider is None or job.remote_id is None:
        await _download_again(tools, job, ProviderTroubleError("its provider is not configured"))
        return None
    folder = tools.temp_dir / job.id
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        clip = await _fetch(tools, provider, job, job.remote_id, folder / "clip.mp4")
    except (ProviderError, StorageError, OSError) as error:
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


async def _download_again(tools: Tools, job: Job, error: Exception) -> None:
    attempts = job.attempts + 1
    # A provider that "does not know" a finished render may know it again in a minute.
    passes = isinstance(error, OSError | RemoteNotFoundError) or (
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


async def _fit(tools: Tools, job: Job) -> Job | None:
    """Send the job on to POSTING if its clip may be uploaded where it goes, else keep it."""
    clip = await tools.store.clip(job.id)
    if clip is None:
        await fail(tools, job, StorageError("the clip's row is gone"))
        return None
    if clip.size_bytes > job.place.upload_limit_bytes:
        await _keep(tools, job, too_large(clip.size_bytes, job.place.upload_limit_bytes))
        return None
    place = await _thread(tools, job)
    now = tools.clock.now()
    moved = await tools.store.move(
        job,
        State.POSTING,
        now,
        place=place,
        posting_at=now,
        due_at=tools.after(tools.pace.delivery_check_s),
    )
    tools.board.touch(job.request_id)
    return moved


async def _thread(tools: Tools, job: Job) -> Place | None:
    """Return the thread that the server wants this clip in; None to post it where it was asked for."""
    if job.place.guild_id is None or job.place.thread_of is not None:
        return None
    if (await tools.keeping.rules(job.place.guild_id)).post is not Post.THREAD:
        return None
    request = await tools.store.request(job.request_id)
    if request is None or request.card_message_id is None:
        return None
    try:
        return await tools.courier.open_thread(job, request.card_message_id)
    except DeliveryTroubleError as error:
        _log.warning("no thread, posted in its place: %s", error)
        return None


async def _post(tools: Tools, job: Job, turn: asyncio.Lock, *, look_first: bool) -> None:
    """Post the clip of a job whose POSTING is committed, when it is its turn."""
    async with turn:
        await _post_now(tools, job, look_first=look_first)


async def _post_now(tools: Tools, job: Job, *, look_first: bool) -> None:
    """Post a clip.

    look_first  an earlier try may have got through: adopt its message instead of sending again.
    """
    try:
        message_id = await tools.courier.find_clip(job) if look_first else None
        if message_id is None:
            message_id = await _send(tools, job)
    except (DeliveryError, StorageError) as error:
        attempts = job.attempts + 1
        if not error.retryable:
            await _keep(tools, job, error)
        elif attempts >= tools.pace.post_tries:
            await _keep(tools, job, DeliveryError(f"gave up after {attempts} tries: {error}"))
        else:
            due_at = tools.after(backoff_s(attempts, tools.pace))
            _log.warning("post put off to %s: %s", due_at, error)
            await tools.store.update(job, attempts=attempts, due_at=due_at)
        return
    await tools.store.move(
        job,
        State.DONE,
        tools.clock.now(),
        close=EntryKind.SETTLE,
        message_id=message_id,
    )
    _log.info("posted as message %d", message_id)
    tools.board.touch(job.request_id)


async def _send(tools: Tools, job: Job) -> int:
    clip = await tools.store.clip(job.id)
    if clip is None:
        raise StorageError("the clip's row is gone")
    path = await tools.archive.fetch(clip.archive_key)
    status = await tools.statuses.of(job)
    return await tools.courier.post_clip(status, path, await _shown_already(tools, job))


async def _shown_already(tools: Tools, job: Job) -> tuple[JobStatus, ...]:
    """Return the variants of the same request that the latest message at `job`'s place shows."""
    others = [
        each
        for each in await tools.store.jobs_of(job.request_id)
        if each.id != job.id
        and each.state is State.DONE
        and each.deleted_at is None
        and each.place.channel_id == job.place.channel_id
    ]
    latest = max((each.message_id or 0 for each in others), default=0)
    shown = [each for each in others if each.message_id == latest]
    return tuple([await tools.statuses.of(each) for each in in_order(shown)])


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs of one message in the order in which their clips stand there."""
    return sorted(jobs, key=lambda job: (str(job.finished_at), job.variant))


async def _keep(tools: Tools, job: Job, error: SorabotError) -> None:
    """Leave the clip in the archive: rendered and paid for, but not posted."""
    kept = await tools.store.move(
        job,
        State.KEPT,
        tools.clock.now(),
        close=EntryKind.SETTLE,
        error_code=error.code,
        error_text=error.user_text,
    )
    if kept is not None:
        _log.warning("kept: %s", error)
        tools.board.touch(job.request_id)


def too_large(clip_bytes: int, limit_bytes: int) -> ClipTooLargeError:
    """Return the error for a clip over the upload limit, with both sizes in its sentence."""
    return ClipTooLargeError(
        f"{clip_bytes} bytes against a limit of {limit_bytes}",
        user_text=f"Your clip is finished, but its {clip_bytes / 1_000_000:.1f} MB are more than "
        f"the {limit_bytes / 1_000_000:.0f} MB that may be uploaded here. I kept it for you.",
    )
