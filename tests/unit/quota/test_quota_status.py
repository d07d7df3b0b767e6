"""Tests that the quota status shows the limits that the quota rule applies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.guild import Block, Budget, Grant, GuildSettings, Scope, Unit
from bot.quota.budget import BudgetUsage, warning_percent
from bot.quota.effective_limits import EffectiveLimit
from bot.quota.limit_usage import LimitUsage
from bot.quota.quota_status import Caps, QuotaStatus
from bot.quota.rule import QuotaRule
from bot.quota.sentences import amount, budget_warning, dollars, owner
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    DAY,
    HOME,
    NOW,
    WEEK,
    clips,
    in_memory_ledger,
    set_limit,
    used,
    viewer,
)

RULE = QuotaRule(
    defaults=(clips(10),), max_active=4, max_active_in_guild=50, guild_budget_usd_micros=9_000_000
)


def test_a_quota_status_tells_all_that_decides():
    day, week = set_limit(Scope.USER, 5), set_limit(Scope.USER, 20, WEEK)
    seconds = set_limit(Scope.GUILD, None, unit=Unit.SECONDS)
    block = Block(guild_id=HOME, user_id=ALICE, at=NOW, by_user_id=3)
    mine = (used(30), used(2), used(1, is_open=True), used(guild_id=AWAY, is_open=True))
    ledger = in_memory_ledger(
        *mine, used(9, user_id=BOB, is_open=True), limits=[week, day, seconds]
    )
    ledger.budgets[HOME] = Budget(usd_micros=4_000_000)
    ledger.settings_by_guild[HOME] = GuildSettings(max_active=6)
    ledger.blocks[HOME, ALICE] = block
    at = NOW - timedelta(days=2)
    ledger.given = [Grant(guild_id=HOME, user_id=ALICE, unit=Unit.CLIPS, amount=3, at=at)]

    assert RULE.status(ledger, viewer(), NOW) == QuotaStatus(
        usages=(
            LimitUsage(
                limit=clips(5),
                scope=Scope.USER,
                subject_id=ALICE,
                used=2,
                reserved=1,
                granted=0,
                next_return_at=NOW - timedelta(hours=2) + DAY,
            ),
            LimitUsage(
                limit=clips(20, WEEK),
                scope=Scope.USER,
                subject_id=ALICE,
                used=3,
                reserved=1,
                granted=3,
                next_return_at=NOW - timedelta(hours=30) + WEEK,
            ),
        ),
        lifted=(EffectiveLimit(unit=Unit.SECONDS, scope=Scope.GUILD, subject_id=HOME, limits=()),),
        budget=BudgetUsage(
            limit_usd_micros=4_000_000, scope=Scope.GUILD, spent_usd_micros=1_600_000
        ),
        caps=Caps(active=2, max_active=4, active_in_guild=2, max_active_in_guild=6),
        block=block,
    )


def test_in_direct_messages_only_the_bot_s_own_limits_and_caps_are_told():
    ledger = in_memory_ledger(used(), limits=[set_limit(Scope.GUILD, 1)])
    status = RULE.status(ledger, viewer(ALICE, None), NOW)
    (usage,) = status.usages
    assert (usage.limit, usage.scope, usage.subject_id) == (
        clips(10),
        Scope.BOT,
        None,
    )
    assert (status.lifted, status.budget, status.block) == ((), None, None)
    assert status.caps == Caps(active=0, max_active=4)


def test_a_budget_that_was_lowered_below_what_is_spent_has_nothing_left():
    ledger = in_memory_ledger(used(), used())
    ledger.budgets[HOME] = Budget(usd_micros=500_000)
    usage = RULE.budget(ledger, HOME, NOW)
    assert usage is not None
    assert (usage.spent_usd_micros, usage.left_usd_micros) == (800_000, 0)


@pytest.mark.parametrize(
    ("spent", "budget", "percent"),
    [
        (0, 100, None),
        (79, 100, None),
        (80, 100, 80),
        (99, 100, 80),
        (100, 100, 100),
        (250, 100, 100),
        (0, 0, None),
        (1, 0, 100),
        (7_999_999, 10_000_000, None),
        (8_000_000, 10_000_000, 80),
    ],
)
def test_a_budget_is_warned_of_at_80_and_at_100_percent(
    spent: int, budget: int, percent: int | None
):
    assert warning_percent(spent, budget) == percent


def test_a_warning_says_how_much_is_used_and_what_that_means():
    usage = BudgetUsage(limit_usd_micros=10_000_000, scope=Scope.GUILD, spent_usd_micros=8_400_000)
    assert budget_warning(usage, 80) == (
        "**80 % of this server's budget for clips are used:** $8.40 of $10.00 in 30 days, clips "
        "under way counted; $1.60 is left."
    )
    assert budget_warning(usage, 100) == (
        "**This server's budget for clips is used up:** $8.40 of $10.00 in 30 days, clips under "
        "way counted. Clips that cost something are refused until some of it returns."
    )


@pytest.mark.parametrize(
    ("scope", "subject_id", "words"),
    [
        (Scope.USER, 5, "<@5>"),
        (Scope.ROLE, 6, "<@&6>"),
        (Scope.GUILD, 7, "everybody here"),
        (Scope.BOT, None, "the bot"),
    ],
)
def test_a_rule_s_owner_is_named_as_chat_shows_it(scope: Scope, subject_id: int, words: str):
    assert owner(scope, subject_id) == words


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "free"),
        (800_000, "$0.80"),
        (12_000_000, "$12.00"),
        (2_500, "$0.0025"),
        (123_456, "$0.123456"),
    ],
)
def test_money_is_said_with_all_its_digits_two_at_least(micros: int, words: str):
    assert dollars(micros) == words


def test_no_money_left_is_zero_dollars_and_not_free():
    assert amount(Unit.USD_MICROS, 0) == "$0"


def test_one_clip_is_not_clips():
    assert [amount(Unit.CLIPS, n) for n in (0, 1, 2)] == ["0 clips", "1 clip", "2 clips"]
