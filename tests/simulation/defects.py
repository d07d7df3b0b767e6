"""Planted defects: the mistakes that bots of this kind make, one at a time.

None touches the program: each replaces a piece at a port, a pace or a clock.
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
from bot.jobs.pace import Pace
from bot.jobs.ports import Courier, JobStatus
from bot.model import EntryKind, Job, Request, State
from bot.providers.base import Provider, Remote, RemoteState, RenderOrder
from bot.storage import ledger, moves
from bot.storage.base import Books, Draft, Store
from bot.storage.rows import job_of_row
from bot.storage.store import SqliteStore
from tests.simulation.courier import ScriptedCourier
from tests.simulation.program import Program
from tests.simulation.provider import ScriptedProvider
from tests.simulation.world import World


class Wrapped:
    """A store with some of its methods replaced."""

    def __init__(self, inner: SqliteStore) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class RandomNonce(Program):
    """Each try to post has a nonce of its own."""

    shows = "shown 2 times"
    shown_by = 61

    def courier(self, courier: ScriptedCourier, store: Store, clock: Clock) -> Courier:
        class Nonces(ScriptedCourier):
            def nonce(self, job: Job) -> str:
                return f"sora-{job.id}-{self.channels.world.dice.random()}"

        return Nonces(courier.channels)


class PostedFirst(Program):
    """DONE is written before the post."""

    shows = "its message does not show it"

    def courier(self, courier: ScriptedCourier, store: Store, clock: Clock) -> Courier:
        class Hasty(ScriptedCourier):
            async def post_clip(
                self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
            ) -> int:
                job_id, now = status.job.id, clock.now()
                settle = EntryKind.SETTLE
                await store.move(status.job, State.DONE, now, close=settle, message_id=1)
                message_id = await super().post_clip(status, path, others)
                update = "UPDATE jobs SET message_id = ? WHERE id = ?"
                await store.database.write(lambda conn: conn.execute(update, (message_id, job_id)))
                return message_id

        return Hasty(courier.channels)


class NoIntent(Program):
    """The paid call is made before SUBMITTING is written."""

    shows = "creates for"
    shown_by = 3

    def store(self, store: SqliteStore) -> Store:
        class Late(Wrapped):
            def __init__(self, inner: SqliteStore) -> None:
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
    """The job ends in one transaction, its account in the next."""

    shows = "the ledger says ['reserve']"
    shown_by = 3

    def store(self, store: SqliteStore) -> Store:
        _unguard(store)

        class Parted(Wrapped):
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
                known = job.order.estimate_usd_micros
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
                    lambda conn: moves._save(conn, named, ended, was=job.state)
                )
                if saved is not None:
                    await self.inner.database.write(
                        lambda conn: (
                            ledger.is_closed(conn, named, job.id)
                            or ledger.close(conn, named, saved, close, now)
                        )
                    )
                return saved

        return Parted(store)  # pyright: ignore[reportReturnType]


class TroubleIsFailure(Program):
    """HTML or a 5xx while polling is taken for "failed"."""

    shows = "failed with render_failed: it did not"
    shown_by = 9

    def provider(self, provider: ScriptedProvider, store: SqliteStore) -> Provider:
        class Trusting(ScriptedProvider):
            async def poll(self, remote_ids: Sequence[str]) -> Mapping[str, Remote | ProviderError]:
                answers = await super().poll(remote_ids)
                return {
                    each: Remote(
                        id=each, state=RemoteState.FAILED, error=RenderFailedError(str(answer))
                    )
                    if isinstance(answer, ProviderTroubleError)
                    else answer
                    for each, answer in answers.items()
                }

        return Trusting(provider.videos, provider.capabilities())


class WallClock(Program):
    """Deadlines go by a clock that jumps."""

    shows = "failed with deadline: after"

    def clock(self, world: World, clock: Clock) -> Clock:
        class Wall:
            def now(self) -> datetime:
                return world.wall()

            async def sleep(self, seconds: float) -> None:
                await asyncio.sleep(seconds)

        return Wall()


class NoLook(Program):
    """Nobody looks into the history before posting again: the nonce will do."""

    shows = "shown 2 times"

    def courier(self, courier: ScriptedCourier, store: Store, clock: Clock) -> Courier:
        class Blind(ScriptedCourier):
            async def find_clip(self, job: Job) -> int | None:
                return None

        return Blind(courier.channels)


class NoQuiet(Program):
    """A create of unknown outcome is looked for at once."""

    shows = "creates for"
    shown_by = 84

    def pace(self) -> Pace:
        return replace(super().pace(), quiet_s=0.0)


class BlindResubmit(Program):
    """A create of unknown outcome is taken for one that was refused."""

    shows = "creates for"
    shown_by = 5

    def provider(self, provider: ScriptedProvider, store: SqliteStore) -> Provider:
        class Bold(ScriptedProvider):
            async def submit(self, order: RenderOrder) -> Remote:
                try:
                    return await super().submit(order)
                except UnknownOutcomeError as error:
                    raise NotAcceptedError(str(error)) from error

        return Bold(provider.videos, provider.capabilities())


class RefundAndAdopt(Program):
    """A create of unknown outcome is refunded at once, and its render taken all the same."""

    shows = "'refund'] sum to"
    shown_by = 5

    def provider(self, provider: ScriptedProvider, store: SqliteStore) -> Provider:
        _unguard(store)

        class Generous(ScriptedProvider):
            async def submit(self, order: RenderOrder) -> Remote:
                try:
                    return await super().submit(order)
                except UnknownOutcomeError:
                    await store.database.write(lambda conn: _refund(store, conn, order.key))
                    raise

        return Generous(provider.videos, provider.capabilities())


class ReserveRace(Program):
    """The limits are looked at before the transaction that reserves."""

    shows = "under way"
    shown_by = 17

    def store(self, store: SqliteStore) -> Store:
        class Racing(Wrapped):
            async def accept(
                self, request: Request, drafts: Sequence[Draft], check: Callable[[Books], None]
            ) -> tuple[Job, ...]:
                await self.inner.consult(check)
                return await self.inner.accept(request, drafts, lambda _books: None)

        return Racing(store)  # pyright: ignore[reportReturnType]


class OneMissing(Program):
    """The first 404 means that a render is lost."""

    shows = "failed with remote_not_found: it is there"
    shown_by = 10

    def pace(self) -> Pace:
        return replace(super().pace(), missing_times=1)


class NoLength(Program):
    """The length of a download is not compared with what was announced."""

    shows = "not the bytes that were rendered"
    shown_by = 41

    def provider(self, provider: ScriptedProvider, store: SqliteStore) -> Provider:
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
    NoLook,
    NoQuiet,
    BlindResubmit,
    RefundAndAdopt,
    ReserveRace,
    OneMissing,
    NoLength,
)


def _unguard(store: SqliteStore) -> None:
    """Take the schema's own guard away, which leaves such a job where it is for ever."""
    store.database._raw.execute("DROP TRIGGER IF EXISTS a_job_ends_as_the_ledger_has_it")


def _refund(store: SqliteStore, conn: Any, job_id: str) -> None:
    row = store.queries.row(conn, "job", id=job_id)
    if row is not None and not ledger.is_closed(conn, store.queries, job_id):
        job = job_of_row(row)
        ledger.close(conn, store.queries, job, EntryKind.REFUND, job.state_at)
        conn.execute("UPDATE jobs SET cost_usd_micros = 0, refunded = 1 WHERE id = ?", (job_id,))
