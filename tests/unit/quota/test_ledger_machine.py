"""After any random history, the database's ledger and the in-memory ledger agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from bot.guild import Block, Budget, Grant, GuildLimit, Scope, Unit
from bot.model import Viewer
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
from tests.unit.quota.jobs_machine import GUILDS, PICKS, USERS, JobsMachine

SUBJECTS = st.sampled_from(
    [
        (Scope.USER, ALICE),
        (Scope.USER, BOB),
        (Scope.ROLE, PAINTERS),
        (Scope.ROLE, POETS),
        (Scope.GUILD, None),
    ]
)
#: Limits so small that the quota rule often refuses a request.
AMOUNTS = st.one_of(
    st.tuples(st.just(Unit.CLIPS), st.none() | st.integers(0, 6)),
    st.tuples(st.just(Unit.SECONDS), st.sampled_from([None, 0, 4, 20, 60])),
    st.tuples(st.just(Unit.USD_MICROS), st.sampled_from([None, 0, 400_000, 3_000_000])),
)
EXTRAS = st.sampled_from([(Unit.CLIPS, 1), (Unit.CLIPS, 3), (Unit.SECONDS, 8)]) | st.just(
    (Unit.USD_MICROS, 800_000)
)


class LedgerMachine(JobsMachine):
    """Adds changes by moderators, time, restarts and kills; compares both ledgers after each step."""

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
        # A block with the same end as the one in force changes nothing.
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
        changed = replace(seen, max_active_per_user=per_user, max_active=in_all)
        for basis, is_changed in ((replace(seen, log_channel_id=404), False), (seen, True)):
            changing = ledgers.guild_store.replace_guild_settings(
                guild_id, changed, ledgers.moderator, expected=basis
            )
            assert ledgers.run(changing) is is_changed
        ledgers.in_memory.settings_by_guild[guild_id] = changed

    # --- Time, restarts and kills ---

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
    def be_killed_while_accepting(self, count: int) -> None:
        request = self.ledgers.request(Viewer(user_id=ALICE, guild_id=HOME))
        self.ledgers.die_while_accepting(request, self.ledgers.new_jobs([render_spec()] * count))
        assert self.ledgers.run(self.ledgers.store.request(request.id)) is None

    # --- What holds after every step ---

    @invariant()
    def both_ledgers_answer_every_question_alike(self) -> None:
        answers = self.ledgers.run(self.ledgers.store.read_ledger(self.ledgers.answers))
        assert answers == self.ledgers.answers(self.ledgers.in_memory)

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
    def every_open_job_in_the_database_equals_the_last_copy(self) -> None:
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


class TestLedgers(LedgerMachine.TestCase):
    settings = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
