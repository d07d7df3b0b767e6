"""Removes expired clips and unused images, and creates the reserve file again when it is gone."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.archive.base import Archive
from bot.clock import Clock
from bot.errors import ProviderError, StorageError
from bot.jobs.thumbnails import Thumbnails
from bot.providers.base import Provider
from bot.storage.disk_space import DiskSpace
from bot.storage.reserve_file import ReserveFile
from bot.storage.retention import ExpiredClip, RetentionCursor, RetentionStore

_log = logging.getLogger(__name__)
#: The wait before the first pass: the bot does more urgent things at its start.
_START_DELAY_S = 1.0
_FIRST_RUN_AFTER = timedelta(seconds=30)
_RESERVE_FILE_EVERY_S = 60.0
_RUN_EVERY = timedelta(hours=6)
#: The number of rows in one read, and the pause after a read, in which others can use the disk.
_BATCH_SIZE = 100
_PAUSE_S = 0.1
#: Younger images stay, because a reference image is stored before its request is accepted.
_PICTURE_MIN_AGE_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDependencies:
    """The stores, folders and providers that the retention loop works on."""

    retention_store: RetentionStore
    archive: Archive
    thumbnails: Thumbnails
    providers: Mapping[str, Provider]
    #: The folder of reference images.
    pictures: Path
    disk_space: DiskSpace
    reserve_file: ReserveFile


class RetentionLoop:
    """The loop, run by `Scheduler.add_loop`, that removes expired files.

    keep  how long a posted clip stays in the archive; None: forever.
    """

    def __init__(
        self, dependencies: RetentionDependencies, clock: Clock, keep: timedelta | None
    ) -> None:
        self._dependencies = dependencies
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Run forever."""
        await self._clock.sleep(_START_DELAY_S)
        next_run_at = self._clock.now() + _FIRST_RUN_AFTER
        while True:
            await self.restore_reserve_file()
            if next_run_at <= self._clock.now():
                next_run_at = self._clock.now() + _RUN_EVERY
                await self.remove_expired()
            await self._clock.sleep(_RESERVE_FILE_EVERY_S)

    async def restore_reserve_file(self) -> None:
        """Create the reserve file again if the disk has enough space; never raises."""
        disk_space, reserve_file = self._dependencies.disk_space, self._dependencies.reserve_file
        if await asyncio.to_thread(disk_space.allows_new_jobs):
            try:
                await asyncio.to_thread(reserve_file.create)
            except OSError as error:
                _log.warning("no reserve file: %s", error)

    async def remove_expired(self) -> None:
        """Remove expired clips and unused reference images; idempotent. Raises StorageError.

        An expired clip loses its file, its thumbnail, and its render if the provider is on this
        machine. Renders at other providers are removed only when a clip is deleted.
        """
        if self._keep is not None:
            removed = await self._remove_expired_clips(self._clock.now() - self._keep)
            if removed:
                _log.info("removed %d clips that were past their time", removed)
        await self._remove_unused_pictures()

    async def _remove_expired_clips(self, before: datetime) -> int:
        removed, cursor = 0, RetentionCursor()
        while True:
            old, next_cursor = await self._dependencies.retention_store.expired_clips(
                cursor, before, _BATCH_SIZE
            )
            gone = [each.job_id for each in old if await self._remove_clip(each)]
            if gone:
                # Files go first: a row without a file is found again, a file without a row is not.
                await self._dependencies.retention_store.delete_clips(gone)
            removed += len(gone)
            if next_cursor is None:
                return removed
            cursor = next_cursor
            await self._clock.sleep(_PAUSE_S)

    async def _remove_clip(self, clip: ExpiredClip) -> bool:
        """Remove one clip's files; return False when the next run has to try again."""
        dependencies = self._dependencies
        try:
            await dependencies.archive.remove(clip.archive_key)
            await dependencies.thumbnails.remove(clip.job_id)
            provider = dependencies.providers.get(clip.provider)
            if provider is not None and clip.remote_id is not None and _is_on_this_disk(provider):
                await provider.delete(clip.remote_id)
        except (StorageError, ProviderError, OSError) as error:
            _log.warning("clip %s stays for now: %s", clip.job_id, error)
            return False
        return True

    async def _remove_unused_pictures(self) -> None:
        folder = self._dependencies.pictures
        old_files = await asyncio.to_thread(_old_files, folder, self._clock.now().timestamp())
        for start in range(0, len(old_files), _BATCH_SIZE):
            some = old_files[start : start + _BATCH_SIZE]
            needed = await self._dependencies.retention_store.needed_pictures(some)
            try:
                await asyncio.to_thread(_remove, [each for each in some if each not in needed])
            except OSError as error:
                _log.warning("reference images stay for now: %s", error)
            await self._clock.sleep(_PAUSE_S)


def _is_on_this_disk(provider: Provider) -> bool:
    # Only a provider on this machine has free polls.
    capabilities = provider.capabilities()
    return capabilities.polls_are_free and capabilities.can_delete


def _old_files(folder: Path, now_s: float) -> list[Path]:
    try:
        return [
            each
            for each in sorted(folder.iterdir())
            if each.is_file() and now_s - each.stat().st_mtime > _PICTURE_MIN_AGE_S
        ]
    except OSError:
        return []


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
