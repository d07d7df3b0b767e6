"""A database and an in-memory ledger; every change is made to both."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.guild import Limit, Unit
from bot.model import EntryKind, Job, Place, RenderSpec, Request, State, Viewer
from bot.quota.rule import QuotaRule
from bot.storage.base import LedgerReader, NewJob
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.empty_database import copy_empty_database
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    DAY,
    HOME,
    MONTH,
    NOW,
    PAINTERS,
    POETS,
    WEEK,
    InMemoryLedger,
    LedgerJob,
    clips,
)

RULE = QuotaRule(
    defaults=(
        clips(5),
        clips(12, WEEK),
        Limit(unit=Unit.USD_MICROS, amount=4_000_000, window=MONTH),
    ),
    max_active=6,
    max_active_in_guild=8,
    guild_budget_usd_micros=6_000_000,
)
ROUTE = (
    State.QUEUED,
    State.SUBMITTING,
    State.RENDERING,
    State.DOWNLOADING,
    State.FITTING,
    State.POSTING,
)
ROLES = (PAINTERS, POETS)
_T = TypeVar("_T")


@dataclass(kw_only=True)
class PairedJob:
    """A job in the database, and the same job in the in-memory ledger."""

    job: Job
    #: The job as it was before its latest move.
    stale: Job
    in_memory: LedgerJob


class StoreKilled(Exception):  # noqa: N818
    """Raised in a test in the place of a kill of the process."""


class KilledHalfWayJobs(Sequence[NewJob]):
    """New jobs that raise StoreKilled after the first job is written, and copy the database files then."""

    def __init__(self, new_jobs: Sequence[NewJob], database: Path, left_behind: Path) -> None:
        self._new_jobs = new_jobs
        self._database = database
        self._left_behind = left_behind

    def __len__(self) -> int:
        return len(self._new_jobs)

    def __getitem__(self, index: Any) -> Any:
        return self._new_jobs[index]

    def __iter__(self) -> Iterator[NewJob]:
        yield self._new_jobs[0]
        self._left_behind.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{self._database}{suffix}", f"{self._left_behind}{suffix}")
        raise StoreKilled


class PairedLedgers:
    """An open store, an in-memory ledger, and methods that write to both."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.Runner()
        self._requests = 0
        self._lives = 0
        self.now = NOW
        self.in_memory = InMemoryLedger()
        self.pairs: list[PairedJob] = []
        copy_empty_database(self._path)
        self._open()

    def run(self, work: Awaitable[_T]) -> _T:
        async def wait() -> _T:
            return await work

        return self._loop.run(wait())

    @property
    def moderator(self) -> Actor:
        return Actor(user_id=3, at=self.now)

    @property
    def under_way(self) -> list[PairedJob]:
        return [pair for pair in self.pairs if not pair.job.state.is_final]

    def close(self) -> None:
        self.run(self.store.close())
        self._loop.close()
        self._folder.cleanup()

    def restart(self) -> None:
        self.run(self.store.close())
        self._open()

    def die_while_accepting(self, request: Request, new_jobs: Sequence[NewJob]) -> None:
        """Reopen the database from files as a process leaves them that is killed in a transaction."""
        database = self._path
        self._lives += 1
        killed_half_way = KilledHalfWayJobs(new_jobs, database, self._path)
        try:
            self.run(self.store.accept(request, killed_half_way, lambda _ledger: None))
        except StoreKilled:
            self.run(self.store.close())
            self._open()
        else:
            raise AssertionError("the process was not killed")

    def request(self, who: Viewer) -> Request:
        """Return a request with an unused id."""
        self._requests += 1
        channel_id = 5 if who.guild_id is None else who.guild_id * 10
        place = Place(guild_id=who.guild_id, channel_id=channel_id, upload_limit_bytes=1)
        return Request(id=self._requests, user_id=who.user_id, place=place, created_at=self.now)

    def new_jobs(self, specs: Sequence[RenderSpec]) -> list[NewJob]:
        return [NewJob(spec=each, seed=1) for each in specs]

    def accept(
        self, request: Request, specs: Sequence[RenderSpec], who: Viewer
    ) -> tuple[PairedJob, ...]:
        """Accept the specs when the quota rule allows them; raises its refusals."""
        accepting = self.store.accept(
            request,
            self.new_jobs(specs),
            lambda reader: RULE.check(reader, who, specs, request.created_at),
        )
        return tuple(self._note(job) for job in self.run(accepting))

    def advance(self, pair: PairedJob, state: State) -> None:
        """Move an open job, state by state, to a state of `ROUTE`."""
        for to in ROUTE[ROUTE.index(pair.job.state) + 1 : ROUTE.index(state) + 1]:
            changes = {"remote_id": f"remote-{pair.job.id}"} if to is State.RENDERING else {}
            self.move(pair, to, due_at=self.now, **changes)

    def move(self, pair: PairedJob, to: State, **changes: Any) -> None:
        moved = self.run(self.store.move(pair.job, to, self.now, **changes))
        assert moved is not None
        assert moved.state is to
        pair.stale, pair.job = pair.job, moved

    def fail_over(self, pair: PairedJob, provider: str, usd_micros: int, who: Viewer) -> None:
        """Move a job that no provider accepted to another one; raises the quota rule's refusals."""
        spec = replace(pair.job.spec, provider=provider, estimate_usd_micros=usd_micros)
        extra = usd_micros - pair.in_memory.usd_micros
        failed_over = self.run(
            self.store.fail_over(
                pair.job,
                spec,
                self.now,
                lambda reader: RULE.check_increase(reader, who, extra, self.now),
            )
        )
        assert failed_over is not None
        assert (failed_over.state, failed_over.spec, failed_over.due_at) == (
            State.QUEUED,
            spec,
            self.now,
        )
        pair.stale, pair.job = pair.job, failed_over
        pair.in_memory.fail_over(usd_micros)

    def end(
        self,
        pair: PairedJob,
        to: State,
        close: EntryKind,
        *,
        cost: int | None = None,
        **changes: Any,
    ) -> None:
        """End a job; `cost` is the price that the provider reports, in micro-dollars."""
        if cost is not None:
            changes["cost_usd_micros"] = cost
        self.move(pair, to, close=close, **changes)
        pair.in_memory.has_failed = to is State.FAILED
        pair.in_memory.is_fetched = False
        if not pair.in_memory.is_open:
            return
        if close is EntryKind.REFUND:
            pair.in_memory.refund()
        else:
            pair.in_memory.settle(pair.in_memory.usd_micros if cost is None else cost)

    def fetch(self, pair: PairedJob) -> None:
        moved = self.run(self.store.repost(pair.job, pair.job.place, self.now))
        assert moved is not None
        pair.stale, pair.job = pair.job, moved
        pair.in_memory.is_fetched = True

    def answers(self, ledger: LedgerReader) -> list[object]:
        """Return the answers to every question that a ledger reader answers."""
        answers: list[object] = []
        for user_id in (ALICE, BOB):
            answers += [ledger.active(user_id), *self._usages(ledger, user_id)]
            for guild_id in (HOME, AWAY):
                who = Viewer(user_id=user_id, guild_id=guild_id, role_ids=frozenset(ROLES))
                grants = ledger.grants(guild_id, user_id, self.now - DAY)
                answers += [
                    frozenset(ledger.limits_for(guild_id, user_id, ())),
                    frozenset(ledger.limits_for(guild_id, user_id, (PAINTERS,))),
                    sorted(grant.amount for grant in grants),
                    ledger.block_of(guild_id, user_id, self.now),
                    RULE.status(ledger, who, self.now),
                ]
        for guild_id in (HOME, AWAY):
            answers += [
                ledger.active_in_guild(guild_id),
                ledger.budget(guild_id),
                ledger.guild_settings(guild_id),
                *(ledger.spent(guild_id, self.now - age) for age in (DAY, MONTH)),
            ]
        return answers

    def _usages(self, ledger: LedgerReader, user_id: int) -> Iterator[object]:
        for age in (DAY, WEEK, MONTH):
            for within in (None, HOME, AWAY):
                yield ledger.usage(user_id, self.now - age, within=within)
                yield tuple(ledger.usage_by_job(user_id, self.now - age, within=within))

    @property
    def _path(self) -> Path:
        return Path(self._folder.name) / str(self._lives) / "sorabot.sqlite3"

    def _open(self) -> None:
        self.store = self.run(SqliteJobStore.open(self._path))
        self.guild_store = SqliteGuildSettingsStore(self.store.database, self.store.queries)
        # With so small a cache SQLite writes parts of a transaction to the disk before its COMMIT.
        self.run(self.store.database.run(lambda conn: conn.execute("PRAGMA cache_size = 1")))

    def _note(self, job: Job) -> PairedJob:
        in_memory = LedgerJob(
            user_id=job.user_id,
            guild_id=job.place.guild_id,
            at=self.now,
            seconds=job.spec.seconds,
            usd_micros=job.spec.estimate_usd_micros,
            is_open=True,
        )
        self.in_memory.jobs.append(in_memory)
        pair = PairedJob(job=job, stale=job, in_memory=in_memory)
        self.pairs.append(pair)
        return pair

    def untaken(self) -> list[PairedJob]:
        """Return the jobs that may fail over to another provider."""
        states = (State.QUEUED, State.SUBMITTING)
        return [pair for pair in self.pairs if pair.job.state in states]

    def kept(self) -> list[PairedJob]:
        return [pair for pair in self.pairs if pair.job.state is State.KEPT]

    def moved(self) -> list[PairedJob]:
        """Return the jobs whose earlier copy shows another state that is not final."""
        return [
            pair
            for pair in self.pairs
            if pair.stale.state is not pair.job.state and not pair.stale.state.is_final
        ]
