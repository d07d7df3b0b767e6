"""The `RetentionStore` on SQLite."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import final

from bot.storage.retention import ExpiredClip, RetentionCursor, RetentionStore
from bot.storage.sqlite.queries import SqliteStore, Transaction
from bot.storage.sqlite.rows import to_ms


@final
class SqliteRetentionStore(SqliteStore, RetentionStore):
    """Reads finished jobs by index, a few rows at a time."""

    async def expired_clips(
        self, cursor: RetentionCursor, before: datetime, limit: int
    ) -> tuple[tuple[ExpiredClip, ...], RetentionCursor | None]:
        rows = await self._rows(
            "finished_jobs",
            finished_at=cursor.finished_at_ms,
            seq=cursor.seq,
            before=to_ms(before),
            limit=limit,
        )
        old = tuple(
            ExpiredClip(
                job_id=row["id"],
                archive_key=row["archive_key"],
                provider=row["provider"],
                remote_id=row["remote_id"],
            )
            for row in rows
            if row["is_over"]
        )
        if len(rows) < limit:
            return old, None
        last = rows[-1]
        return old, RetentionCursor(finished_at_ms=last["finished_at"], seq=last["seq"])

    async def delete_clips(self, job_ids: Sequence[str]) -> None:
        await self._write(lambda tx: [tx.rows("drop_clip", job_id=each) for each in job_ids])

    async def needed_pictures(self, pictures: Sequence[Path]) -> frozenset[Path]:
        spelled = {name: path for path in pictures for name in _spellings(path)}
        # The file name of a picture is the number of the request that it came with.
        numbered = {int(path.stem): path for path in pictures if path.stem.isdecimal()}

        def needed(tx: Transaction) -> frozenset[Path]:
            by_name = tx.rows("needed_pictures", paths=json.dumps(list(spelled)))
            by_number = tx.rows("needed_pictures_of_requests", ids=json.dumps(list(numbered)))
            return frozenset(
                [spelled[row["path"]] for row in by_name]
                + [numbered[row["id"]] for row in by_number]
            )

        return await self._read(needed)


def _spellings(path: Path) -> set[str]:
    """Return the names a job may have stored for a picture: as given, absolute, and relative."""
    absolute = path.absolute()
    spellings = {str(path), str(absolute)}
    if absolute.is_relative_to(Path.cwd()):
        spellings.add(str(absolute.relative_to(Path.cwd())))
    return spellings
