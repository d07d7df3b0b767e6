"""Planted defects: typical mistakes of such bots, each of which the simulation must detect.

Each defect replaces an implementation of a protocol, a waiting time or a clock. The bot's own code
stays unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.errors import (
    NotAcceptedError,
    ProviderError,
    ProviderTroubleError,
    RenderFailedError,
    UnknownOutcomeError,
)
from bot.jobs.ports import ClipPublisher, JobStatus
from bot.jobs.timings import Timings
from bot.model import EntryKind, Job, Request, State
from bot.providers.base import Provider, ProviderRequest, RenderState, RenderStatus
from bot.storage.base import JobStore, LedgerReader, NewJob
from bot.storage.sqlite import job_moves, ledger
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Transaction
from bot.storage.sqlite.rows import job_of_row
from tests.simulation.database import SimulatedDatabase
from tests.simulation.program import Program
from tests.simulation.provider import ScriptedProvider
from tests.simulation.publisher import ScriptedPublisher
from tests.simulation.world import SimulatedWorld


class StoreProxy:
    """A job store that forwards to another one, for subclasses that replace some methods."""

    def __init__(self, inner: SqliteJobStore) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class RandomNonce(Program):
    """Defect: each attempt to post a clip uses a different nonce."""

    shows = "shown 2 times"
    shown_by = 61

    def publisher(
        self, publisher: ScriptedPublisher, store: JobStore, clock: Clock
    ) -> ClipPublisher:
        class Nonces(ScriptedPublisher):
            def nonce(self, job: Job) -> str:
                return f"sora-{job.id}-{self.channels.world.dice.random()}"

        return Nonces(publisher.channels)


class PostedFirst(Program):
    """Defect: the bot commits that a job is DONE before it posts the clip."""

    shows = "its message does not show it"

    def publisher(
        self, publisher: ScriptedPublisher, store: JobStore, clock: Clock
    ) -> ClipPublisher:
        class Hasty(ScriptedPublisher):
            async def post_clip(
                self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
            ) -> int:
                job_id, now = status.job.id, clock.now()
                settle = EntryKind.SETTLE
                await store.move(status.job, State.DONE, now, close=settle, message_id=1)
                message_id = await super().post_clip(status, path, others)
                assert isinstance(store, SqliteJobStore)
                update = "UPDATE jobs SET message_id = ? WHERE id = ?"
                await store.database.write(lambda conn: conn.execute(update, (message_id, job_id)))
                return message_id

        return Hasty(publisher.channels)


class NoIntent(Program):
    """Defect: the bot makes the paid call before it commits the state SUBMITTING."""

    shows = "creates for"
    shown_by = 3

    def store(self, store: SqliteJobStore) -> JobStore:
        class Late(StoreProxy):
            def __init__(self, inner: SqliteJobStore) -> None:
                super().__init__(inner)
                self._claims: dict[str, Callable[[], Any]] = {}

            async def claim_slot(
                self, job: Job, now: datetime, *, max_concurrent: int, **changes: Any
            ) -> Job | None:
                self._claims[job.id] = lambda: self.inner.claim_slot(
                    job, now, max_concurrent=max_concurrent, **changes
                )
                return replace(job, state=State.SUBMITTING, state_at=now, **changes)

            async def move(self, job: Job, *args: Any, **more: Any) -> Job | None:
                await self._claim(job)
                return await self.inner.move(job, *args, **more)

            async def update(self, job: Job, **changes: Any) -> Job | None:
                await self._claim(job)
                return await self.inner.update(job, **changes)

            async def _claim(self, job: Job) -> None:
                if job.state is State.SUBMITTING and job.id in self._claims:
                    await self._claims.pop(job.id)()

        return Late(store)  # pyright: ignore[reportReturnType]


class TwoTransactions(Program):
    """Defect: one transaction ends the job, and the next one writes the job's ledger rows."""

    shows = "the ledger says ['reserve']"
    shown_by = 3

    def store(self, store: SqliteJobStore) -> JobStore:
        _drop_closing_trigger(store)

        class Parted(StoreProxy):
            async def move(
                self,
                job: Job,
                to: State,
                now: datetime,
                *,
                close: EntryKind | None = None,
                **more: Any,
            ) -> Job | None:
                if close is None:
                    return await self.inner.move(job, to, now, **more)
                named = self.inner.queries
                refund = close is EntryKind.REFUND
                known = job.spec.estimate_usd_micros
                known = known if job.cost_usd_micros is None else job.cost_usd_micros
                ended = replace(
                    job,
                    state=to,
                    state_at=now,
                    finished_at=now,
                    due_at=None,
                    attempts=0,
                    progress=None,
                    **{"cost_usd_micros": 0 if refund else known, **more},
                )
                saved = await self.inner.database.write(
                    lambda conn: job_moves._save(Transaction(conn, named), ended, was=job.state)
                )
                if saved is not None:
                    await self.inner.database.write(
                        lambda conn: (
                            ledger.is_closed(Transaction(conn, named), job.id)
                            or ledger.close(Transaction(conn, named), saved, close, now)
                        )
                    )
                return saved

        return Parted(store)  # pyright: ignore[reportReturnType]


class TroubleIsFailure(Program):
    """Defect: HTML or a 5xx error in the response to a poll counts as a failed render."""

    shows = "failed with render_failed: it did not"
    shown_by = 9

    def provider(self, provider: ScriptedProvider, store: SqliteJobStore) -> Provider:
        class Trusting(ScriptedProvider):
            async def poll(
                self, remote_ids: Sequence[str]
            ) -> Mapping[str, RenderStatus | ProviderError]:
                answers = await super().poll(remote_ids)
                return {
                    each: RenderStatus(
                        id=each, state=RenderState.FAILED, error=RenderFailedError(str(answer))
                    )
                    if isinstance(answer, ProviderTroubleError)
                    else answer
                    for each, answer in answers.items()
                }

        return Trusting(provider.videos, provider.capabilities())


class WallClock(Program):
    """Defect: deadlines use the wall clock, which can jump."""

    shows = "failed with deadline: after"

    def clock(self, world: SimulatedWorld, clock: Clock) -> Clock:
        class Wall:
            def now(self) -> datetime:
                return world.wall()

            async def sleep(self, seconds: float) -> None:
                await asyncio.sleep(seconds)

        return Wall()


class NoHistorySearch(Program):
    """Defect: before it posts again, the bot doesn't search the channel.

    Only the nonce prevents doubles.
    """

    shows = "shown 2 times"

    def publisher(
        self, publisher: ScriptedPublisher, store: JobStore, clock: Clock
    ) -> ClipPublisher:
        class Blind(ScriptedPublisher):
            async def find_clip(self, job: Job) -> int | None:
                return None

        return Blind(publisher.channels)


class NoQuietPeriod(Program):
    """Defect: the bot looks for a lost paid call's render before a late request has arrived."""

    shows = "creates for"
    shown_by = 84

    def timings(self) -> Timings:
        return replace(super().timings(), quiet_s=0.0)


class BlindResubmit(Program):
    """Defect: a paid call of unknown outcome counts as not accepted, and the bot makes it again."""

    shows = "creates for"
    shown_by = 5

    def provider(self, provider: ScriptedProvider, store: SqliteJobStore) -> Provider:
        class Bold(ScriptedProvider):
            async def submit(self, request: ProviderRequest) -> RenderStatus:
                try:
                    return await super().submit(request)
                except UnknownOutcomeError as error:
                    raise NotAcceptedError(str(error)) from error

        return Bold(provider.videos, provider.capabilities())


class RefundAndAdopt(Program):
    """Defect: a paid call of unknown outcome is refunded at once, yet its render is used."""

    shows = "'refund'] sum to"
    shown_by = 5

    def provider(self, provider: ScriptedProvider, store: SqliteJobStore) -> Provider:
        _drop_closing_trigger(store)

        class Generous(ScriptedProvider):
            async def submit(self, request: ProviderRequest) -> RenderStatus:
                try:
                    return await super().submit(request)
                except UnknownOutcomeError:
                    await store.database.write(
                        lambda conn: _refund(store, conn, request.idempotency_key)
                    )
                    raise

        return Generous(provider.videos, provider.capabilities())


class ReserveRace(Program):
    """Defect: the bot checks the limits before the transaction that makes the reservation."""

    shows = "open jobs"
    shown_by = 17

    def store(self, store: SqliteJobStore) -> JobStore:
        class Racing(StoreProxy):
            async def accept(
                self,
                request: Request,
                new_jobs: Sequence[NewJob],
                check: Callable[[LedgerReader], None],
            ) -> tuple[Job, ...]:
                await self.inner.read_ledger(check)
                return await self.inner.accept(request, new_jobs, lambda _ledger: None)

        return Racing(store)  # pyright: ignore[reportReturnType]


class OneMissing(Program):
    """Defect: the first 404 in response to a poll counts as a lost render."""

    shows = "failed with remote_not_found: it is there"
    shown_by = 10

    def timings(self) -> Timings:
        return replace(super().timings(), not_found_limit=1)


class NoLength(Program):
    """Defect: the bot doesn't compare a download's length with the header Content-Length."""

    shows = "not the bytes that were rendered"
    shown_by = 41

    def provider(self, provider: ScriptedProvider, store: SqliteJobStore) -> Provider:
        class Careless(ScriptedProvider):
            def announced_bytes(self, body: bytes) -> int | None:
                return None

        return Careless(provider.videos, provider.capabilities())


DEFECTS: tuple[type[Program], ...] = (
    RandomNonce,
    PostedFirst,
    NoIntent,
    TwoTransactions,
    TroubleIsFailure,
    WallClock,
    NoHistorySearch,
    NoQuietPeriod,
    BlindResubmit,
    RefundAndAdopt,
    ReserveRace,
    OneMissing,
    NoLength,
)


def _drop_closing_trigger(store: SqliteJobStore) -> None:
    """Drop the database trigger that prevents a job from ending without a ledger row."""
    assert isinstance(store.database, SimulatedDatabase)
    store.database.connection.execute("DROP TRIGGER IF EXISTS a_job_ends_as_the_ledger_has_it")


def _refund(store: SqliteJobStore, conn: Any, job_id: str) -> None:
    tx = Transaction(conn, store.queries)
    job = tx.one(job_of_row, "job", id=job_id)
    if job is not None and not ledger.is_closed(tx, job_id):
        ledger.close(tx, job, EntryKind.REFUND, job.state_at)
        conn.execute("UPDATE jobs SET cost_usd_micros = 0, refunded = 1 WHERE id = ?", (job_id,))
