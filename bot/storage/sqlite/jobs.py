"""The `JobStore` on SQLite."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar, Unpack, final

from bot.errors import StorageError
from bot.model import Clip, EntryKind, Job, Place, RenderSpec, Request, Size, State
from bot.storage.base import JobChanges, JobStore, LedgerReader, NewJob
from bot.storage.disk_space import DiskSpace
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite import job_moves
from bot.storage.sqlite.corrupt_rows import CorruptRows
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.job_moves import JobMove
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.migrate import migrate, read_migrations
from bot.storage.sqlite.queries import Queries, SqliteStore, Transaction
from bot.storage.sqlite.rows import clip_of_row, from_ms, job_of_row, request_of_row, to_ms

_Result = TypeVar("_Result")


@final
class SqliteJobStore(SqliteStore, JobStore):
    """Requests, jobs, clips and the ledger in one file."""

    def __init__(
        self, database: Database, queries: Queries, disk_space: DiskSpace | None = None
    ) -> None:
        super().__init__(database, queries)
        self._disk_space = disk_space or DiskSpace()
        self._corrupt_rows = CorruptRows()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        disk_space: DiskSpace | None = None,
        reserve_file: ReserveFile | None = None,
    ) -> "SqliteJobStore":
        """Open or create the database file at `path` and apply missing migrations.

        disk_space    refuses new jobs while the disk is nearly full; None: never.
        reserve_file  deleted when the disk is full, so that refunds and deletions can be written.
        Raises SchemaTooNewError for the database of a later release, and StorageError when the
        file cannot be opened or a migration fails.
        """
        queries = await asyncio.to_thread(Queries.load)
        migrations = await asyncio.to_thread(read_migrations)
        database = await Database.open(path, reserve_file)
        try:
            await database.run(lambda conn: migrate(conn, migrations))
        except BaseException:  # cancellation, too: the thread of the database must end
            await database.close()
            raise
        return cls(database, queries, disk_space)

    async def accept(
        self,
        request: Request,
        new_jobs: Sequence[NewJob],
        check: Callable[[LedgerReader], None],
    ) -> tuple[Job, ...]:
        job_moves.check_new_jobs(new_jobs)

        def checked(ledger: LedgerReader) -> None:
            check(ledger)
            self._disk_space.check_new_job()

        return await self._write(
            lambda tx: job_moves.accept(tx, request, new_jobs, checked),
            is_new_work=True,
        )

    async def move(
        self,
        job: Job,
        to: State,
        now: datetime,
        *,
        close: EntryKind | None = None,
        cost_usd_micros: int | None = None,
        clip: Clip | None = None,
        place: Place | None = None,
        **changes: Unpack[JobChanges],
    ) -> Job | None:
        asked = JobMove(
            job=job,
            to=to,
            now=now,
            close=close,
            cost_usd_micros=cost_usd_micros,
            clip=clip,
            place=place,
            changes=changes,
        )
        return await self._write(lambda tx: job_moves.move(tx, asked))

    async def update(self, job: Job, **changes: Unpack[JobChanges]) -> Job | None:
        job_moves.check_changes(changes)
        return await self._write(lambda tx: job_moves.update(tx, job, changes))

    async def note_renders(self, jobs: Sequence[Job]) -> None:
        if jobs:
            await self._write(lambda tx: job_moves.note_renders(tx, jobs))

    async def claim_slot(
        self, job: Job, now: datetime, *, max_concurrent: int, **changes: Unpack[JobChanges]
    ) -> Job | None:
        asked = JobMove(job=job, to=State.SUBMITTING, now=now, changes=changes)
        return await self._write(lambda tx: job_moves.claim_slot(tx, asked, max_concurrent))

    async def fail_over(
        self, job: Job, spec: RenderSpec, now: datetime, check: Callable[[LedgerReader], None]
    ) -> Job | None:
        job_moves.check_failover(job, spec)
        return await self._write(lambda tx: job_moves.fail_over(tx, job, spec, now, check))

    async def repost(self, job: Job, place: Place, now: datetime) -> Job | None:
        if job.state is not State.KEPT:
            raise ValueError(f"no job is posted again from {job.state}")
        return await self._write(lambda tx: job_moves.repost(tx, job, place, now))

    async def request_cancel(
        self, job: Job, now: datetime, *, by_moderator: int | None = None
    ) -> Job | None:
        return await self._write(lambda tx: job_moves.request_cancel(tx, job, now, by_moderator))

    async def extend_deadlines(
        self, provider: str, *, deadline_at: datetime, quiet_until: datetime
    ) -> None:
        await self._change(
            "extend_deadlines",
            provider=provider,
            deadline_at=to_ms(deadline_at),
            quiet_until=to_ms(quiet_until),
        )

    async def defer_uncertain_posts(self, now: datetime, quiet_until: datetime) -> None:
        await self._change("defer_uncertain_posts", now=to_ms(now), quiet_until=to_ms(quiet_until))

    async def poll_now(self, provider: str, remote_id: str, now: datetime) -> bool:
        rows = await self._change(
            "poll_now", provider=provider, remote_id=remote_id, now=to_ms(now)
        )
        return bool(rows)

    async def set_card(self, request_id: int, message_id: int) -> None:
        await self._change("set_card", id=request_id, message_id=message_id)

    async def job(self, job_id: str) -> Job | None:
        return await self._one(job_of_row, "job", id=job_id.upper())

    async def request(self, request_id: int) -> Request | None:
        return await self._one(request_of_row, "request", id=request_id)

    async def jobs_of(self, request_id: int) -> tuple[Job, ...]:
        return await self._jobs("jobs_of_request", request_id=request_id)

    async def jobs_of_message(self, message_id: int) -> tuple[Job, ...]:
        return await self._jobs("jobs_of_message", message_id=message_id)

    async def clip(self, job_id: str) -> Clip | None:
        return await self._one(clip_of_row, "clip", job_id=job_id.upper())

    async def due(self, now: datetime, states: Sequence[State], limit: int) -> tuple[Job, ...]:
        wanted = json.dumps([state.value for state in states])
        return await self._jobs("due", now=to_ms(now), states=wanted, limit=limit)

    async def providers_due(self, now: datetime) -> tuple[str, ...]:
        rows = await self._rows("providers_due", now=to_ms(now))
        return tuple(row["provider"] for row in rows)

    async def renders_due(self, provider: str, now: datetime, limit: int) -> tuple[Job, ...]:
        return await self._jobs("renders_due", provider=provider, now=to_ms(now), limit=limit)

    async def next_due_at(self, states: Sequence[State]) -> dict[State, datetime]:
        wanted = json.dumps([state.value for state in states])
        rows = await self._rows("next_due_at", states=wanted)
        return {
            State(row["state"]): from_ms(row["due_at"]) for row in rows if row["due_at"] is not None
        }

    async def waiting(
        self, provider: str, now: datetime, *, max_concurrent: int
    ) -> tuple[Job, ...]:
        def first(tx: Transaction) -> tuple[Job, ...]:
            free = max_concurrent - tx.number("slots_taken", provider=provider)
            # Ordering the queue costs time when thousands of jobs wait, so it needs a free slot.
            if free <= 0:
                return ()
            return self._corrupt_rows.jobs(
                tx, "waiting", provider=provider, now=to_ms(now), limit=free
            )

        return await self._read_past_corrupt_rows(first)

    async def slots_taken(self, provider: str) -> int:
        return await self._number("slots_taken", provider=provider)

    async def open_jobs(self, user_id: int | None = None) -> tuple[Job, ...]:
        if user_id is None:
            return await self._jobs("open_jobs")
        return await self._jobs("open_jobs_of_user", user_id=user_id)

    async def finished_since(self, at: datetime) -> tuple[int, ...]:
        rows = await self._rows("finished_since", since=to_ms(at))
        return tuple(row["request_id"] for row in rows)

    async def recent_jobs(self, user_id: int, guild_id: int | None, limit: int) -> tuple[Job, ...]:
        return await self._jobs("history", user_id=user_id, guild_id=guild_id, limit=limit)

    async def position(self, job: Job) -> int:
        return await self._number("position", id=job.id)

    async def durations_s(
        self, provider: str, model: str, seconds: int, size: Size, limit: int
    ) -> tuple[float, ...]:
        rows = await self._rows(
            "durations",
            provider=provider,
            model=model,
            seconds=seconds,
            width_px=size.width_px,
            height_px=size.height_px,
            limit=limit,
        )
        return tuple(row["took_ms"] / 1000 for row in rows)

    async def owner_of_remote(self, provider: str, remote_id: str) -> str | None:
        return await self._one(
            lambda row: str(row["id"]), "owner_of_remote", provider=provider, remote_id=remote_id
        )

    async def read_ledger(self, read: Callable[[LedgerReader], _Result]) -> _Result:
        return await self._read(lambda tx: read(SqliteLedgerReader(tx)))

    async def close(self) -> None:
        await self.database.close()

    async def _jobs(self, name: str, **params: object) -> tuple[Job, ...]:
        # Thousands of jobs built on the event loop would block it, so the database thread does it.
        return await self._read_past_corrupt_rows(
            lambda tx: self._corrupt_rows.jobs(tx, name, **params)
        )

    async def _read_past_corrupt_rows(
        self, read: Callable[[Transaction], tuple[Job, ...]]
    ) -> tuple[Job, ...]:
        """Return the jobs that can be read; postpone rows that can't, so that they block no job."""
        jobs = await self._read(read)
        if self._corrupt_rows.has_found_any:
            # When the database takes no writes, the next call tries again.
            with contextlib.suppress(StorageError):
                await self._write(self._corrupt_rows.postpone)
        return jobs
