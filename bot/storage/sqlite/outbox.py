"""The `Outbox` on SQLite."""

import sqlite3
from datetime import datetime, timedelta
from typing import final

from bot.model import Job
from bot.storage.outbox import Mirror, Outbox, OutboxKind, OutboxMessage
from bot.storage.sqlite import search_index
from bot.storage.sqlite.queries import SqliteStore, Transaction
from bot.storage.sqlite.rows import from_ms, job_of_row, to_ms


@final
class SqliteOutbox(SqliteStore, Outbox):
    """The outbox messages in one table, which never uses an id again."""

    async def erase(self, job_id: str, now: datetime) -> Job | None:
        return await self._write(lambda tx: _erase(tx, job_id.upper(), now))

    async def get(self, outbox_id: int) -> OutboxMessage | None:
        return await self._one(_outbox_message_of_row, "outbox_message", id=outbox_id)

    async def due(self, now: datetime, limit: int) -> tuple[OutboxMessage, ...]:
        rows = await self._rows("outbox_due", now=to_ms(now), limit=limit)
        return tuple(map(_outbox_message_of_row, rows))

    async def next_due_at(self) -> datetime | None:
        (row,) = await self._rows("next_outbox_due_at")
        return None if row["due_at"] is None else from_ms(row["due_at"])

    async def reschedule(self, outbox_message: OutboxMessage, due_at: datetime) -> None:
        await self._change("reschedule_outbox_message", id=outbox_message.id, due_at=to_ms(due_at))

    async def finish_mirror(self, outbox_message: OutboxMessage, message_id: int | None) -> None:
        if outbox_message.kind is not OutboxKind.MIRROR:
            raise ValueError(f"not an outbox message to mirror: {outbox_message}")
        await self._write(lambda tx: _finish_mirror(tx, outbox_message, message_id))

    async def mirror_of(self, job_id: str) -> Mirror | None:
        return await self._one(lambda row: Mirror(**row), "mirror_of", job_id=job_id.upper())

    async def finish_erase(self, outbox_message: OutboxMessage) -> None:
        def finish(tx: Transaction) -> None:
            for ended in _finish(tx, outbox_message, OutboxKind.ERASE):
                for query in ("drop_clip", "drop_mirror", "drop_image"):
                    tx.rows(query, job_id=ended["job_id"])

        await self._write(finish)

    async def notify(
        self, channel_id: int, text: str, now: datetime, *, key: str, again_after: timedelta
    ) -> None:
        def enqueue(tx: Transaction) -> None:
            said_before = to_ms(now - again_after)
            if tx.rows("note_notified", key=key, now=to_ms(now), said_before=said_before):
                tx.rows("enqueue_notify", channel_id=channel_id, words=text, now=to_ms(now))

        await self._write(enqueue)

    async def finish_notify(self, outbox_message: OutboxMessage) -> None:
        await self._write(lambda tx: _finish(tx, outbox_message, OutboxKind.NOTIFY))

    async def is_image_in_use(self, job: Job) -> bool:
        image = job.spec.image
        return image is not None and bool(await self._rows("image_is_used", image=str(image)))


def _erase(tx: Transaction, job_id: str, now: datetime) -> Job | None:
    row = tx.row("job", id=job_id)
    if row is None or row["finished_at"] is None:
        return None
    if row["deleted_at"] is not None:
        return job_of_row(row)
    search_index.remove(tx, job_id)
    blanked = tx.one(job_of_row, "blank_job", id=job_id, now=to_ms(now))
    tx.rows("enqueue_erase", job_id=job_id, at=to_ms(now))
    tx.rows("drop_outbox_message", job_id=job_id, chore=OutboxKind.MIRROR.value)
    return blanked


def _finish_mirror(tx: Transaction, outbox_message: OutboxMessage, message_id: int | None) -> None:
    _finish(tx, outbox_message, OutboxKind.MIRROR)
    if message_id is None:
        return
    job_id = outbox_message.job_id
    tx.rows(
        "put_mirror", job_id=job_id, channel_id=outbox_message.channel_id, message_id=message_id
    )
    job = tx.row("job", id=job_id)
    if job is not None and job["deleted_at"] is not None:
        # An ERASE message that is being worked on has not seen the mirror; a new one replaces it.
        tx.rows("drop_outbox_message", job_id=job_id, chore=OutboxKind.ERASE.value)
        tx.rows("enqueue_erase", job_id=job_id, at=to_ms(outbox_message.due_at))


def _finish(tx: Transaction, outbox_message: OutboxMessage, kind: OutboxKind) -> list[sqlite3.Row]:
    return tx.rows("finish_outbox_message", id=outbox_message.id, chore=kind.value)


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
