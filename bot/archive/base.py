"""Where finished files are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Archive(Protocol):
    """A keeper of original files. Safe to call from many tasks at once."""

    async def put(self, job_id: str, source: Path) -> str:
        """Take over `source` (which is gone afterwards) and return its key; idempotent by job.

        Raises StorageError when the file cannot be kept; `source` is then still there.
        """
        ...

    async def fetch(self, key: str) -> Path:
        """Return a path to the file, to be read and not changed.

        Raises StorageError when it is not there.
        """
        ...

    async def remove(self, key: str) -> None:
        """Delete the file; idempotent."""
        ...
