"""The `Errands` on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import final

from bot.model import Job
from bot.storage import search
from bot.storage.errands import Chore, Errand, Errands, Mirror
from bot.storage.queries import Queries
from bot.storage.rows import from_ms, job_of_row, to_ms
from bot.storage.sqlite import Database


@final
class SqliteErrands(Errands):
    """A row for each errand; its id is never used again."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def erase(self, job_id: str, now: datetime) -> Job | None:
        return await self._database.write(lambda conn: self._erase(conn, job_id.upper(), now))

    async def errand(self, errand_id: int) -> Errand | None:
        row = await self._row("errand", id=errand_id)
        return None if row is None else _errand_of_row(row)

    async def errands_due(self, now: datetime, limit: int) -> tuple[Errand, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "errands_due", now=to_ms(now), limit=limit)
        )
        return tuple(_errand_of_row(row) for row in rows)

    async def next_errand_at(self) -> datetime | None:
        row = await self._row("next_errand_at")
        return None if row is None or row["due_at"] is None else from_ms(row["due_at"])

    async def put_off(self, errand: Errand, due_at: datetime) -> None:
        await self._database.write(
            lambda conn: self._queries.rows(conn, "put_off", id=errand.id, due_at=to_ms(due_at))
        )

    async def mirrored(self, errand: Errand, message_id: int | None) -> None:
        if errand.chore is not Chore.MIRROR:
            raise ValueError(f"not an errand to mirror: {errand}")
        await self._database.write(lambda conn: self._mirrored(conn, errand, message_id))

    async def mirror_of(self, job_id: str) -> Mirror | None:
        row = await self._row("mirror_of", job_id=job_id.upper())
        if row is None:
            return None
        return Mirror(
            job_id=row["job_id"], channel_id=row["channel_id"], message_id=row["message_id"]
        )

    async def erased(self, errand: Errand) -> None:
        await self._database.write(lambda conn: self._erased(conn, errand))

    async def tell(
        self, channel_id: int, words: str, now: datetime, *, key: str, again_after: timedelta
    ) -> None:
        def leave(conn: sqlite3.Connection) -> None:
            said_before = to_ms(now - again_after)
            if self._queries.row(
                conn, "note_told", key=key, now=to_ms(now), said_before=said_before
            ):
                self._queries.rows(
                    conn, "leave_words", channel_id=channel_id, words=words, now=to_ms(now)
                )

        await self._database.write(leave)

    async def told(self, errand: Errand) -> None:
        await self._database.write(
            lambda conn: self._queries.rows(
                conn, "end_errand", id=errand.id, chore=Chore.TELL.value
            )
        )

    async def keeps_image(self, job: Job) -> bool:
        image = job.order.image
        return image is not None and await self._row("image_is_used", image=str(image)) is not None

    def _erase(self, conn: sqlite3.Connection, job_id: str, now: datetime) -> Job | None:
        row = self._queries.row(conn, "job", id=job_id)
        if row is None or row["finished_at"] is None:
            return None
        if row["deleted_at"] is not None:
            return job_of_row(row)
        search.leave(conn, self._queries, job_id)
        blanked = self._queries.row(conn, "blank_job", id=job_id, now=to_ms(now))
        self._queries.rows(conn, "leave_erase", job_id=job_id, at=to_ms(now))
        self._queries.rows(conn, "drop_errand", job_id=job_id, chore=Chore.MIRROR.value)
        return None if blanked is None else job_of_row(blanked)

    def _mirrored(self, conn: sqlite3.Connection, errand: Errand, message_id: int | None) -> None:
        self._queries.rows(conn, "end_errand", id=errand.id, chore=errand.chore.value)
        if message_id is None:
            return
        self._queries.rows(
            conn,
            "put_mirror",
            job_id=errand.job_id,
            channel_id=errand.channel_id,
            message_id=message_id,
        )
        job = self._queries.row(conn, "job", id=errand.job_id)
        if job is not None and job["deleted_at"] is not None:
            # In the place of one that may be under way and has not seen the mirror.
            self._queries.rows(conn, "drop_errand", job_id=errand.job_id, chore=Chore.ERASE.value)
            self._queries.rows(conn, "leave_erase", job_id=errand.job_id, at=to_ms(errand.due_at))

    def _erased(self, conn: sqlite3.Connection, errand: Errand) -> None:
        ended = self._queries.row(conn, "end_errand", id=errand.id, chore=Chore.ERASE.value)
        if ended is None:
            return
        for what in ("drop_clip", "drop_mirror", "drop_image"):
            self._queries.rows(conn, what, job_id=ended["job_id"])

    async def _row(self, name: str, **params: object) -> sqlite3.Row | None:
        return await self._database.read(lambda conn: self._queries.row(conn, name, **params))


def _errand_of_row(row: sqlite3.Row) -> Errand:
    return Errand(
        id=row["id"],
        chore=Chore(row["chore"]),
        job_id=row["job_id"],
        channel_id=row["channel_id"],
        words=row["words"],
        created_at=from_ms(row["created_at"]),
        due_at=from_ms(row["due_at"]),
        attempts=row["attempts"],
    )
