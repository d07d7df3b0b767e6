"""The `Store` on SQLite."""

import asyncio
import contextlib
import json
import sqlite3
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
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import clip_of_row, from_ms, job_of_row, request_of_row, to_ms

_Result = TypeVar("_Result")


@final
class SqliteJobStore(JobStore):
    """The database in one file; what each method promises is written in `Store`.

    Instants are kept in whole milliseconds, rounded down.
    """

    def __init__(
        self, database: Database, queries: Queries, disk_space: DiskSpace | None = None
    ) -> None:
        """Work on an open database whose schema is up to date; `open` makes one."""
        self.database = database
        self.queries = queries
        self._disk_space = DiskSpace() if disk_space is None else disk_space
        self._corrupt_rows = CorruptRows(queries)

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        disk_space: DiskSpace | None = None,
        reserve_file: ReserveFile | None = None,
    ) -> "SqliteJobStore":
        """Open the file, which is made when there is none, and bring its schema up to date.

        room     nothing is accepted while it is short; None: there is always enough.
        ballast  as for `Database.open`.
        The caller closes it.
        Raises SchemaTooNewError for a later release's file and StorageError as `Database.open`.
        """
        queries = await asyncio.to_thread(Queries.load)
        migrations = await asyncio.to_thread(read_migrations)
        database = await Database.open(path, reserve_file)
        try:
            await database.run(lambda conn: migrate(conn, migrations))
        except BaseException:  # whatever it was, the database's thread must end
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

        def checked(books: LedgerReader) -> None:
            check(books)
            self._disk_space.check_new_job()

        return await self.database.write(
            lambda conn: job_moves.accept(conn, self.queries, request, new_jobs, checked),
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
        return await self.database.write(lambda conn: job_moves.move(conn, self.queries, asked))

    async def update(self, job: Job, **changes: Unpack[JobChanges]) -> Job | None:
        job_moves.check_changes(changes)
        return await self.database.write(
            lambda conn: job_moves.update(conn, self.queries, job, changes)
        )

    async def note_renders(self, jobs: Sequence[Job]) -> None:
        if jobs:
            await self.database.write(lambda conn: job_moves.note_renders(conn, self.queries, jobs))

    async def claim_slot(
        self, job: Job, now: datetime, *, max_concurrent: int, **changes: Unpack[JobChanges]
    ) -> Job | None:
        asked = JobMove(job=job, to=State.SUBMITTING, now=now, changes=changes)
        return await self.database.write(
            lambda conn: job_moves.claim_slot(conn, self.queries, asked, max_concurrent)
        )

    async def fail_over(
        self, job: Job, spec: RenderSpec, now: datetime, check: Callable[[LedgerReader], None]
    ) -> Job | None:
        job_moves.check_failover(job, spec)
        return await self.database.write(
            lambda conn: job_moves.fail_over(conn, self.queries, job, spec, now, check)
        )

    async def repost(self, job: Job, place: Place, now: datetime) -> Job | None:
        if job.state is not State.KEPT:
            raise ValueError(f"no job is posted again from {job.state}")
        return await self.database.write(
            lambda conn: job_moves.repost(conn, self.queries, job, place, now)
        )

    async def request_cancel(
        self, job: Job, now: datetime, *, by_moderator: int | None = None
    ) -> Job | None:
        return await self.database.write(
            lambda conn: job_moves.request_cancel(conn, self.queries, job, now, by_moderator)
        )

    async def extend_deadlines(
        self, provider: str, *, deadline_at: datetime, quiet_until: datetime
    ) -> None:
        await self.database.write(
            lambda conn: self.queries.rows(
                conn,
                "extend_deadlines",
                provider=provider,
                deadline_at=to_ms(deadline_at),
                quiet_until=to_ms(quiet_until),
            )
        )

    async def defer_uncertain_posts(self, now: datetime, quiet_until: datetime) -> None:
        await self.database.write(
            lambda conn: self.queries.rows(
                conn, "defer_uncertain_posts", now=to_ms(now), quiet_until=to_ms(quiet_until)
            )
        )

    async def poll_now(self, provider: str, remote_id: str, now: datetime) -> bool:
        rows = await self.database.write(
            lambda conn: self.queries.rows(
                conn, "poll_now", provider=provider, remote_id=remote_id, now=to_ms(now)
            )
        )
        return bool(rows)

    async def set_card(self, request_id: int, message_id: int) -> None:
        await self.database.write(
            lambda conn: self.queries.rows(conn, "set_card", id=request_id, message_id=message_id)
        )

    async def job(self, job_id: str) -> Job | None:
        row = await self._row("job", id=job_id.upper())
        return None if row is None else job_of_row(row)

    async def request(self, request_id: int) -> Request | None:
        row = await self._row("request", id=request_id)
        return None if row is None else request_of_row(row)

    async def jobs_of(self, request_id: int) -> tuple[Job, ...]:
        return await self._jobs("jobs_of_request", request_id=request_id)

    async def jobs_of_message(self, message_id: int) -> tuple[Job, ...]:
        return await self._jobs("jobs_of_message", message_id=message_id)

    async def clip(self, job_id: str) -> Clip | None:
        row = await self._row("clip", job_id=job_id.upper())
        return None if row is None else clip_of_row(row)

    async def due(self, now: datetime, states: Sequence[State], limit: int) -> tuple[Job, ...]:
        wanted = json.dumps([state.value for state in states])
        return await self._jobs("due", now=to_ms(now), states=wanted, limit=limit)

    async def providers_due(self, now: datetime) -> tuple[str, ...]:
        rows = await self.database.read(
            lambda conn: self.queries.rows(conn, "providers_due", now=to_ms(now))
        )
        return tuple(row["provider"] for row in rows)

    async def renders_due(self, provider: str, now: datetime, limit: int) -> tuple[Job, ...]:
        return await self._jobs("renders_due", provider=provider, now=to_ms(now), limit=limit)

    async def next_due_at(self, states: Sequence[State]) -> dict[State, datetime]:
        wanted = json.dumps([state.value for state in states])
        rows = await self.database.read(
            lambda conn: self.queries.rows(conn, "next_due_at", states=wanted)
        )
        return {
            State(row["state"]): from_ms(row["due_at"]) for row in rows if row["due_at"] is not None
        }

    async def waiting(
        self, provider: str, now: datetime, *, max_concurrent: int
    ) -> tuple[Job, ...]:
        def first(conn: sqlite3.Connection) -> tuple[Job, ...]:
            taken = self.queries.row(conn, "slots_taken", provider=provider)
            free = max_concurrent - (0 if taken is None else int(taken["taken"]))
            # Thousands may wait for a slot, and who is first need not be known until one is free.
            if free <= 0:
                return ()
            return self._corrupt_rows.jobs(
                conn, "waiting", provider=provider, now=to_ms(now), limit=free
            )

        return await self._read_past_corrupt_rows(first)

    async def slots_taken(self, provider: str) -> int:
        row = await self._row("slots_taken", provider=provider)
        return 0 if row is None else int(row["taken"])

    async def open_jobs(self, user_id: int | None = None) -> tuple[Job, ...]:
        if user_id is None:
            return await self._jobs("open_jobs")
        return await self._jobs("open_jobs_of_user", user_id=user_id)

    async def finished_since(self, at: datetime) -> tuple[int, ...]:
        rows = await self.database.read(
            lambda conn: self.queries.rows(conn, "finished_since", since=to_ms(at))
        )
        return tuple(row["request_id"] for row in rows)

    async def recent_jobs(self, user_id: int, guild_id: int | None, limit: int) -> tuple[Job, ...]:
        return await self._jobs("history", user_id=user_id, guild_id=guild_id, limit=limit)

    async def position(self, job: Job) -> int:
        row = await self._row("position", id=job.id)
        return 0 if row is None else int(row["ahead"])

    async def durations_s(
        self, provider: str, model: str, seconds: int, size: Size, limit: int
    ) -> tuple[float, ...]:
        rows = await self.database.read(
            lambda conn: self.queries.rows(
                conn,
                "durations",
                provider=provider,
                model=model,
                seconds=seconds,
                width_px=size.width_px,
                height_px=size.height_px,
                limit=limit,
            )
        )
        return tuple(row["took_ms"] / 1000 for row in rows)

    async def owner_of_remote(self, provider: str, remote_id: str) -> str | None:
        row = await self._row("owner_of_remote", provider=provider, remote_id=remote_id)
        return None if row is None else str(row["id"])

    async def read_ledger(self, read: Callable[[LedgerReader], _Result]) -> _Result:
        return await self.database.read(lambda conn: read(SqliteLedgerReader(conn, self.queries)))

    async def close(self) -> None:
        await self.database.close()

    async def _row(self, name: str, **params: object) -> sqlite3.Row | None:
        return await self.database.read(lambda conn: self.queries.row(conn, name, **params))

    async def _jobs(self, name: str, **params: object) -> tuple[Job, ...]:
        # Made on the database's thread: thousands of them would hold up the event loop.
        return await self._read_past_corrupt_rows(
            lambda conn: self._corrupt_rows.jobs(conn, name, **params)
        )

    async def _read_past_corrupt_rows(
        self, read: Callable[[sqlite3.Connection], tuple[Job, ...]]
    ) -> tuple[Job, ...]:
        """Return the jobs that can be read; what can't is put off, so that it holds nobody up."""
        jobs = await self.database.read(read)
        if self._corrupt_rows.has_found_any:
            # A database that takes no writes is asked again with the next look.
            with contextlib.suppress(StorageError):
                await self.database.write(self._corrupt_rows.postpone)
        return jobs
