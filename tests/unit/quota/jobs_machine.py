"""The random steps of jobs: accept, fail over, finish, fail, cancel, post again."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from bot.errors import BlockedError, OverQuotaError
from bot.model import EntryKind, State, Viewer
from bot.storage.base import LedgerReader
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    HOME,
    render_spec,
)
from tests.unit.quota.oracle import may, may_cost_more
from tests.unit.quota.paired_ledgers import ROLES, ROUTE, RULE, PairedJob, PairedLedgers

USERS = st.sampled_from([ALICE, BOB])
GUILDS = st.sampled_from([HOME, AWAY])
PICKS = st.integers(0, 30)
COSTS = st.sampled_from([None, 0, 1, 150_000, 1_000_000])


class JobsMachine(RuleBasedStateMachine):
    """Applies each step of a job to the database and to the in-memory ledger."""

    @initialize()
    def start(self) -> None:
        self.ledgers = PairedLedgers()
        self.accepted: list[tuple[int, tuple[PairedJob, ...]]] = []

    def teardown(self) -> None:
        if hasattr(self, "ledgers"):
            self.ledgers.close()

    @rule(
        user_id=USERS,
        guild_id=st.sampled_from([HOME, HOME, AWAY, None]),
        role_ids=st.sets(st.sampled_from(ROLES)),
        count=st.integers(1, 4),
        seconds=st.sampled_from([4, 8]),
        usd_micros=st.sampled_from([0, 200_000, 800_000]),
    )
    def submit(
        self,
        user_id: int,
        guild_id: int | None,
        role_ids: set[int],
        count: int,
        seconds: int,
        usd_micros: int,
    ) -> None:
        ledgers = self.ledgers
        who = Viewer(user_id=user_id, guild_id=guild_id, role_ids=frozenset(role_ids))
        request = ledgers.request(who)
        specs = [render_spec(seconds, usd_micros)] * count
        is_allowed = may(ledgers.in_memory, RULE, who, specs, ledgers.now)
        refusal = None
        try:
            pairs = ledgers.accept(request, specs, who)
        except (BlockedError, OverQuotaError) as refused:
            refusal = refused.user_text
            assert ledgers.run(ledgers.store.jobs_of(request.id)) == ()
        else:
            assert len(pairs) == count
            self.accepted.append((request.id, pairs))
        assert is_allowed is (refusal is None), refusal

    @precondition(lambda self: self.accepted)
    @rule(pick=PICKS)
    def redeliver(self, pick: int) -> None:
        """A redelivered interaction gets its own jobs again, without a second check of the limits."""
        request_id, pairs = self.accepted[pick % len(self.accepted)]
        first = pairs[0].job
        who = Viewer(user_id=first.user_id, guild_id=first.place.guild_id)
        again = replace(self.ledgers.request(who), id=request_id)

        def never(_ledger: LedgerReader) -> None:
            raise AssertionError("the limits were checked twice")

        new_jobs = self.ledgers.new_jobs([pair.job.spec for pair in pairs])
        jobs = self.ledgers.run(self.ledgers.store.accept(again, new_jobs, never))
        assert jobs == tuple(pair.job for pair in pairs)

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, state=st.sampled_from(ROUTE[1:]))
    def advance(self, pick: int, state: State) -> None:
        self.ledgers.advance(self.under_way(pick), state)

    @precondition(lambda self: self.not_accepted())
    @rule(
        pick=PICKS,
        provider=st.sampled_from(["local", "elsewhere", "third"]),
        usd_micros=st.sampled_from([0, 1, 150_000, 800_000, 2_500_000]),
        role_ids=st.sets(st.sampled_from(ROLES)),
        close=st.sampled_from([None, EntryKind.SETTLE, EntryKind.REFUND]),
    )
    def fail_over(
        self,
        pick: int,
        provider: str,
        usd_micros: int,
        role_ids: set[int],
        close: EntryKind | None,
    ) -> None:
        """Move a job to a provider with another price; the quota rule may refuse the move."""
        ledgers = self.ledgers
        pair = self.not_accepted()[pick % len(self.not_accepted())]
        was = pair.job
        who = Viewer(user_id=was.user_id, guild_id=was.place.guild_id, role_ids=frozenset(role_ids))
        extra = usd_micros - pair.in_memory.usd_micros
        is_allowed = may_cost_more(ledgers.in_memory, RULE, who, extra, ledgers.now)
        refusal = None
        try:
            ledgers.fail_over(pair, provider, usd_micros, who)
        except OverQuotaError as refused:
            refusal = refused.user_text
            assert ledgers.run(ledgers.store.job(was.id)) == was
        assert is_allowed is (refusal is None), refusal
        if refusal is None and close is not None:
            ledgers.end(pair, State.FAILED, close, error_code="render_failed")

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, cost=COSTS, is_posted=st.booleans())
    def finish(self, pick: int, cost: int | None, is_posted: bool) -> None:
        pair = self.under_way(pick)
        self.ledgers.advance(pair, State.POSTING)
        if is_posted:
            self.ledgers.end(pair, State.DONE, EntryKind.SETTLE, cost=cost, message_id=9)
        else:
            self.ledgers.end(
                pair, State.KEPT, EntryKind.SETTLE, cost=cost, error_code="place_closed"
            )

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, is_charged=st.booleans(), cost=COSTS)
    def fail(self, pick: int, is_charged: bool, cost: int | None) -> None:
        """A job ends without a clip; when the provider charged for it, the charge counts."""
        pair = self.under_way(pick)
        if is_charged:
            self.ledgers.end(
                pair, State.FAILED, EntryKind.SETTLE, cost=cost, error_code="moderation"
            )
        else:
            self.ledgers.end(pair, State.FAILED, EntryKind.REFUND, error_code="render_failed")

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, by_moderator=st.sampled_from([None, 3]))
    def request_cancel(self, pick: int, by_moderator: int | None) -> None:
        """Request the cancellation of a job: the ledger stays, a moderator's first request is audited."""
        ledgers, pair = self.ledgers, self.under_way(pick)
        if pair.job.place.guild_id is None:
            by_moderator = None
        for _ in range(2):
            is_first = pair.job.cancel_requested_at is None
            before = self.audit_log_length()
            request = ledgers.store.request_cancel(pair.job, ledgers.now, by_moderator=by_moderator)
            after = ledgers.run(request)
            assert after is not None
            pair.job = after
            assert self.audit_log_length() - before == (is_first and by_moderator is not None)

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        self.ledgers.end(self.under_way(pick), State.CANCELLED, EntryKind.REFUND)

    @precondition(lambda self: self.kept())
    @rule(pick=PICKS)
    def fetch(self, pick: int) -> None:
        """Post a kept clip again: the job is active again, and its reservation stays settled."""
        self.ledgers.fetch(self.kept()[pick % len(self.kept())])

    @precondition(lambda self: self.moved())
    @rule(pick=PICKS, close=st.sampled_from([EntryKind.SETTLE, EntryKind.REFUND]))
    def move_from_an_outdated_copy(self, pick: int, close: EntryKind) -> None:
        """Try to move a job from an outdated copy of its row: the database refuses."""
        stale = self.moved()[pick % len(self.moved())].stale
        late = self.ledgers.store.move(
            stale, State.FAILED, self.ledgers.now, close=close, error_code="late"
        )
        assert self.ledgers.run(late) is None

    def audit_log_length(self) -> int:
        return self.query("SELECT count(*) FROM audit")[0][0]

    def query(self, sql: str) -> list[sqlite3.Row]:
        read = self.ledgers.store.database.read(lambda conn: conn.execute(sql).fetchall())
        return self.ledgers.run(read)

    def under_way(self, pick: int) -> PairedJob:
        return self.ledgers.under_way[pick % len(self.ledgers.under_way)]

    def not_accepted(self) -> list[PairedJob]:
        """Return the jobs that may fail over to another provider."""
        states = (State.QUEUED, State.SUBMITTING)
        return [pair for pair in self.ledgers.pairs if pair.job.state in states]

    def kept(self) -> list[PairedJob]:
        return [pair for pair in self.ledgers.pairs if pair.job.state is State.KEPT]

    def moved(self) -> list[PairedJob]:
        """Return the jobs of which an outdated copy shows another state that is not final."""
        return [
            pair
            for pair in self.ledgers.pairs
            if pair.stale.state is not pair.job.state and not pair.stale.state.is_final
        ]
