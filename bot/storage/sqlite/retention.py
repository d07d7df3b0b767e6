"""The `RetentionStore` on SQLite."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import final

from bot.storage.retention import ExpiredClip, RetentionCursor, RetentionStore
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import to_ms


@final
class SqliteRetentionStore(RetentionStore):
    """Walks along an index, a few rows at a time."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def expired_clips(
        self, cursor: RetentionCursor, before: datetime, limit: int
    ) -> tuple[tuple[ExpiredClip, ...], RetentionCursor | None]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(
                conn,
                "finished_jobs",
                finished_at=cursor.finished_at_ms,
                seq=cursor.seq,
                before=to_ms(before),
                limit=limit,
            )
        )
        old = tuple(_expired_clip_of_row(row) for row in rows if row["is_over"])
        if len(rows) < limit:
            return old, None
        last = rows[-1]
        return old, RetentionCursor(finished_at_ms=last["finished_at"], seq=last["seq"])

    async def delete_clips(self, job_ids: Sequence[str]) -> None:
        def forget(conn: sqlite3.Connection) -> None:
            for job_id in job_ids:
                self._queries.rows(conn, "drop_clip", job_id=job_id)

        await self._database.write(forget)

    async def needed_pictures(self, pictures: Sequence[Path]) -> frozenset[Path]:
        spelled = {name: path for path in pictures for name in _spellings(path)}
        # A picture has the number of the request that it came with.
        numbered = {int(path.stem): path for path in pictures if path.stem.isdecimal()}

        def needed(conn: sqlite3.Connection) -> frozenset[Path]:
            by_name = self._queries.rows(conn, "needed_pictures", paths=json.dumps(list(spelled)))
            by_number = self._queries.rows(
                conn, "needed_pictures_of_requests", ids=json.dumps(list(numbered))
            )
            return frozenset(
                [
                    *(spelled[row["path"]] for row in by_name),
                    *(numbered[row["id"]] for row in by_number),
                ]
            )

        return await self._database.read(needed)


def _expired_clip_of_row(row: sqlite3.Row) -> ExpiredClip:
    return ExpiredClip(
        job_id=row["id"],
        archive_key=row["archive_key"],
        provider=row["provider"],
        remote_id=row["remote_id"],
    )


def _spellings(path: Path) -> set[str]:
    """Return what a job may call a picture: the folder may have been named another way then."""
    absolute = path.absolute()
    spellings = {str(path), str(absolute)}
    if absolute.is_relative_to(Path.cwd()):
        spellings.add(str(absolute.relative_to(Path.cwd())))
    return spellings
