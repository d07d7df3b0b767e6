"""Keeps the disk tidy: files past their time go, and space is put by for a day that it is full."""

from __future__ import annotations

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
#: A start has better things to do first.
_START_DELAY_S = 1.0
_FIRST_RUN_AFTER = timedelta(seconds=30)
_RESERVE_FILE_EVERY_S = 60.0
_RUN_EVERY = timedelta(hours=6)
#: Rows looked at in one read, and the pause after it, in which others have the disk.
_BATCH_SIZE = 100
_PAUSE_S = 0.1
#: A picture is fetched before its request is accepted.
_PICTURE_MIN_AGE_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionDependencies:
    """Where there is something to tidy."""

    retention_store: RetentionStore
    archive: Archive
    thumbnails: Thumbnails
    providers: Mapping[str, Provider]
    #: Reference pictures, in a folder of their own.
    pictures: Path
    disk_space: DiskSpace
    reserve_file: ReserveFile


class RetentionLoop:
    """A loop for the engine.

    keep  how long a posted clip stays in the archive; None: for ever.
    """

    def __init__(
        self, dependencies: RetentionDependencies, clock: Clock, keep: timedelta | None
    ) -> None:
        self._dependencies = dependencies
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Tidy for ever."""
        await self._clock.sleep(_START_DELAY_S)
        walk_at = self._clock.now() + _FIRST_RUN_AFTER
        while True:
            await self.restore_reserve_file()
            if walk_at <= self._clock.now():
                walk_at = self._clock.now() + _RUN_EVERY
                await self.remove_expired()
            await self._clock.sleep(_RESERVE_FILE_EVERY_S)

    async def restore_reserve_file(self) -> None:
        """Lay the ballast again, where there is room for it; never raises."""
        room, reserve_file = self._dependencies.disk_space, self._dependencies.reserve_file
        if await asyncio.to_thread(room.allows_new_jobs):
            try:
                await asyncio.to_thread(reserve_file.create)
            except OSError as error:
                _log.warning("no space put by: %s", error)

    async def remove_expired(self) -> None:
        """Remove all that is past its time; idempotent. Raises StorageError.

        Of a clip its file here, its poster, and its render where that is on this disk, too. What a
        service elsewhere has of it goes only when it is deleted.
        """
        if self._keep is not None:
            removed = await self._remove_expired_clips(self._clock.now() - self._keep)
            if removed:
                _log.info("%d clips were past their time and are removed", removed)
        await self._remove_unused_pictures()

    async def _remove_expired_clips(self, before: datetime) -> int:
        removed, mark = 0, RetentionCursor()
        while True:
            old, further = await self._dependencies.retention_store.expired_clips(
                mark, before, _BATCH_SIZE
            )
            gone = [each.job_id for each in old if await self._remove_clip(each)]
            if gone:
                # After the files: a row without its file is found again, a file without its row
                # never.
                await self._dependencies.retention_store.delete_clips(gone)
            removed += len(gone)
            if further is None:
                return removed
            mark = further
            await self._clock.sleep(_PAUSE_S)

    async def _remove_clip(self, clip: ExpiredClip) -> bool:
        """Remove one clip's files; False where that has to wait for the next walk."""
        leftovers = self._dependencies
        try:
            await leftovers.archive.remove(clip.archive_key)
            await leftovers.thumbnails.remove(clip.job_id)
            provider = leftovers.providers.get(clip.provider)
            if provider is not None and clip.remote_id is not None and _is_on_this_disk(provider):
                await provider.delete(clip.remote_id)
        except (StorageError, ProviderError, OSError) as error:
            _log.warning("clip %s stays for now: %s", clip.job_id, error)
            return False
        return True

    async def _remove_unused_pictures(self) -> None:
        folder = self._dependencies.pictures
        rested = await asyncio.to_thread(_old_files, folder, self._clock.now().timestamp())
        for start in range(0, len(rested), _BATCH_SIZE):
            some = rested[start : start + _BATCH_SIZE]
            needed = await self._dependencies.retention_store.needed_pictures(some)
            try:
                await asyncio.to_thread(_remove, [each for each in some if each not in needed])
            except OSError as error:
                _log.warning("pictures stay for now: %s", error)
            await self._clock.sleep(_PAUSE_S)


def _is_on_this_disk(provider: Provider) -> bool:
    # Only who works on this machine is asked for nothing.
    capabilities = provider.capabilities()
    return capabilities.polls_are_free and capabilities.can_delete


def _old_files(folder: Path, now_s: float) -> list[Path]:
    """Return the files of a folder that have been there for a day."""
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
