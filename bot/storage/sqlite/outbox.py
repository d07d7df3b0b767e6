"""The `Outbox` on SQLite."""

import sqlite3
from datetime import datetime, timedelta
from typing import final

from bot.model import Job
from bot.storage.outbox import Mirror, Outbox, OutboxKind, OutboxMessage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import from_ms, job_of_row, to_ms


@final
class SqliteOutbox(Outbox):
    """A row for each errand; its id is never used again."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def erase(self, job_id: str, now: datetime) -> Job | None:
        return await self._database.write(lambda conn: self._erase(conn, job_id.upper(), now))

    async def get(self, outbox_id: int) -> OutboxMessage | None:
        row = await self._row("outbox_message", id=outbox_id)
        return None if row is None else _outbox_message_of_row(row)

    async def due(self, now: datetime, limit: int) -> tuple[OutboxMessage, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "outbox_due", now=to_ms(now), limit=limit)
        )
        return tuple(_outbox_message_of_row(row) for row in rows)

    async def next_due_at(self) -> datetime | None:
        row = await self._row("next_outbox_due_at")
        return None if row is None or row["due_at"] is None else from_ms(row["due_at"])

    async def reschedule(self, outbox_message: OutboxMessage, due_at: datetime) -> None:
        await self._database.write(
            lambda conn: self._queries.rows(
                conn, "reschedule_outbox_message", id=outbox_message.id, due_at=to_ms(due_at)
            )
        )

    async def finish_mirror(self, outbox_message: OutboxMessage, message_id: int | None) -> None:
        if outbox_message.kind is not OutboxKind.MIRROR:
            raise ValueError(f"not an outbox message to mirror: {outbox_message}")
        await self._database.write(
            lambda conn: self._finish_mirror(conn, outbox_message, message_id)
        )

    async def mirror_of(self, job_id: str) -> Mirror | None:
        row = await self._row("mirror_of", job_id=job_id.upper())
        if row is None:
            return None
        return Mirror(
            job_id=row["job_id"], channel_id=row["channel_id"], message_id=row["message_id"]
        )

    async def finish_erase(self, outbox_message: OutboxMessage) -> None:
        await self._database.write(lambda conn: self._finish_erase(conn, outbox_message))

    async def notify(
        self, channel_id: int, text: str, now: datetime, *, key: str, again_after: timedelta
    ) -> None:
        def leave(conn: sqlite3.Connection) -> None:
            said_before = to_ms(now - again_after)
            if self._queries.row(
                conn, "note_notified", key=key, now=to_ms(now), said_before=said_before
            ):
                self._queries.rows(
                    conn, "enqueue_notify", channel_id=channel_id, words=text, now=to_ms(now)
                )

        await self._database.write(leave)

    async def finish_notify(self, outbox_message: OutboxMessage) -> None:
        await self._database.write(
            lambda conn: self._queries.rows(
                conn, "finish_outbox_message", id=outbox_message.id, chore=OutboxKind.NOTIFY.value
            )
        )

    async def is_image_in_use(self, job: Job) -> bool:
        image = job.spec.image
        return image is not None and await self._row("image_is_used", image=str(image)) is not None

    def _erase(self, conn: sqlite3.Connection, job_id: str, now: datetime) -> Job | None:
        row = self._queries.row(conn, "job", id=job_id)
        if row is None or row["finished_at"] is None:
            return None
        if row["deleted_at"] is not None:
            return job_of_row(row)
        search_index.remove(conn, self._queries, job_id)
        blanked = self._queries.row(conn, "blank_job", id=job_id, now=to_ms(now))
        self._queries.rows(conn, "enqueue_erase", job_id=job_id, at=to_ms(now))
        self._queries.rows(
            conn, "drop_outbox_message", job_id=job_id, chore=OutboxKind.MIRROR.value
        )
        return None if blanked is None else job_of_row(blanked)

    def _finish_mirror(
        self, conn: sqlite3.Connection, outbox_message: OutboxMessage, message_id: int | None
    ) -> None:
        self._queries.rows(
            conn, "finish_outbox_message", id=outbox_message.id, chore=outbox_message.kind.value
        )
        if message_id is None:
            return
        self._queries.rows(
            conn,
            "put_mirror",
            job_id=outbox_message.job_id,
            channel_id=outbox_message.channel_id,
            message_id=message_id,
        )
        job = self._queries.row(conn, "job", id=outbox_message.job_id)
        if job is not None and job["deleted_at"] is not None:
            # In the place of one that may be under way and has not seen the mirror.
            self._queries.rows(
                conn,
                "drop_outbox_message",
                job_id=outbox_message.job_id,
                chore=OutboxKind.ERASE.value,
            )
            self._queries.rows(
                conn, "enqueue_erase", job_id=outbox_message.job_id, at=to_ms(outbox_message.due_at)
            )

    def _finish_erase(self, conn: sqlite3.Connection, outbox_message: OutboxMessage) -> None:
        ended = self._queries.row(
            conn, "finish_outbox_message", id=outbox_message.id, chore=OutboxKind.ERASE.value
        )
        if ended is None:
            return
        for what in ("drop_clip", "drop_mirror", "drop_image"):
            self._queries.rows(conn, what, job_id=ended["job_id"])

    async def _row(self, name: str, **params: object) -> sqlite3.Row | None:
        return await self._database.read(lambda conn: self._queries.row(conn, name, **params))


def _outbox_message_of_row(row: sqlite3.Row) -> OutboxMessage:
    return OutboxMessage(
        id=row["id"],
        kind=OutboxKind(row["chore"]),
        job_id=row["job_id"],
        channel_id=row["channel_id"],
        text=row["words"],
        created_at=from_ms(row["created_at"]),
        due_at=from_ms(row["due_at"]),
        attempts=row["attempts"],
    )
