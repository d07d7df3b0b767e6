"""A database and the same on paper; whatever is done is done to both."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.model import EntryKind, Job, Order, Place, Request, State, Viewer
from bot.quota.rule import QuotaRule
from bot.server import Limit, Unit
from bot.storage.base import Books, Draft
from bot.storage.keeping import Actor
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.empty_database import lay_database
from tests.unit.quota.paper import (
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
    Paper,
    PaperJob,
    clips,
)

RULE = QuotaRule(
    defaults=(
        clips(5),
        clips(12, WEEK),
        Limit(unit=Unit.USD_MICROS, amount=4_000_000, window=MONTH),
    ),
    max_active=6,
    max_active_in_server=8,
    server_budget_usd_micros=6_000_000,
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
class Pair:
    """A job in the database, and the same on paper."""

    job: Job
    #: As it was before its latest move.
    stale: Job
    paper: PaperJob


class Killed(Exception):  # noqa: N818
    """The process is no more."""


class KilledHalfWay(Sequence[Draft]):
    """Drafts of which one is written when the process dies; its files stay as they are then."""

    def __init__(self, drafts: Sequence[Draft], database: Path, left_behind: Path) -> None:
        self._drafts = drafts
        self._database = database
        self._left_behind = left_behind

    def __len__(self) -> int:
        return len(self._drafts)

    def __getitem__(self, index: Any) -> Any:
        return self._drafts[index]

    def __iter__(self) -> Iterator[Draft]:
        yield self._drafts[0]
        self._left_behind.parent.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{self._database}{suffix}", f"{self._left_behind}{suffix}")
        raise Killed


class TwoBooks:
    """An open store, its paper, and the hands that write into both."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.Runner()
        self._requests = 0
        self._lives = 0
        self.now = NOW
        self.paper = Paper()
        self.pairs: list[Pair] = []
        lay_database(self._path)
        self._open()

    def run(self, work: Awaitable[_T]) -> _T:
        async def wait() -> _T:
            return await work

        return self._loop.run(wait())

    @property
    def moderator(self) -> Actor:
        return Actor(user_id=3, at=self.now)

    @property
    def under_way(self) -> list[Pair]:
        return [pair for pair in self.pairs if not pair.job.state.is_final]

    def close(self) -> None:
        self.run(self.store.close())
        self._loop.close()
        self._folder.cleanup()

    def restart(self) -> None:
        self.run(self.store.close())
        self._open()

    def die_while_accepting(self, request: Request, drafts: Sequence[Draft]) -> None:
        """Go on with the files as a killed process leaves them in the middle of a transaction."""
        database = self._path
        self._lives += 1
        halves = KilledHalfWay(drafts, database, self._path)
        try:
            self.run(self.store.accept(request, halves, lambda _books: None))
        except Killed:
            self.run(self.store.close())
            self._open()
        else:
            raise AssertionError("nobody was killed")

    def request(self, who: Viewer) -> Request:
        """Return a request of an id that never was before."""
        self._requests += 1
        channel_id = 5 if who.guild_id is None else who.guild_id * 10
        place = Place(guild_id=who.guild_id, channel_id=channel_id, upload_limit_bytes=1)
        return Request(id=self._requests, user_id=who.user_id, place=place, created_at=self.now)

    def drafts(self, orders: Sequence[Order]) -> list[Draft]:
        return [Draft(order=each, seed=1) for each in orders]

    def accept(self, request: Request, orders: Sequence[Order], who: Viewer) -> tuple[Pair, ...]:
        """Accept what the rule lets through; raises its refusals."""
        accepting = self.store.accept(
            request,
            self.drafts(orders),
            lambda books: RULE.check(books, who, orders, request.created_at),
        )
        return tuple(self._note(job) for job in self.run(accepting))

    def go_on(self, pair: Pair, state: State) -> None:
        """Carry a job that is under way forward to a state of `ROUTE`."""
        for to in ROUTE[ROUTE.index(pair.job.state) + 1 : ROUTE.index(state) + 1]:
            told = {"remote_id": f"remote-{pair.job.id}"} if to is State.RENDERING else {}
            self.move(pair, to, due_at=self.now, **told)

    def move(self, pair: Pair, to: State, **told: Any) -> None:
        moved = self.run(self.store.move(pair.job, to, self.now, **told))
        assert moved is not None
        assert moved.state is to
        pair.stale, pair.job = pair.job, moved

    def rehome(self, pair: Pair, provider: str, usd_micros: int, who: Viewer) -> None:
        """Give a job that no provider took to a provider; raises the rule's refusals."""
        asked = replace(pair.job.order, provider=provider, estimate_usd_micros=usd_micros)
        extra = usd_micros - pair.paper.usd_micros
        rehomed = self.run(
            self.store.rehome(
                pair.job,
                asked,
                self.now,
                lambda books: RULE.check_extra(books, who, extra, self.now),
            )
        )
        assert rehomed is not None
        assert (rehomed.state, rehomed.order, rehomed.due_at) == (State.QUEUED, asked, self.now)
        pair.stale, pair.job = pair.job, rehomed
        pair.paper.rehome(usd_micros)

    def end(
        self, pair: Pair, to: State, close: EntryKind, *, cost: int | None = None, **told: Any
    ) -> None:
        """End a job; `cost` is what the provider says that it was."""
        if cost is not None:
            told["cost_usd_micros"] = cost
        self.move(pair, to, close=close, **told)
        pair.paper.has_failed = to is State.FAILED
        pair.paper.is_fetched = False
        if not pair.paper.is_open:
            return
        if close is EntryKind.REFUND:
            pair.paper.refund()
        else:
            pair.paper.settle(pair.paper.usd_micros if cost is None else cost)

    def fetch(self, pair: Pair) -> None:
        moved = self.run(self.store.repost(pair.job, pair.job.place, self.now))
        assert moved is not None
        pair.stale, pair.job = pair.job, moved
        pair.paper.is_fetched = True

    def answers(self, books: Books) -> list[object]:
        """Ask everything there is to ask."""
        told: list[object] = []
        for user_id in (ALICE, BOB):
            told += [books.active(user_id), *self._uses(books, user_id)]
            for guild_id in (HOME, AWAY):
                who = Viewer(user_id=user_id, guild_id=guild_id, role_ids=frozenset(ROLES))
                grants = books.grants(guild_id, user_id, self.now - DAY)
                told += [
                    frozenset(books.limits_for(guild_id, user_id, ())),
                    frozenset(books.limits_for(guild_id, user_id, (PAINTERS,))),
                    sorted(grant.amount for grant in grants),
                    books.block_of(guild_id, user_id, self.now),
                    RULE.standing(books, who, self.now),
                ]
        for guild_id in (HOME, AWAY):
            told += [
                books.active_in(guild_id),
                books.budget(guild_id),
                books.rules(guild_id),
                *(books.spent(guild_id, self.now - age) for age in (DAY, MONTH)),
            ]
        return told

    def _uses(self, books: Books, user_id: int) -> Iterator[object]:
        for age in (DAY, WEEK, MONTH):
            for within in (None, HOME, AWAY):
                yield books.usage(user_id, self.now - age, within=within)
                yield tuple(books.spends(user_id, self.now - age, within=within))

    @property
    def _path(self) -> Path:
        return Path(self._folder.name) / str(self._lives) / "sorabot.sqlite3"

    def _open(self) -> None:
        self.store = self.run(SqliteStore.open(self._path))
        self.keeping = SqliteKeeping(self.store.database, self.store.queries)
        # So small that a transaction is on its way to the disk before it is whole.
        self.run(self.store.database.run(lambda conn: conn.execute("PRAGMA cache_size = 1")))

    def _note(self, job: Job) -> Pair:
        paper = PaperJob(
            user_id=job.user_id,
            guild_id=job.place.guild_id,
            at=self.now,
            seconds=job.order.seconds,
            usd_micros=job.order.estimate_usd_micros,
            is_open=True,
        )
        self.paper.jobs.append(paper)
        pair = Pair(job=job, stale=job, paper=paper)
        self.pairs.append(pair)
        return pair
