"""Tests of the check whether an accepted job may cost more: only limits in US dollars count."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from bot.errors import OverBudgetError, OverQuotaError
from bot.guild import Block, Budget, Grant, GuildSettings, Limit, Scope, Unit
from bot.model import Viewer
from bot.quota.rule import QuotaRule
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    HOME,
    MONTH,
    MS,
    NOW,
    PAINTERS,
    InMemoryLedger,
    clips,
    in_memory_ledger,
    set_limit,
    used,
    viewer,
)


def rule(*defaults: Limit, budget: int | None = None) -> QuotaRule:
    return QuotaRule(
        defaults=defaults, max_active=1, max_active_in_guild=1, guild_budget_usd_micros=budget
    )


def dollars(usd_micros: int) -> Limit:
    return Limit(unit=Unit.USD_MICROS, amount=usd_micros, window=MONTH)


def fits(asked: QuotaRule, ledger: InMemoryLedger, extra: int, who: Viewer | None = None) -> bool:
    try:
        asked.check_increase(ledger, who or viewer(), extra, NOW)
    except OverQuotaError:
        return False
    return True


def test_so_much_more_fits_as_the_limit_of_money_leaves():
    asked, ledger = rule(dollars(1_000_000)), in_memory_ledger(used(is_open=True))
    assert fits(asked, ledger, 600_000)
    assert not fits(asked, ledger, 600_001)


def test_the_refusal_names_what_is_left():
    with pytest.raises(OverQuotaError, match=r"\$0\.60") as caught:
        rule(dollars(1_000_000)).check_increase(in_memory_ledger(used()), viewer(), 700_000, NOW)
    assert not isinstance(caught.value, OverBudgetError)


def test_so_much_more_fits_as_the_budget_leaves_and_only_in_a_server():
    asked, ledger = rule(budget=1_000_000), in_memory_ledger(used(is_open=True))
    assert fits(asked, ledger, 600_000)
    with pytest.raises(OverBudgetError):
        asked.check_increase(ledger, viewer(), 600_001, NOW)
    assert fits(asked, ledger, 600_001, viewer(ALICE, None))


def test_a_servers_own_limits_and_budget_hold_too():
    ledger = in_memory_ledger(
        used(), limits=[set_limit(Scope.ROLE, 500_000, MONTH, unit=Unit.USD_MICROS)]
    )
    assert not fits(rule(), ledger, 100_001, viewer(ALICE, HOME, PAINTERS))
    assert fits(rule(), ledger, 100_001, viewer(ALICE, HOME))
    ledger.given.append(
        Grant(guild_id=HOME, user_id=ALICE, unit=Unit.USD_MICROS, amount=1, at=NOW - timedelta(1))
    )
    assert fits(rule(), ledger, 100_001, viewer(ALICE, HOME, PAINTERS))
    ledger.budgets[HOME] = Budget(usd_micros=500_000)
    assert not fits(rule(), ledger, 100_001, viewer(ALICE, HOME, PAINTERS))


def test_blocks_caps_and_limits_of_clips_and_seconds_do_not_stop_an_accepted_job():
    seconds = Limit(unit=Unit.SECONDS, amount=0, window=MONTH)
    ledger = in_memory_ledger(used(is_open=True), used(is_open=True))
    ledger.settings_by_guild[HOME] = GuildSettings(max_active=0, max_active_per_user=0)
    ledger.blocks[HOME, ALICE] = Block(guild_id=HOME, user_id=ALICE, at=NOW - MS, by_user_id=3)
    assert fits(rule(clips(0), seconds), ledger, 5)


class ForbiddenLedger(InMemoryLedger):
    """A ledger reader that fails the test when its limits or its budget are read."""

    def limits_for(self, guild_id: int, user_id: int, role_ids: Collection[int]):
        raise AssertionError("opened")

    def budget(self, guild_id: int):
        raise AssertionError("opened")


def test_what_costs_no_more_needs_no_look_into_the_ledger():
    rule(dollars(0), budget=0).check_increase(ForbiddenLedger(), viewer(), 0, NOW)
    rule(dollars(0), budget=0).check_increase(ForbiddenLedger(), viewer(), -5, NOW)
    with pytest.raises(AssertionError, match="opened"):
        rule(dollars(0), budget=0).check_increase(ForbiddenLedger(), viewer(), 5, NOW)


@pytest.mark.parametrize("extra", [0, -1, -800_000])
def test_what_costs_no_more_fits_even_where_all_is_used_up(extra: int):
    ledger = in_memory_ledger(used())
    ledger.budgets[HOME] = Budget(usd_micros=0)
    asked = rule(dollars(0), budget=0)
    assert fits(asked, ledger, extra)
    assert not fits(asked, ledger, 1)
