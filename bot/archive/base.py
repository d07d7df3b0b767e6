"""The interface of an archive, which keeps finished files."""

from pathlib import Path
from typing import Protocol


class Archive(Protocol):
    """Keeps the original file of each clip. Safe to call from many tasks at once."""

    async def put(self, job_id: str, source: Path) -> str:
        """Move `source` into the archive and return its key; idempotent for each job.

        Raises StorageError when the file cannot be kept; `source` then still exists.
        """
        ...

    async def fetch(self, key: str) -> Path:
        """Return the path of a kept file, for reading only. Raises StorageError for another key."""
        ...

    async def remove(self, key: str) -> None:
        """Delete a kept file; idempotent."""
        ...
