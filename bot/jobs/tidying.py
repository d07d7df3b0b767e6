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
from bot.jobs.stills import Stills
from bot.providers.base import Provider
from bot.storage.ballast import Ballast
from bot.storage.leavings import Leavings, Mark, OldClip
from bot.storage.room import Room

_log = logging.getLogger(__name__)
#: A start has better things to do first.
_FIRST_S = 1.0
_WALK_FIRST = timedelta(seconds=30)
_BALLAST_EVERY_S = 60.0
_WALK_EVERY = timedelta(hours=6)
#: Rows looked at in one read, and the pause after it, in which others have the disk.
_AT_A_TIME = 100
_PAUSE_S = 0.1
#: A picture is fetched before its request is accepted.
_PICTURE_REST_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """Where there is something to tidy."""

    leavings: Leavings
    archive: Archive
    stills: Stills
    providers: Mapping[str, Provider]
    #: Reference pictures, in a folder of their own.
    pictures: Path
    room: Room
    ballast: Ballast


class Tidying:
    """A loop for the engine.

    keep  how long a posted clip stays in the archive; None: for ever.
    """

    def __init__(self, leftovers: Leftovers, clock: Clock, keep: timedelta | None) -> None:
        self._leftovers = leftovers
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Tidy for ever."""
        await self._clock.sleep(_FIRST_S)
        walk_at = self._clock.now() + _WALK_FIRST
        while True:
            await self.put_by()
            if walk_at <= self._clock.now():
                walk_at = self._clock.now() + _WALK_EVERY
                await self.tidy()
            await self._clock.sleep(_BALLAST_EVERY_S)

    async def put_by(self) -> None:
        """Lay the ballast again, where there is room for it; never raises."""
        room, ballast = self._leftovers.room, self._leftovers.ballast
        if await asyncio.to_thread(room.has_room_for_orders):
            try:
                await asyncio.to_thread(ballast.lay)
            except OSError as error:
                _log.warning("no space put by: %s", error)

    async def tidy(self) -> None:
        """Remove all that is past its time; idempotent. Raises StorageError.

        Of a clip its file here, its poster, and its render where that is on this disk, too. What a
        service elsewhere has of it goes only when it is deleted.
        """
        if self._keep is not None:
            removed = await self._tidy_clips(self._clock.now() - self._keep)
            if removed:
                _log.info("%d clips were past their time and are removed", removed)
        await self._tidy_pictures()

    async def _tidy_clips(self, before: datetime) -> int:
        removed, mark = 0, Mark()
        while True:
            old, further = await self._leftovers.leavings.old_clips(mark, before, _AT_A_TIME)
            gone = [each.job_id for each in old if await self._is_removed(each)]
            if gone:
                # After the files: a row without its file is found again, a file without its row
                # never.
                await self._leftovers.leavings.forget_clips(gone)
            removed += len(gone)
            if further is None:
                return removed
            mark = further
            await self._clock.sleep(_PAUSE_S)

    async def _is_removed(self, clip: OldClip) -> bool:
        """Remove one clip's files; False where that has to wait for the next walk."""
        leftovers = self._leftovers
        try:
            await leftovers.archive.remove(clip.archive_key)
            await leftovers.stills.forget(clip.job_id)
            provider = leftovers.providers.get(clip.provider)
            if provider is not None and clip.remote_id is not None and _is_on_this_disk(provider):
                await provider.delete(clip.remote_id)
        except (StorageError, ProviderError, OSError) as error:
            _log.warning("clip %s stays for now: %s", clip.job_id, error)
            return False
        return True

    async def _tidy_pictures(self) -> None:
        folder = self._leftovers.pictures
        rested = await asyncio.to_thread(_rested, folder, self._clock.now().timestamp())
        for start in range(0, len(rested), _AT_A_TIME):
            some = rested[start : start + _AT_A_TIME]
            needed = await self._leftovers.leavings.needed_pictures(some)
            try:
                await asyncio.to_thread(_remove, [each for each in some if each not in needed])
            except OSError as error:
                _log.warning("pictures stay for now: %s", error)
            await self._clock.sleep(_PAUSE_S)


def _is_on_this_disk(provider: Provider) -> bool:
    # Only who works on this machine is asked for nothing.
    capabilities = provider.capabilities()
    return capabilities.polls_are_free and capabilities.can_delete


def _rested(folder: Path, now_s: float) -> list[Path]:
    """Return the files of a folder that have been there for a day."""
    try:
        return [
            each
            for each in sorted(folder.iterdir())
            if each.is_file() and now_s - each.stat().st_mtime > _PICTURE_REST_S
        ]
    except OSError:
        return []


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
