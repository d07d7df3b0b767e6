"""How much space is left on the disks that the bot writes to."""

import asyncio
import errno
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bot.errors import StorageError

_log = logging.getLogger(__name__)
#: The disks are asked at most this often.
_CACHE_S = 1.0
_SHORT = "I'm short of disk space right now, so nothing was started or charged. Try again later."


class DiskSpace:
    """The space on the disks of some folders; safe to ask from any thread.

    folders      need not be there yet; without any there is always room.
    least_bytes  with less than this left on one of their disks no orders are accepted. What was
                 accepted goes on to half of it: it is paid for.
    """

    def __init__(self, folders: Sequence[Path] = (), min_free_bytes: int = 0) -> None:
        self._folders = tuple(folders)
        self._min_free_bytes = min_free_bytes
        self._lock = threading.Lock()
        self._free_bytes = sys.maxsize
        self._stale_at_s = float("-inf")
        self._was_short = False

    def free_bytes(self) -> int:
        """Return the bytes that are left where least is, as of the last second; blocks.

        0 for a disk that can't be asked, or has no room for one more file.
        """
        with self._lock:
            if self._is_stale():
                self._free_bytes = min(map(_free_bytes, self._folders), default=sys.maxsize)
                self._stale_at_s = time.monotonic() + _CACHE_S
                self._log_change()
            return self._free_bytes

    def allows_new_jobs(self) -> bool:
        """Return whether more may be begun; blocks."""
        return self.free_bytes() >= self._min_free_bytes

    def check_new_job(self) -> None:
        """Check that there is space for more work; blocks. Raises StorageError, whose text members read."""
        if not self.allows_new_jobs():
            raise StorageError(f"{self.free_bytes()} bytes left on the disk", user_text=_SHORT)

    async def allows_download(self) -> bool:
        """Return whether a clip that was accepted may be fetched now."""
        is_stale = bool(self._folders) and self._is_stale()
        free_bytes = await asyncio.to_thread(self.free_bytes) if is_stale else self._free_bytes
        return free_bytes >= self._min_free_bytes // 2

    def _is_stale(self) -> bool:
        return time.monotonic() >= self._stale_at_s

    def _log_change(self) -> None:
        """Log that space ran short, or that there is some again: once each."""
        is_short = self._free_bytes < self._min_free_bytes
        if is_short and not self._was_short:
            _log.error(
                "%d MiB left on the disk, MIN_FREE_MIB is %d: no orders are accepted",
                self._free_bytes >> 20,
                self._min_free_bytes >> 20,
            )
        elif self._was_short and not is_short:
            _log.warning("%d MiB left on the disk: orders again", self._free_bytes >> 20)
        self._was_short = is_short


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a disk that is full, over its quota or read-only caused `error`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EROFS,
        ):
            return True
        error = error.__cause__
    return False


def _free_bytes(folder: Path) -> int:
    try:
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if sys.platform == "win32":
            return shutil.disk_usage(there).free
        told = os.statvfs(there)
    except (OSError, StopIteration):
        return 0
    # Some file systems count no files.
    if told.f_files and not told.f_favail:
        return 0
    return told.f_bavail * told.f_frsize
