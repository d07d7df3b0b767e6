"""Whatever happens, and in whatever order: the database's books agree with those kept on paper."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.errors import BlockedError, OverQuotaError
from bot.model import EntryKind, State, Viewer
from bot.server import Block, Budget, Grant, Scope, SetLimit, Unit
from bot.storage.base import Books
from tests.unit.quota.oracle import may, may_cost_more
from tests.unit.quota.paper import (
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
    order,
)
from tests.unit.quota.two_books import ROLES, ROUTE, RULE, Pair, TwoBooks

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
        (Scope.SERVER, None),
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


class BooksMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.books = TwoBooks()
        self.accepted: list[tuple[int, tuple[Pair, ...]]] = []

    def teardown(self) -> None:
        if hasattr(self, "books"):
            self.books.close()

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
        books = self.books
        who = Viewer(user_id=user_id, guild_id=guild_id, role_ids=frozenset(role_ids))
        request = books.request(who)
        orders = [order(seconds, usd_micros)] * count
        welcome = may(books.paper, RULE, who, orders, books.now)
        refusal = None
        try:
            pairs = books.accept(request, orders, who)
        except (BlockedError, OverQuotaError) as refused:
            refusal = refused.user_text
            assert books.run(books.store.jobs_of(request.id)) == ()
        else:
            assert len(pairs) == count
            self.accepted.append((request.id, pairs))
        assert welcome is (refusal is None), refusal

    @precondition(lambda self: self.accepted)
    @rule(pick=PICKS)
    def come_a_second_time(self, pick: int) -> None:
        """A redelivered interaction finds its jobs, whatever the books say by now."""
        request_id, pairs = self.accepted[pick % len(self.accepted)]
        first = pairs[0].job
        who = Viewer(user_id=first.user_id, guild_id=first.place.guild_id)
        again = replace(self.books.request(who), id=request_id)

        def never(_books: Books) -> None:
            raise AssertionError("asked twice")

        drafts = self.books.drafts([pair.job.order for pair in pairs])
        jobs = self.books.run(self.books.store.accept(again, drafts, never))
        assert jobs == tuple(pair.job for pair in pairs)

    @precondition(lambda self: self.books.under_way)
    @rule(pick=PICKS, state=st.sampled_from(ROUTE[1:]))
    def go_on(self, pick: int, state: State) -> None:
        self.books.go_on(self.under_way(pick), state)

    @precondition(lambda self: self.untaken())
    @rule(
        pick=PICKS,
        provider=st.sampled_from(["local", "elsewhere", "third"]),
        usd_micros=st.sampled_from([0, 1, 150_000, 800_000, 2_500_000]),
        role_ids=st.sets(st.sampled_from(ROLES)),
        close=st.sampled_from([None, EntryKind.SETTLE, EntryKind.REFUND]),
    )
    def go_elsewhere(
        self,
        pick: int,
        provider: str,
        usd_micros: int,
        role_ids: set[int],
        close: EntryKind | None,
    ) -> None:
        """A job that no provider took goes to another: dearer, cheaper, or not at all; or ends there."""
        books = self.books
        pair = self.untaken()[pick % len(self.untaken())]
        was = pair.job
        who = Viewer(user_id=was.user_id, guild_id=was.place.guild_id, role_ids=frozenset(role_ids))
        extra = usd_micros - pair.paper.usd_micros
        welcome = may_cost_more(books.paper, RULE, who, extra, books.now)
        refusal = None
        try:
            books.rehome(pair, provider, usd_micros, who)
        except OverQuotaError as refused:
            refusal = refused.user_text
            assert books.run(books.store.job(was.id)) == was
        assert welcome is (refusal is None), refusal
        if refusal is None and close is not None:
            books.end(pair, State.FAILED, close, error_code="render_failed")

    @precondition(lambda self: self.books.under_way)
    @rule(pick=PICKS, cost=COSTS, is_posted=st.booleans())
    def finish(self, pick: int, cost: int | None, is_posted: bool) -> None:
        pair = self.under_way(pick)
        self.books.go_on(pair, State.POSTING)
        if is_posted:
            self.books.end(pair, State.DONE, EntryKind.SETTLE, cost=cost, message_id=9)
        else:
            self.books.end(pair, State.KEPT, EntryKind.SETTLE, cost=cost, error_code="place_closed")

    @precondition(lambda self: self.books.under_way)
    @rule(pick=PICKS, is_charged=st.booleans(), cost=COSTS)
    def fail(self, pick: int, is_charged: bool, cost: int | None) -> None:
        """A job ends without a clip, and what the provider charged for it all the same counts."""
        pair = self.under_way(pick)
        if is_charged:
            self.books.end(pair, State.FAILED, EntryKind.SETTLE, cost=cost, error_code="moderation")
        else:
            self.books.end(pair, State.FAILED, EntryKind.REFUND, error_code="render_failed")

    @precondition(lambda self: self.books.under_way)
    @rule(pick=PICKS, by_moderator=st.sampled_from([None, 3]))
    def ask_for_the_end(self, pick: int, by_moderator: int | None) -> None:
        """A wish alone changes no account; a moderator's is in the trail when it is the first."""
        books, pair = self.books, self.under_way(pick)
        if pair.job.place.guild_id is None:
            by_moderator = None
        for _ in range(2):
            is_first = pair.job.cancel_requested_at is None
            before = self.trail_length()
            wish = books.store.request_cancel(pair.job, books.now, by_moderator=by_moderator)
            pair.job = books.run(wish)
            assert self.trail_length() - before == (is_first and by_moderator is not None)

    @precondition(lambda self: self.books.under_way)
    @rule(pick=PICKS)
    def cancel(self, pick: int) -> None:
        self.books.end(self.under_way(pick), State.CANCELLED, EntryKind.REFUND)

    @precondition(lambda self: self.kept())
    @rule(pick=PICKS)
    def fetch(self, pick: int) -> None:
        """A kept clip is on its way again: it is under way, and its account stays closed."""
        self.books.fetch(self.kept()[pick % len(self.kept())])

    @precondition(lambda self: self.moved())
    @rule(pick=PICKS, close=st.sampled_from([EntryKind.SETTLE, EntryKind.REFUND]))
    def be_late(self, pick: int, close: EntryKind) -> None:
        """A second hand wants to end a job that has gone on since it looked."""
        stale = self.moved()[pick % len(self.moved())].stale
        late = self.books.store.move(
            stale, State.FAILED, self.books.now, close=close, error_code="late"
        )
        assert self.books.run(late) is None

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
        limit = SetLimit(
            scope=subject[0],
            subject_id=guild_id if subject[1] is None else subject[1],
            unit=amount[0],
            window=window,
            amount=amount[1],
        )
        books = self.books
        books.run(books.keeping.set_limits(guild_id, [limit], books.moderator))
        books.paper.put(limit, guild_id)

    @precondition(lambda self: self.books.paper.limits)
    @rule(pick=PICKS)
    def clear_limits(self, pick: int) -> None:
        books, limits = self.books, self.books.paper.limits
        guild_id, scope, subject_id, *_ = list(limits)[pick % len(limits)]
        gone = [key for key in limits if key[:3] == (guild_id, scope, subject_id)]
        clearing = books.keeping.clear_limits(guild_id, scope, subject_id, books.moderator)
        assert books.run(clearing) == len(gone)
        for key in gone:
            del limits[key]

    @rule(guild_id=GUILDS, user_id=USERS, extra=EXTRAS)
    def grant(self, guild_id: int, user_id: int, extra: tuple[Unit, int]) -> None:
        books, (unit, amount) = self.books, extra
        grant = Grant(guild_id=guild_id, user_id=user_id, unit=unit, amount=amount, at=books.now)
        books.run(books.keeping.grant([grant], books.moderator))
        books.paper.given.append(grant)

    @rule(guild_id=GUILDS, usd_micros=st.sampled_from([None, 0, 1_000_000, 3_000_000, 10**9]))
    def set_budget(self, guild_id: int, usd_micros: int | None) -> None:
        books = self.books
        budget = None if usd_micros is None else Budget(usd_micros=usd_micros)
        books.run(books.keeping.set_budget(guild_id, budget, books.moderator))
        books.paper.budgets.pop(guild_id, None)
        if budget is not None:
            books.paper.budgets[guild_id] = budget

    @rule(guild_id=GUILDS, user_id=USERS, lasts=st.sampled_from([MS, DAY, None]))
    def block(self, guild_id: int, user_id: int, lasts: timedelta | None) -> None:
        books = self.books
        until = None if lasts is None else books.now + lasts
        block = Block(guild_id=guild_id, user_id=user_id, at=books.now, by_user_id=3, until=until)
        books.run(books.keeping.block(block, books.moderator))
        kept = books.paper.block_of(guild_id, user_id, books.now)
        # One that ends alike changes nothing: the first goes on.
        if kept is None or kept.until != until:
            books.paper.blocks[guild_id, user_id] = block

    @precondition(lambda self: self.books.paper.blocks)
    @rule(pick=PICKS)
    def unblock(self, pick: int) -> None:
        books, blocks = self.books, self.books.paper.blocks
        guild_id, user_id = list(blocks)[pick % len(blocks)]
        held = books.paper.block_of(guild_id, user_id, books.now) is not None
        lifting = books.keeping.unblock(guild_id, user_id, books.moderator)
        assert books.run(lifting) is held
        del blocks[guild_id, user_id]

    @rule(
        guild_id=GUILDS,
        per_user=st.sampled_from([None, 2, 9]),
        in_all=st.sampled_from([None, 3, 99]),
    )
    def change_rules(self, guild_id: int, per_user: int | None, in_all: int | None) -> None:
        books = self.books
        seen = books.paper.rules(guild_id)
        house = replace(seen, max_active_per_user=per_user, max_active=in_all)
        for basis, is_changed in ((replace(seen, log_channel_id=404), False), (seen, True)):
            changing = books.keeping.change_rules(guild_id, house, books.moderator, seen=basis)
            assert books.run(changing) is is_changed
        books.paper.house_rules[guild_id] = house

    # --- Time and disaster ---

    @rule(
        step=st.sampled_from(
            [MS, timedelta(hours=5), DAY - MS, DAY, WEEK - MS, WEEK, MONTH, -timedelta(hours=1)]
        )
    )
    def let_time_pass(self, step: timedelta) -> None:
        self.books.now += step

    @rule()
    def restart(self) -> None:
        self.books.restart()

    @rule(count=st.integers(2, 4))
    def be_killed_in_the_middle_of_accepting(self, count: int) -> None:
        request = self.books.request(Viewer(user_id=ALICE, guild_id=HOME))
        self.books.die_while_accepting(request, self.books.drafts([order()] * count))
        assert self.books.run(self.books.store.request(request.id)) is None

    # --- What holds after every step ---

    @invariant()
    def every_question_to_the_books_is_answered_as_on_paper(self) -> None:
        told = self.books.run(self.books.store.consult(self.books.answers))
        assert told == self.books.answers(self.books.paper)

    @invariant()
    def moderators_are_told_what_is_on_paper(self) -> None:
        books = self.books
        for guild_id in (HOME, AWAY):
            for since in (books.now - DAY, books.now - MONTH):
                by_member = books.run(books.keeping.usage_by_member(guild_id, since, 9))
                by_day = books.run(books.keeping.usage_by_day(guild_id, since))
                assert list(by_member) == books.paper.by_member(guild_id, since)
                assert list(by_day) == books.paper.by_day(guild_id, since)

    @invariant()
    def every_open_job_is_in_the_database_as_it_was_seen_last(self) -> None:
        found = self.books.run(self.books.store.open_jobs())
        assert {job.id: job for job in found} == {
            pair.job.id: pair.job for pair in self.books.under_way
        }

    @invariant()
    def every_job_has_one_reservation_and_at_most_one_end_and_no_sum_is_negative(self) -> None:
        rows = self.books.run(
            self.books.store.database.read(
                lambda conn: conn.execute(
                    "SELECT job_id, sum(kind = 'reserve'), "
                    "sum(kind IN ('settle', 'refund')), sum(clips), "
                    "sum(seconds), sum(usd_micros) FROM ledger GROUP BY job_id"
                ).fetchall()
            )
        )
        accounts = {row[0]: tuple(row)[1:] for row in rows}
        assert all(number >= 0 for account in accounts.values() for number in account)
        assert accounts == {
            pair.job.id: (
                1,
                0 if pair.paper.is_open else 1,
                pair.paper.clips,
                pair.paper.seconds,
                pair.paper.usd_micros,
            )
            for pair in self.books.pairs
        }

    def trail_length(self) -> int:
        return self.books.run(
            self.books.store.database.read(
                lambda conn: conn.execute("SELECT count(*) FROM audit").fetchone()[0]
            )
        )

    def under_way(self, pick: int) -> Pair:
        return self.books.under_way[pick % len(self.books.under_way)]

    def untaken(self) -> list[Pair]:
        """Return those that may be given to another provider."""
        states = (State.QUEUED, State.SUBMITTING)
        return [pair for pair in self.books.pairs if pair.job.state in states]

    def kept(self) -> list[Pair]:
        return [pair for pair in self.books.pairs if pair.job.state is State.KEPT]

    def moved(self) -> list[Pair]:
        """Return those that an earlier look shows in another state, under way."""
        return [
            pair
            for pair in self.books.pairs
            if pair.stale.state is not pair.job.state and not pair.stale.state.is_final
        ]


class TestBooks(BooksMachine.TestCase):
    settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
