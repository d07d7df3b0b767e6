"""Single frames of clips: thumbnails, which are kept, and last frames, which are not."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from bot.archive.base import Archive
from bot.errors import BadClipError, StorageError
from bot.media.frames import last_frame, thumbnail
from bot.model import Size
from bot.storage.base import JobStore

_log = logging.getLogger(__name__)


class Thumbnails:
    """Extracts frames from archived clips.

    folder  holds the thumbnails; created when first needed. Each file can be made again.
    """

    def __init__(self, store: JobStore, archive: Archive, folder: Path) -> None:
        self._store = store
        self._archive = archive
        self._folder = folder

    async def thumbnail(self, job_id: str) -> Path | None:
        """Return a clip's thumbnail (WebP); None when the clip can't be read. Idempotent."""
        target = self._folder / f"{job_id}.webp"
        if await asyncio.to_thread(target.is_file):
            return target
        clip = await self._clip_path(job_id)
        if clip is None:
            return None
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
            await thumbnail(clip, target)
        except (BadClipError, OSError) as error:
            _log.warning("no thumbnail of %s: %s", job_id, error)
            return None
        return target

    async def last_frame(self, job_id: str, target: Path, size: Size) -> Path | None:
        """Write a clip's last frame to `target`, in `size`; None when the clip can't be read.

        Raises OSError or StorageError when the disk or the database refuses.
        """
        clip = await self._clip_path(job_id)
        if clip is None:
            return None
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        try:
            await last_frame(clip, target, size)
        except BadClipError as error:
            _log.warning("no last frame of %s: %s", job_id, error)
            return None
        return target

    async def remove(self, job_id: str) -> None:
        """Remove a clip's thumbnail; idempotent. Raises OSError."""
        await self.remove_file(self._folder / f"{job_id}.webp")

    async def remove_file(self, path: Path) -> None:
        """Remove a frame's file; idempotent. Raises OSError."""
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _clip_path(self, job_id: str) -> Path | None:
        clip = await self._store.clip(job_id)
        if clip is None:
            return None
        try:
            return await self._archive.fetch(clip.archive_key)
        except StorageError as error:
            _log.warning("clip %s: %s", job_id, error)
            return None
