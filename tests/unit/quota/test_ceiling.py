"""The operator's limits and budgets hold where moderators may not raise them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import OverBotBudgetError, OverQuotaError
from bot.guild import Grant, Scope, Unit
from bot.quota.guild_trust import GuildTrust
from bot.quota.rule import BotBudget, QuotaRule
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    DAY,
    HOME,
    NOW,
    clips,
    in_memory_ledger,
    render_spec,
    set_limit,
    used,
    viewer,
)

RULE = QuotaRule(
    defaults=(clips(2),),
    max_active=9,
    max_active_in_guild=50,
    guild_budget_usd_micros=None,
    trusts=lambda guild_id: guild_id == AWAY,
)


def check(rule: QuotaRule, ledger, *, who=None, usd_micros: int = 400_000) -> None:
    spec = replace(render_spec(), estimate_usd_micros=usd_micros)
    rule.check(ledger, who or viewer(), [spec], NOW)


@pytest.mark.parametrize("amount", [100, None], ids=["raised", "lifted"])
def test_where_a_guild_is_not_trusted_its_moderators_cannot_raise_the_operators_limit(amount):
    limits = [set_limit(Scope.GUILD, amount)]
    ledger = in_memory_ledger(used(2), used(3), limits=limits)
    with pytest.raises(OverQuotaError, match="The bot's limit for everybody is 2 clips"):
        check(RULE, ledger)
    shown = RULE.status(ledger, viewer(), NOW)
    assert [
        (each.scope, each.limit.amount) for each in shown.usages if each.scope is Scope.BOT
    ] == [(Scope.BOT, 2)]
    assert shown.lifted == ()


def test_where_a_guild_is_not_trusted_its_moderators_can_lower_the_operators_limit():
    ledger = in_memory_ledger(used(2), limits=[set_limit(Scope.GUILD, 1)])
    with pytest.raises(OverQuotaError, match="members of this server is 1 clip"):
        check(RULE, ledger)


def test_a_trusted_guild_raises_the_operators_limit():
    ledger = in_memory_ledger(used(2, guild_id=AWAY), used(3, guild_id=AWAY))
    ledger.put(set_limit(Scope.GUILD, 100, subject_id=AWAY), AWAY)
    check(RULE, ledger, who=viewer(guild_id=AWAY))


def test_grants_of_an_untrusted_guild_do_not_raise_the_operators_limit():
    grant = Grant(guild_id=HOME, user_id=ALICE, unit=Unit.CLIPS, amount=50, at=NOW, reason=None)
    ledger = in_memory_ledger(used(2), used(3))
    ledger.given.append(grant)
    with pytest.raises(OverQuotaError):
        check(RULE, ledger)
    check(replace(RULE, trusts=lambda _guild_id: True), ledger)


@pytest.mark.parametrize("guild_id", [HOME, AWAY, None], ids=["home", "away", "direct messages"])
def test_the_budget_of_the_whole_bot_counts_everybody_everywhere(guild_id):
    budget = BotBudget(variable="BUDGET_USD_PER_DAY", usd_micros=1_200_000, window=DAY)
    rule = replace(RULE, defaults=(), bot_budgets=(budget,))
    ledger = in_memory_ledger(used(2, user_id=BOB, guild_id=AWAY), used(3, guild_id=None))
    check(rule, ledger, who=viewer(guild_id=guild_id))
    with pytest.raises(OverBotBudgetError) as caught:
        check(rule, ledger, who=viewer(guild_id=guild_id), usd_micros=400_001)
    assert caught.value.variable == "BUDGET_USD_PER_DAY"
    check(rule, ledger, who=viewer(guild_id=guild_id), usd_micros=0)


def test_spending_leaves_the_budget_of_the_whole_bot_with_its_window():
    budget = BotBudget(variable="BUDGET_USD_PER_DAY", usd_micros=400_000, window=DAY)
    rule = replace(RULE, defaults=(), bot_budgets=(budget,))
    check(rule, in_memory_ledger(used(25)))
    with pytest.raises(OverBotBudgetError):
        check(rule, in_memory_ledger(used(23)))


def test_the_only_guild_is_trusted_until_there_is_another_or_a_list():
    joined: list[int] = []
    trust, listed = GuildTrust((), lambda: joined), GuildTrust([AWAY], lambda: joined)
    assert not trust(HOME)
    joined.append(HOME)
    assert trust(HOME)
    assert (listed(HOME), listed(AWAY)) == (False, True)
    joined.append(AWAY)
    assert not trust(HOME)


def test_an_increase_of_an_accepted_job_must_fit_into_the_budget_of_the_whole_bot():
    budget = BotBudget(variable="BUDGET_USD_PER_MONTH", usd_micros=10, window=timedelta(days=30))
    rule = replace(RULE, defaults=(), bot_budgets=(budget,))
    rule.check_increase(in_memory_ledger(), viewer(), 10, NOW)
    with pytest.raises(OverBotBudgetError):
        rule.check_increase(in_memory_ledger(), viewer(), 11, NOW)
