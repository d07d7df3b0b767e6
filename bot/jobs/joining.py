"""An extension that nobody could make in one piece: the parent and what was rendered, joined."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from bot.errors import BadClipError, StorageError
from bot.jobs.worker_context import WorkerContext
from bot.media.concat.process import concat_clips
from bot.model import Job
from bot.providers.base import Download

_log = logging.getLogger(__name__)


async def concat_with_parent(context: WorkerContext, job: Job, part: Download) -> Download:
    """Return the parent's clip and `part` as one file beside `part`.

    `part` itself where that can't be: what was paid for is worth having by itself.
    Raises StorageError when the disk refuses.
    """
    clip = await context.store.clip(job.parent_id or "")
    if clip is None:
        _log.warning("the clip to go on from is gone; the rest is posted alone")
        return part
    try:
        first = await context.archive.fetch(clip.archive_key)
    except StorageError as error:
        _log.warning("%s; the rest is posted alone", error)
        return part
    target = part.path.with_name("joined.mp4")
    try:
        done = await concat_clips(first, part.path, target)
    except BadClipError as error:
        _log.warning("can't be joined (%s); the rest is posted alone", error)
        return part
    _log.info("joined: %s", done)
    size_bytes, sha256 = await asyncio.to_thread(_size_and_sha256, target)
    return Download(path=target, size_bytes=size_bytes, sha256=sha256)


def _size_and_sha256(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
