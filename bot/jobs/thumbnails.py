"""Single frames of clips: thumbnails, which are kept, and first frames of new clips."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.archive.base import Archive
from bot.errors import BadClipError, BadOptionError, SourceGoneError, StorageError
from bot.media.frames import last_frame, thumbnail
from bot.media.reference_picture import fit_picture
from bot.model import Job, Operation, RenderSpec
from bot.storage.base import JobStore

_log = logging.getLogger(__name__)


class Thumbnails:
    """Extracts frames from archived clips.

    folder  where thumbnails are kept; created when first needed. Each file can be made again.
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

    @asynccontextmanager
    async def first_frame(
        self, job: Job, folder: Path, *, takes_image: bool
    ) -> AsyncGenerator[Path | None]:
        """Hold the image that a clip begins with: a reference image or its parent's last frame.

        It has exactly the ordered size, because many models refuse any other.

        folder       where the frame's file is while the context is entered.
        takes_image  whether the job's model accepts an image.
        The image is None where the job has none. Raises SourceGoneError when an extension has no
        frame to begin with, and StorageError when the frame can't be written; leaving the context
        raises nothing.
        """
        spec = job.spec
        is_native = job.source_remote_id is not None
        if is_native or not takes_image or (job.parent_id is None and spec.image is None):
            yield spec.image
            return
        path = folder / f"{job.id}.png"
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            if spec.image is not None:
                frame = await _fitted(spec.image, path, spec)
            else:
                frame = await self._last_frame(job.parent_id or "", path, spec)
        except (StorageError, OSError) as error:
            raise StorageError(f"not sent, no picture: {error}") from error
        try:
            if frame is None and spec.operation is Operation.EXTEND:
                raise SourceGoneError("the clip to go on from is gone")
            yield frame
        finally:
            try:
                await asyncio.to_thread(path.unlink, missing_ok=True)
            except OSError as error:
                # The call may have been accepted: its result must not be lost because of this file.
                _log.warning("%s stays until the next start: %s", path.name, error)

    async def _last_frame(self, clip_id: str, target: Path, spec: RenderSpec) -> Path | None:
        """Write a clip's last frame to `target`, in the size of `spec`; None if unreadable."""
        clip = await self._clip_path(clip_id)
        if clip is None:
            return None
        try:
            await last_frame(clip, target, spec.size)
        except BadClipError as error:
            _log.warning("no last frame of %s: %s", clip_id, error)
            return None
        return target

    async def remove(self, job_id: str) -> None:
        """Remove a clip's thumbnail; idempotent. Raises OSError."""
        await asyncio.to_thread((self._folder / f"{job_id}.webp").unlink, missing_ok=True)

    async def _clip_path(self, job_id: str) -> Path | None:
        clip = await self._store.clip(job_id)
        if clip is None:
            return None
        try:
            return await self._archive.fetch(clip.archive_key)
        except StorageError as error:
            _log.warning("clip %s: %s", job_id, error)
            return None


async def _fitted(image: Path, target: Path, spec: RenderSpec) -> Path:
    """Write an image to `target` in the size of `spec`; return `image` itself if it can't be read."""
    try:
        await fit_picture(image, target, spec.size)
    except BadOptionError as error:
        # The provider that gets the path reports a missing or unreadable image.
        _log.warning("%s is sent as it is: %s", image.name, error)
        return image
    return target
