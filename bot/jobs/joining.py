"""An extension that nobody could make in one piece: the parent and what was rendered, joined."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from pathlib import Path

from bot.errors import BadClipError, StorageError
from bot.jobs.tools import Tools
from bot.media.join import join
from bot.model import Job
from bot.providers.base import Download

_log = logging.getLogger(__name__)


async def joined(tools: Tools, job: Job, part: Download) -> Download:
    """Return the parent's clip and `part` as one file beside `part`.

    `part` itself where that can't be: what was paid for is worth having by itself.
    Raises StorageError when the disk refuses.
    """
    clip = await tools.store.clip(job.parent_id or "")
    if clip is None:
        _log.warning("the clip to go on from is gone; the rest is posted alone")
        return part
    try:
        first = await tools.archive.fetch(clip.archive_key)
    except StorageError as error:
        _log.warning("%s; the rest is posted alone", error)
        return part
    target = part.path.with_name("joined.mp4")
    try:
        done = await join(first, part.path, target)
    except BadClipError as error:
        _log.warning("can't be joined (%s); the rest is posted alone", error)
        return part
    _log.info("joined: %s", done)
    size_bytes, sha256 = await asyncio.to_thread(_facts, target)
    return Download(path=target, size_bytes=size_bytes, sha256=sha256)


def _facts(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
