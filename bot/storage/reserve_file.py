"""Space put by for the day that the disk is full."""

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)
#: What the write-ahead log grows to between two checkpoints.
_SIZE_BYTES = 4 * 1024 * 1024


class ReserveFile:
    """A file of nothing, removed when the database needs its space. Its methods block.

    On a full disk SQLite takes no refund and no deletion either (SQLite 3.40.1, tried 2026-11-20):
    what gives it room to close accounts must be there beforehand.
    """

    def __init__(self, path: Path, size_bytes: int = _SIZE_BYTES) -> None:
        """Name the file; touches nothing."""
        self._path = path
        self._size_bytes = size_bytes

    def create(self) -> None:
        """Put the file there unless it is. Raises OSError, and leaves nothing then."""
        if self._path.is_file():
            return
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            # No zeros: a file system may keep those without taking any space.
            part.write_bytes(os.urandom(self._size_bytes))
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(self._path)
        except BaseException:  # half a ballast only takes space
            part.unlink(missing_ok=True)
            raise

    def release(self) -> bool:
        """Give its space back; False when there is none, or the disk refuses even that."""
        try:
            self._path.unlink()
        except OSError:
            return False
        _log.error("the disk is full: the space put by is used up now; make room on it")
        return True
