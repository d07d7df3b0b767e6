"""After any random history, the database's ledger and the in-memory ledger agree."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.errors import BlockedError, OverQuotaError
from bot.guild import Block, Budget, Grant, GuildLimit, Scope, Unit
from bot.model import EntryKind, State, Viewer
from bot.storage.base import LedgerReader
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    DAY,
    HOME,
    MONTH,
    MS,
    PAINTERS,
    POETS,
    WEEK,
    render_spec,
)
from tests.unit.quota.oracle import may, may_cost_more
from tests.unit.quota.paired_ledgers import ROLES, ROUTE, RULE, PairedJob, PairedLedgers

USERS = st.sampled_from([ALICE, BOB])
GUILDS = st.sampled_from([HOME, AWAY])
PICKS = st.integers(0, 30)
COSTS = st.sampled_from([None, 0, 1, 150_000, 1_000_000])
SUBJECTS = st.sampled_from(
    [
        (Scope.USER, ALICE),
        (Scope.USER, BOB),
        (Scope.ROLE, PAINTERS),
        (Scope.ROLE, POETS),
        (Scope.GUILD, None),
    ]
)
#: Small enough to bite.
AMOUNTS = st.one_of(
    st.tuples(st.just(Unit.CLIPS), st.none() | st.integers(0, 6)),
    st.tuples(st.just(Unit.SECONDS), st.sampled_from([None, 0, 4, 20, 60])),
    st.tuples(st.just(Unit.USD_MICROS), st.sampled_from([None, 0, 400_000, 3_000_000])),
)
EXTRAS = st.sampled_from([(Unit.CLIPS, 1), (Unit.CLIPS, 3), (Unit.SECONDS, 8)]) | st.just(
    (Unit.USD_MICROS, 800_000)
)


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.ledgers = PairedLedgers()
        self.accepted: list[tuple[int, tuple[PairedJob, ...]]] = []

    def teardown(self) -> None:
        if hasattr(self, "ledgers"):
            self.ledgers.close()

    # --- Jobs ---

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
        orders = [render_spec(seconds, usd_micros)] * count
        welcome = may(ledgers.in_memory, RULE, who, orders, ledgers.now)
        refusal = None
        try:
            pairs = ledgers.accept(request, orders, who)
        except (BlockedError, OverQuotaError) as refused:
            refusal = refused.user_text
            assert ledgers.run(ledgers.store.jobs_of(request.id)) == ()
        else:
            assert len(pairs) == count
            self.accepted.append((request.id, pairs))
        assert welcome is (refusal is None), refusal

    @precondition(lambda self: self.accepted)
    @rule(pick=PICKS)
    def redeliver(self, pick: int) -> None:
        """A redelivered interaction finds its jobs, whatever the ledgers say by now."""
        request_id, pairs = self.accepted[pick % len(self.accepted)]
        first = pairs[0].job
        who = Viewer(user_id=first.user_id, guild_id=first.place.guild_id)
        again = replace(self.ledgers.request(who), id=request_id)

        def never(_ledger: LedgerReader) -> None:
            raise AssertionError("asked twice")

        new_jobs = self.ledgers.new_jobs([pair.job.spec for pair in pairs])
        jobs = self.ledgers.run(self.ledgers.store.accept(again, new_jobs, never))
        assert jobs == tuple(pair.job for pair in pairs)

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, state=st.sampled_from(ROUTE[1:]))
    def advance(self, pick: int, state: State) -> None:
        self.ledgers.advance(self.under_way(pick), state)

    @precondition(lambda self: self.ledgers.untaken())
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
        """A job that no provider took goes to another: dearer, cheaper, or not at all; or ends there."""
        ledgers = self.ledgers
        pair = self.ledgers.untaken()[pick % len(self.ledgers.untaken())]
        was = pair.job
        who = Viewer(user_id=was.user_id, guild_id=was.place.guild_id, role_ids=frozenset(role_ids))
        extra = usd_micros - pair.in_memory.usd_micros
        welcome = may_cost_more(ledgers.in_memory, RULE, who, extra, ledgers.now)
        refusal = None
        try:
            ledgers.fail_over(pair, provider, usd_micros, who)
        except OverQuotaError as refused:
            refusal = refused.user_text
            assert ledgers.run(ledgers.store.job(was.id)) == was
        assert welcome is (refusal is None), refusal
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
        """A job ends without a clip, and what the provider charged for it all the same counts."""
        pair = self.under_way(pick)
        if is_charged:
            self.ledgers.end(
                pair, State.FAILED, EntryKind.SETTLE, cost=cost, error_code="moderation"
            )
        else:
            self.ledgers.end(pair, State.FAILED, EntryKind.REFUND, error_code="render_failed")

    @precondition(lambda self: self.ledgers.under_way)
    @rule(pick=PICKS, by_moderator=st.sampled_from([None, 3]))
    def ask_for_the_end(self, pick: int, by_moderator: int | None) -> None:
        """A wish alone changes no account; a moderator's is in the trail when it is the first."""
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

    @precondition(lambda self: self.ledgers.kept())
    @rule(pick=PICKS)
    def fetch(self, pick: int) -> None:
        """A kept clip is posted again: it counts as under way, and its ledger entry stays closed."""
        self.ledgers.fetch(self.ledgers.kept()[pick % len(self.ledgers.kept())])

    @precondition(lambda self: self.ledgers.moved())
    @rule(pick=PICKS, close=st.sampled_from([EntryKind.SETTLE, EntryKind.REFUND]))
    def be_late(self, pick: int, close: EntryKind) -> None:
        """Another task tries to end a job that has moved since that task read it."""
        stale = self.ledgers.moved()[pick % len(self.ledgers.moved())].stale
        late = self.ledgers.store.move(
            stale, State.FAILED, self.ledgers.now, close=close, error_code="late"
        )
        assert self.ledgers.run(late) is None

    # --- Moderators ---

    @rule(
        guild_id=GUILDS,
        subject=SUBJECTS,
        amount=AMOUNTS,
        window=st.sampled_from([DAY, WEEK, MONTH]),
    )
    def set_limit(
        self,
        guild_id: int,
        subject: tuple[Scope, int | None],
        amount: tuple[Unit, int | None],
        window: timedelta,
    ) -> None:
        limit = GuildLimit(
            scope=subject[0],
            subject_id=guild_id if subject[1] is None else subject[1],
            unit=amount[0],
            window=window,
            amount=amount[1],
        )
        ledgers = self.ledgers
        ledgers.run(ledgers.guild_store.set_limits(guild_id, [limit], ledgers.moderator))
        ledgers.in_memory.put(limit, guild_id)

    @precondition(lambda self: self.ledgers.in_memory.limits)
    @rule(pick=PICKS)
    def clear_limits(self, pick: int) -> None:
        ledgers, limits = self.ledgers, self.ledgers.in_memory.limits
        guild_id, scope, subject_id, *_ = list(limits)[pick % len(limits)]
        gone = [key for key in limits if key[:3] == (guild_id, scope, subject_id)]
        clearing = ledgers.guild_store.clear_limits(guild_id, scope, subject_id, ledgers.moderator)
        assert ledgers.run(clearing) == len(gone)
        for key in gone:
            del limits[key]

    @rule(guild_id=GUILDS, user_id=USERS, extra=EXTRAS)
    def grant(self, guild_id: int, user_id: int, extra: tuple[Unit, int]) -> None:
        ledgers, (unit, amount) = self.ledgers, extra
        grant = Grant(guild_id=guild_id, user_id=user_id, unit=unit, amount=amount, at=ledgers.now)
        ledgers.run(ledgers.guild_store.grant([grant], ledgers.moderator))
        ledgers.in_memory.given.append(grant)

    @rule(guild_id=GUILDS, usd_micros=st.sampled_from([None, 0, 1_000_000, 3_000_000, 10**9]))
    def set_budget(self, guild_id: int, usd_micros: int | None) -> None:
        ledgers = self.ledgers
        budget = None if usd_micros is None else Budget(usd_micros=usd_micros)
        ledgers.run(ledgers.guild_store.set_budget(guild_id, budget, ledgers.moderator))
        ledgers.in_memory.budgets.pop(guild_id, None)
        if budget is not None:
            ledgers.in_memory.budgets[guild_id] = budget

    @rule(guild_id=GUILDS, user_id=USERS, lasts=st.sampled_from([MS, DAY, None]))
    def block(self, guild_id: int, user_id: int, lasts: timedelta | None) -> None:
        ledgers = self.ledgers
        until = None if lasts is None else ledgers.now + lasts
        block = Block(guild_id=guild_id, user_id=user_id, at=ledgers.now, by_user_id=3, until=until)
        ledgers.run(ledgers.guild_store.block(block, ledgers.moderator))
        kept = ledgers.in_memory.block_of(guild_id, user_id, ledgers.now)
        # One that ends alike changes nothing: the first goes on.
        if kept is None or kept.until != until:
            ledgers.in_memory.blocks[guild_id, user_id] = block

    @precondition(lambda self: self.ledgers.in_memory.blocks)
    @rule(pick=PICKS)
    def unblock(self, pick: int) -> None:
        ledgers, blocks = self.ledgers, self.ledgers.in_memory.blocks
        guild_id, user_id = list(blocks)[pick % len(blocks)]
        held = ledgers.in_memory.block_of(guild_id, user_id, ledgers.now) is not None
        lifting = ledgers.guild_store.unblock(guild_id, user_id, ledgers.moderator)
        assert ledgers.run(lifting) is held
        del blocks[guild_id, user_id]

    @rule(
        guild_id=GUILDS,
        per_user=st.sampled_from([None, 2, 9]),
        in_all=st.sampled_from([None, 3, 99]),
    )
    def change_guild_settings(
        self, guild_id: int, per_user: int | None, in_all: int | None
    ) -> None:
        ledgers = self.ledgers
        seen = ledgers.in_memory.guild_settings(guild_id)
        house = replace(seen, max_active_per_user=per_user, max_active=in_all)
        for basis, is_changed in ((replace(seen, log_channel_id=404), False), (seen, True)):
            changing = ledgers.guild_store.replace_guild_settings(
                guild_id, house, ledgers.moderator, expected=basis
            )
            assert ledgers.run(changing) is is_changed
        ledgers.in_memory.settings_by_guild[guild_id] = house

    # --- Time and disaster ---

    @rule(
        step=st.sampled_from(
            [MS, timedelta(hours=5), DAY - MS, DAY, WEEK - MS, WEEK, MONTH, -timedelta(hours=1)]
        )
    )
    def let_time_pass(self, step: timedelta) -> None:
        self.ledgers.now += step

    @rule()
    def restart(self) -> None:
        self.ledgers.restart()

    @rule(count=st.integers(2, 4))
    def be_killed_in_the_middle_of_accepting(self, count: int) -> None:
        request = self.ledgers.request(Viewer(user_id=ALICE, guild_id=HOME))
        self.ledgers.die_while_accepting(request, self.ledgers.new_jobs([render_spec()] * count))
        assert self.ledgers.run(self.ledgers.store.request(request.id)) is None

    # --- What holds after every step ---

    @invariant()
    def both_ledgers_answer_every_question_alike(self) -> None:
        told = self.ledgers.run(self.ledgers.store.read_ledger(self.ledgers.answers))
        assert told == self.ledgers.answers(self.ledgers.in_memory)

    @invariant()
    def reports_agree_with_the_in_memory_ledger(self) -> None:
        ledgers = self.ledgers
        for guild_id in (HOME, AWAY):
            for since in (ledgers.now - DAY, ledgers.now - MONTH):
                by_member = ledgers.run(ledgers.guild_store.usage_by_member(guild_id, since, 9))
                by_day = ledgers.run(ledgers.guild_store.usage_by_day(guild_id, since))
                assert list(by_member) == ledgers.in_memory.by_member(guild_id, since)
                assert list(by_day) == ledgers.in_memory.by_day(guild_id, since)

    @invariant()
    def every_open_job_is_in_the_database_as_it_was_seen_last(self) -> None:
        found = self.ledgers.run(self.ledgers.store.open_jobs())
        assert {job.id: job for job in found} == {
            pair.job.id: pair.job for pair in self.ledgers.under_way
        }

    @invariant()
    def every_job_has_one_reservation_and_at_most_one_end_and_no_sum_is_negative(self) -> None:
        rows = self.query(
            "SELECT job_id, sum(kind = 'reserve'), sum(kind IN ('settle', 'refund')), sum(clips), "
            "sum(seconds), sum(usd_micros) FROM ledger GROUP BY job_id"
        )
        accounts = {row[0]: tuple(row)[1:] for row in rows}
        assert all(number >= 0 for account in accounts.values() for number in account)
        assert accounts == {
            pair.job.id: (
                1,
                0 if pair.in_memory.is_open else 1,
                pair.in_memory.clips,
                pair.in_memory.seconds,
                pair.in_memory.usd_micros,
            )
            for pair in self.ledgers.pairs
        }

    def audit_log_length(self) -> int:
        return self.query("SELECT count(*) FROM audit")[0][0]

    def query(self, sql: str) -> list[sqlite3.Row]:
        read = self.ledgers.store.database.read(lambda conn: conn.execute(sql).fetchall())
        return self.ledgers.run(read)

    def under_way(self, pick: int) -> PairedJob:
        return self.ledgers.under_way[pick % len(self.ledgers.under_way)]


class TestLedgers(LedgerMachine.TestCase):
    settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
