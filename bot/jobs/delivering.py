"""From a finished render to a posted clip: download, archive, check the size, post."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.errors import (
    ClipTooLargeError,
    DeadlineError,
    DeliveryError,
    DeliveryTroubleError,
    PlaceClosedError,
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
from bot.storage.room import is_for_want_of_space

_log = logging.getLogger(__name__)
#: A disk is looked at as often as what has failed so many times.
_ROOM_ATTEMPTS = 4
_ONCE = timedelta(days=36_500)


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
    if not await tools.room.has_room_for_clip():
        await _wait_for_room(tools, job)
        return None
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


async def _wait_for_room(tools: Tools, job: Job) -> None:
    """Look again soon, however often: a paid render is never given up over our own disk."""
    due_at = tools.after(backoff_s(_ROOM_ATTEMPTS, tools.pace))
    _log.info("no room on the disk for the clip; looked at again at %s", due_at)
    await tools.store.update(job, due_at=due_at)


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
    place: Place | None
    if clip.size_bytes > job.place.upload_limit_bytes:
        error = too_large(clip.size_bytes, job.place.upload_limit_bytes)
        try:
            place = await _next_place(tools, job, clip, error)
        except DeliveryTroubleError as trouble:
            await _put_off(tools, job, trouble)
            return None
        if place is None:
            await _keep(tools, job, error)
            return None
    else:
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
    """Post a clip at its place, or at the first of the next ones that takes it.

    look_first  an earlier try may have got through: adopt its message instead of sending again.
    """
    step = await _post_here(tools, job, look_first=look_first)
    while step is not None:
        step = await _post_here(tools, step, look_first=False)


async def _post_here(tools: Tools, job: Job, *, look_first: bool) -> Job | None:
    """Post a clip at its place; return the job on its way to another one where that refuses it."""
    try:
        message_id = await tools.courier.find_clip(job) if look_first else None
        if message_id is None:
            try:
                message_id = await _send(tools, job)
            except (PlaceClosedError, ClipTooLargeError) as error:
                message_id = await _posted_after_all(tools, job, look_first=look_first)
                if message_id is None:
                    return await _go_on(tools, job, error)
    except (DeliveryError, StorageError) as error:
        if error.retryable:
            await _put_off(tools, job, error)
        else:
            # It may hang where it can't be looked for: another place could show it twice.
            await _keep(tools, job, error)
        return None
    await tools.store.move(
        job,
        State.DONE,
        tools.clock.now(),
        close=EntryKind.SETTLE,
        message_id=message_id,
    )
    _log.info("posted as message %d", message_id)
    tools.board.touch(job.request_id)
    return None


async def _posted_after_all(tools: Tools, job: Job, *, look_first: bool) -> int | None:
    """Return the message of an earlier try where the latest was refused.

    look_first  there may have been one; else what can't be read is taken for empty.
    Raises PlaceClosedError where that can't be known, and DeliveryTroubleError.
    """
    try:
        return await tools.courier.find_clip(job)
    except PlaceClosedError:
        if look_first:
            raise
        return None


async def _go_on(tools: Tools, job: Job, error: DeliveryError) -> Job | None:
    """Commit a job to the next place, or keep its clip; `error` is its own place's certain refusal.

    Raises DeliveryTroubleError when the next place can't be found out now.
    """
    clip = await tools.store.clip(job.id)
    place = None if clip is None else await _next_place(tools, job, clip, error)
    if place is None:
        await _keep(tools, job, error)
        return None
    _log.info("not posted in %d, tried in %d: %s", job.place.channel_id, place.channel_id, error)
    now = tools.clock.now()
    return await tools.store.move(
        job,
        State.POSTING,
        now,
        place=place,
        posting_at=now,
        due_at=tools.after(tools.pace.delivery_check_s),
    )


async def _next_place(tools: Tools, job: Job, clip: Clip, error: SorabotError) -> Place | None:
    """Return where a clip goes that its place refuses; None when it can only be kept.

    First a public thread's channel, whose readers are the thread's; then the member's own messages.
    Raises DeliveryTroubleError.
    """
    here, is_large = job.place, isinstance(error, ClipTooLargeError)
    if here.guild_id is not None and here.thread_of is not None and not is_large:
        chosen = (await tools.keeping.rules(here.guild_id)).channel_ids
        if not chosen or here.thread_of in chosen:
            return replace(here, channel_id=here.thread_of, thread_of=None)
    direct = await tools.courier.direct(job)
    if direct is None or direct.channel_id == here.channel_id:
        return None
    if is_large and direct.upload_limit_bytes <= here.upload_limit_bytes:
        return None
    return direct if clip.size_bytes <= direct.upload_limit_bytes else None


async def _put_off(tools: Tools, job: Job, error: DeliveryError | StorageError) -> None:
    """Try a delivery step again later, but not for ever."""
    attempts = job.attempts + 1
    if attempts >= tools.pace.post_tries:
        await _keep(tools, job, DeliveryError(f"gave up after {attempts} tries: {error}"))
        return
    due_at = tools.after(backoff_s(attempts, tools.pace))
    _log.warning("post put off to %s: %s", due_at, error)
    await tools.store.update(job, attempts=attempts, due_at=due_at)


async def _send(tools: Tools, job: Job) -> int:
    clip = await tools.store.clip(job.id)
    if clip is None:
        raise StorageError("the clip's row is gone")
    path = await tools.archive.fetch(clip.archive_key)
    status = await _shown(tools, job)
    return await tools.courier.post_clip(status, path, await _shown_already(tools, job))


async def _shown(tools: Tools, job: Job) -> JobStatus:
    """Return the status of a job as its clip's message tells it."""
    status = await tools.statuses.of(job)
    request = await tools.store.request(job.request_id)
    # A card's thread has the card's id.
    if request is None or job.place.channel_id in (
        request.place.channel_id,
        request.card_message_id,
    ):
        return status
    return replace(status, asked_in=request.place)


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
    return tuple([await _shown(tools, each) for each in in_order(shown)])


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs of one message in the order in which their clips stand there."""
    return sorted(jobs, key=lambda job: (str(job.finished_at), job.variant))


async def _keep(tools: Tools, job: Job, error: SorabotError) -> None:
    """Leave the clip in the archive: rendered and paid for, but not posted.

    It waits where it was asked for, whatever was tried after that: that is where it can be fetched.
    """
    request = await tools.store.request(job.request_id)
    place = job.place if request is None else request.place
    # Told first: a crash in between is made up for by the next try, and the same is not told twice.
    await _tell_kept(tools, job, error, place)
    if await _move_to_kept(tools, job, error, place) is not None:
        _log.warning("kept: %s", error)
        tools.board.touch(job.request_id)


async def _tell_kept(tools: Tools, job: Job, error: SorabotError, asked_in: Place) -> None:
    """Leave word for the member in their own messages, once, unless those are what refused it."""
    try:
        direct = await tools.courier.direct(job)
    except DeliveryTroubleError as trouble:
        # The card and `/sora status` tell it, too; a clip is not held up for this.
        _log.warning("nobody told that it is kept: %s", trouble)
        return
    if direct is None or direct.channel_id == asked_in.channel_id:
        return
    if direct.channel_id == job.place.channel_id and isinstance(error, PlaceClosedError):
        return
    await tools.errands.tell(
        direct.channel_id,
        kept_words(job, error, asked_in),
        tools.clock.now(),
        key=f"kept {job.id}",
        again_after=_ONCE,
    )


async def _move_to_kept(tools: Tools, job: Job, error: SorabotError, place: Place) -> Job | None:
    return await tools.store.move(
        job,
        State.KEPT,
        tools.clock.now(),
        close=EntryKind.SETTLE,
        place=place,
        error_code=error.code,
        error_text=error.user_text,
    )


def too_large(clip_bytes: int, limit_bytes: int) -> ClipTooLargeError:
    """Return the error for a clip over the upload limit, with both sizes in its sentence."""
    return ClipTooLargeError(
        f"{clip_bytes} bytes against a limit of {limit_bytes}",
        user_text=f"Your clip is finished, but its {clip_bytes / 1_000_000:.1f} MB are more than "
        f"the {limit_bytes / 1_000_000:.0f} MB that may be uploaded here. I kept it for you.",
    )


def kept_words(job: Job, error: SorabotError, asked_in: Place) -> str:
    """Return what a member is told about a clip that was kept: why, and how to get it."""
    there = "here" if asked_in.guild_id is None else "in the server where you asked for it"
    return (
        f"{error.user_text} Use `/sora status job:{job.id}` {there} and press its button: "
        "I post the clip where you do that."
    )
