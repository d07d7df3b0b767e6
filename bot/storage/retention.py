"""Which files of finished jobs are still needed, and which may be removed from the disk."""

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
    #: The provider that rendered the clip, and the render's id there.
    provider: str
    remote_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionCursor:
    """The last finished job that a retention pass has looked at."""

    #: Milliseconds since 1970-01-01 UTC.
    finished_at_ms: int = 0
    #: The job's `seq`, which tells apart jobs that finished in the same millisecond.
    seq: int = 0


class RetentionStore(Protocol):
    """Finds and removes what expired; each method is one transaction and raises StorageError."""

    async def expired_clips(
        self, cursor: RetentionCursor, before: datetime, limit: int
    ) -> tuple[tuple[ExpiredClip, ...], RetentionCursor | None]:
        """Return the expired clips among the next `limit` jobs that finished before `before`.

        Also returns the cursor for the next call; None at the end of the jobs. A clip does not
        expire while it waits to be posted, while a remix or extension of it is made, or while the
        outbox has a message about it.
        """
        ...

    async def delete_clips(self, job_ids: Sequence[str]) -> None:
        """Delete the rows of expired clips; the ledger keeps what they cost. Idempotent."""
        ...

    async def needed_pictures(self, pictures: Sequence[Path]) -> frozenset[Path]:
        """Return the pictures that an open job uses, or a job whose clip can be made again."""
        ...
