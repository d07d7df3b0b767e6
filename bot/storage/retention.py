"""What finished jobs left on the disk, and what of it is still needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredClip:
    """A posted clip whose file has expired."""

    job_id: str
    archive_key: str
    #: Who rendered it, and its handle there.
    provider: str
    remote_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionCursor:
    """How far a walk along the finished jobs has come."""

    #: Milliseconds since 1970-01-01 UTC.
    finished_at_ms: int = 0
    #: The order of acceptance, among those that ended at once.
    seq: int = 0


class RetentionStore(Protocol):
    """Each method is one transaction. Raises StorageError."""

    async def expired_clips(
        self, cursor: RetentionCursor, before: datetime, limit: int
    ) -> tuple[tuple[ExpiredClip, ...], RetentionCursor | None]:
        """Look at up to `limit` jobs that became final until `before`, oldest first, from `at` on.

        Returns the clips among them whose files may go, and where to go on; None at the end.
        A clip is needed while it could not be posted, while something is made from it, and while
        an outbox message is left about it.
        """
        ...

    async def delete_clips(self, job_ids: Sequence[str]) -> None:
        """Drop the clips' rows: nothing can be made from them any more. What was paid stays.

        Idempotent.
        """
        ...

    async def needed_pictures(self, pictures: Sequence[Path]) -> frozenset[Path]:
        """Return those that a job was ordered with that is open, or that may be ordered again."""
        ...
