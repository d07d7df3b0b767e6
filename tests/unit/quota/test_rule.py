"""Tests of the quota rule, which checks blocks, caps, limits and budgets in this order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.errors import BlockedError, OverQuotaError
from bot.guild import Block, Budget, Grant, GuildSettings, Limit, Scope, Unit
from bot.quota.rule import QuotaRule
from bot.settings import Settings
from tests.unit.quota.in_memory_ledger import (
    ALICE,
    AWAY,
    BOB,
    DAY,
    HOME,
    MONTH,
    MS,
    NOW,
    PAINTERS,
    POETS,
    WEEK,
    InMemoryLedger,
    LedgerJob,
    clips,
    in_memory_ledger,
    render_spec,
    set_limit,
    stamp,
    used,
    viewer,
)

DOLLAR = 1_000_000


def rule(*defaults: Limit, active: int = 9, in_server: int = 50, budget: int | None = None):
    return QuotaRule(
        defaults=defaults,
        max_active=active,
        max_active_in_guild=in_server,
        guild_budget_usd_micros=budget,
    )


def refusal(
    rule: QuotaRule, ledger: InMemoryLedger, count: int = 1, *, who=None, now=NOW
) -> str | None:
    """Return the sentence of the refusal; None when the quota rule accepts the request."""
    try:
        rule.check(ledger, who or viewer(), [render_spec()] * count, now)
    except OverQuotaError as error:
        return error.user_text
    return None


def granted(amount: int = 1, hours_ago: float = 1, *, guild_id: int = HOME, user_id: int = ALICE):
    at = NOW - timedelta(hours=hours_ago)
    return Grant(guild_id=guild_id, user_id=user_id, unit=Unit.CLIPS, amount=amount, at=at)


def test_what_fits_exactly_is_let_through():
    assert refusal(rule(clips(3)), in_memory_ledger(used()), 2) is None


def test_one_clip_too_many_is_refused_with_the_limit_the_request_the_rest_and_the_time():
    assert refusal(rule(clips(3)), in_memory_ledger(used(23), used()), 2) == (
        "The bot's limit for everybody is 3 clips in 24 hours; this asks for 2 clips and you have "
        f"1 clip left. It will fit {stamp(NOW + timedelta(hours=1))}. Nothing was charged."
    )


@pytest.mark.parametrize("window", [DAY, WEEK, MONTH], ids=str)
def test_a_unit_returns_a_whole_window_after_it_was_reserved_and_not_a_millisecond_before(
    window: timedelta,
):
    ledger = in_memory_ledger(LedgerJob(at=NOW))
    assert refusal(rule(clips(1, window)), ledger, now=NOW + window - MS) is not None
    assert refusal(rule(clips(1, window)), ledger, now=NOW + window) is None


def test_what_is_promised_to_fit_fits_then_and_not_before():
    limits, ledger = rule(clips(3)), in_memory_ledger(used(20), used(10), used(1))
    for count, hours in ((1, 4), (2, 14), (3, 23)):
        at = NOW + timedelta(hours=hours)
        assert stamp(at) in (refusal(limits, ledger, count) or "")
        assert refusal(limits, ledger, count, now=at - MS) is not None
        assert refusal(limits, ledger, count, now=at) is None


def test_of_two_limits_that_are_used_up_the_one_is_named_that_lets_go_last():
    ledger = in_memory_ledger(used(23), used(22))
    both = rule(clips(2), clips(2, WEEK))
    assert "2 clips in 7 days" in (refusal(both, ledger) or "")
    never = rule(clips(2), Limit(unit=Unit.SECONDS, amount=3, window=DAY))
    assert "3 s of video in 24 hours" in (refusal(never, ledger) or "")


def test_five_a_day_and_twenty_a_week_hold_together():
    ledger = in_memory_ledger(limits=[set_limit(Scope.USER, 5), set_limit(Scope.USER, 20, WEEK)])
    ledger.jobs = [used(1) for _ in range(5)]
    assert "5 clips in 24 hours" in (refusal(rule(), ledger) or "")
    ledger.jobs = [used(30) for _ in range(20)]
    assert "20 clips in 7 days" in (refusal(rule(), ledger) or "")
    ledger.jobs.pop()
    assert refusal(rule(), ledger) is None


def test_a_request_larger_than_the_limit_never_fits():
    told = refusal(rule(clips(3)), in_memory_ledger(), 4)
    assert "you have 3 clips left. It can't fit: ask for less. Nothing" in (told or "")


def test_a_request_larger_than_the_limit_when_nothing_is_left_hears_when_more_returns():
    told = refusal(rule(clips(1)), in_memory_ledger(used(20)), 2)
    returns = stamp(NOW + timedelta(hours=4))
    assert f"It can't fit: ask for less. More returns {returns}. Nothing" in (told or "")


def test_a_limit_of_zero_lets_nothing_through_and_promises_nothing():
    assert refusal(rule(), in_memory_ledger(limits=[set_limit(Scope.GUILD, 0)])) == (
        "The limit for members of this server is 0 clips in 24 hours; this asks for 1 clip and "
        "you have 0 clips left. Nothing was charged."
    )


def test_free_clips_never_hit_a_limit_or_budget_in_dollars():
    nothing = rule(Limit(unit=Unit.USD_MICROS, amount=0, window=DAY), budget=0)
    nothing.check(in_memory_ledger(), viewer(), [render_spec(usd_micros=0)], NOW)


def test_a_job_that_cost_more_than_its_estimate_counts_with_what_it_cost():
    limit = rule(Limit(unit=Unit.USD_MICROS, amount=2 * DOLLAR, window=MONTH))
    ledger = in_memory_ledger(used(is_open=True))
    assert refusal(limit, ledger) is None
    ledger.jobs[0].settle(1_700_000)
    assert "$2.00 in 30 days; this asks for $0.40 and you have $0.30 left" in (
        refusal(limit, ledger) or ""
    )


def test_a_refunded_job_counts_nothing():
    ledger = in_memory_ledger(used(is_open=True))
    assert refusal(rule(clips(1)), ledger) is not None
    ledger.jobs[0].refund()
    assert refusal(rule(clips(1)), ledger) is None


@pytest.mark.parametrize(
    ("limit", "whose"),
    [
        (set_limit(Scope.USER, 1), "Your own limit in this server"),
        (set_limit(Scope.ROLE, 1), f"Your limit as <@&{PAINTERS}>"),
        (set_limit(Scope.GUILD, 1), "The limit for members of this server"),
    ],
    ids=["user", "role", "server"],
)
def test_a_refusal_says_whose_limit_it_is(limit, whose: str):
    told = refusal(
        rule(clips(9)), in_memory_ledger(used(), limits=[limit]), who=viewer(ALICE, HOME, PAINTERS)
    )
    assert (told or "").startswith(f"{whose} is 1 clip in 24 hours; ")


def test_a_role_s_limit_holds_for_those_who_have_the_role_at_this_moment():
    generous = set_limit(Scope.ROLE, 5, subject_id=POETS)
    ledger = in_memory_ledger(used(), limits=[set_limit(Scope.ROLE, 1), generous])
    for roles, fits in (((PAINTERS,), False), ((PAINTERS, POETS), True), ((), True), ((9,), True)):
        told = refusal(rule(clips(9)), ledger, who=viewer(ALICE, HOME, *roles))
        assert (told is None) is fits


def test_a_server_s_limit_counts_what_was_used_there_and_the_bot_s_counts_everything():
    away = [used(guild_id=AWAY), used(guild_id=None)]
    assert refusal(rule(clips(2)), in_memory_ledger(*away)) is not None
    assert (
        refusal(rule(clips(2)), in_memory_ledger(*away, limits=[set_limit(Scope.GUILD, 1)])) is None
    )


def test_in_direct_messages_only_the_bot_s_own_limits_hold():
    ledger = in_memory_ledger(used(), limits=[set_limit(Scope.USER, 0)])
    ledger.given = [granted(9)]
    ledger.budgets[HOME] = Budget(usd_micros=0)
    ledger.settings_by_guild[HOME] = GuildSettings(max_active=0, max_active_per_user=0)
    ledger.blocks[HOME, ALICE] = Block(guild_id=HOME, user_id=ALICE, at=NOW, by_user_id=3)
    alone = viewer(ALICE, None)
    assert refusal(rule(clips(2), budget=0), ledger, who=alone) is None
    assert refusal(rule(clips(1)), ledger, who=alone) is not None
    assert refusal(rule(active=9, in_server=1), ledger, 4, who=alone) is None


def test_others_use_does_not_count():
    assert refusal(rule(clips(1)), in_memory_ledger(used(user_id=BOB))) is None


@pytest.mark.parametrize(
    "limit", [None, *(set_limit(scope, 1) for scope in (Scope.USER, Scope.ROLE, Scope.GUILD))]
)
def test_a_grant_raises_whatever_limit_holds_by_its_amount(limit):
    ledger = in_memory_ledger(used(), limits=[] if limit is None else [limit])
    who = viewer(ALICE, HOME, PAINTERS)
    ledger.given = [granted(2)]
    assert refusal(rule(clips(1)), ledger, 2, who=who) is None
    told = refusal(rule(clips(1)), ledger, 3, who=who)
    assert "1 clip in 24 hours, plus 2 clips extra; this asks for 3 clips and you have 2 clips" in (
        told or ""
    )


def test_a_grant_lasts_as_long_as_the_limit_s_window():
    ledger = in_memory_ledger(used(0, usd_micros=0))
    ledger.given = [granted(1, 0)]
    for window in (DAY, WEEK):
        ledger.jobs[0].at = NOW + window
        limits = rule(clips(1, window))
        assert refusal(limits, ledger, now=NOW + window - MS) is None
        assert refusal(limits, ledger, now=NOW + window) is not None


@pytest.mark.parametrize(
    "grant", [granted(guild_id=AWAY), granted(user_id=BOB), granted(hours_ago=24)]
)
def test_a_grant_elsewhere_to_others_or_long_ago_raises_nothing(grant: Grant):
    ledger = in_memory_ledger(used())
    ledger.given = [grant]
    assert refusal(rule(clips(1)), ledger) is not None


def test_too_many_jobs_at_a_time_are_refused_whatever_is_left():
    ledger = in_memory_ledger(*(used(is_open=True, guild_id=AWAY) for _ in range(3)), used())
    assert refusal(rule(active=4), ledger) is None
    assert refusal(rule(active=4), ledger, 2) == (
        "You can have 4 clips under way at a time; 3 running, and this asks for 2. Try again when "
        "one is done. Nothing was charged."
    )
    assert "Ask for fewer." in (refusal(rule(active=1), in_memory_ledger(), 2) or "")


def test_a_busy_server_has_no_room_for_anybody():
    ledger = in_memory_ledger(*(used(user_id=user_id, is_open=True) for user_id in (11, 12, 13)))
    assert refusal(rule(in_server=4), ledger) is None
    assert "4 clips under way at a time; 1 is free, and this asks for 2" in (
        refusal(rule(in_server=4), ledger, 2) or ""
    )
    assert "none is free" in (refusal(rule(in_server=3), ledger) or "")
    assert refusal(rule(in_server=3), ledger, who=viewer(ALICE, AWAY)) is None


@pytest.mark.parametrize(("chosen", "holds"), [(None, 4), (2, 2), (4, 4), (9, 4), (0, 0)])
def test_a_server_may_lower_the_caps_and_not_raise_them(chosen: int | None, holds: int):
    ledger = in_memory_ledger()
    for guild_settings, limits in (
        (GuildSettings(max_active_per_user=chosen), rule(active=4)),
        (GuildSettings(max_active=chosen), rule(active=99, in_server=4)),
    ):
        ledger.settings_by_guild[HOME] = guild_settings
        assert refusal(limits, ledger, holds) is None
        assert f"{holds} clips under way" in (refusal(limits, ledger, holds + 1) or "")


def test_a_blocked_member_hears_until_when_and_why_before_anything_else():
    ledger = in_memory_ledger(limits=[set_limit(Scope.USER, 0)])
    until = NOW + DAY
    ledger.blocks[HOME, ALICE] = Block(
        guild_id=HOME, user_id=ALICE, at=NOW, by_user_id=3, until=until, reason="42 cats\nin a row"
    )
    with pytest.raises(BlockedError) as blocked:
        rule(active=1).check(ledger, viewer(), [render_spec()] * 2, NOW)
    assert blocked.value.user_text == (
        "Sorry, a moderator has paused making clips for you in this server. "
        f"It ends {stamp(until)}.\nReason: 42 cats in a row"
    )
    assert refusal(rule(), ledger, who=viewer(ALICE, AWAY)) is None
    assert refusal(rule(), ledger, who=viewer(BOB)) is None
    assert refusal(rule(), in_memory_ledger(), now=until) is None


def test_a_block_without_end_is_lifted_by_a_moderator():
    ledger = in_memory_ledger()
    ledger.blocks[HOME, ALICE] = Block(guild_id=HOME, user_id=ALICE, at=NOW, by_user_id=3)
    with pytest.raises(BlockedError, match=r"until a moderator lifts it\.$"):
        rule().check(ledger, viewer(), [render_spec()], NOW)


def test_caps_are_asked_before_limits_and_limits_before_the_budget():
    ledger = in_memory_ledger(used(is_open=True), limits=[set_limit(Scope.GUILD, 1)])
    ledger.budgets[HOME] = Budget(usd_micros=0)
    assert "under way" in (refusal(rule(active=1), ledger) or "")
    assert "1 clip in 24 hours" in (refusal(rule(), ledger) or "")
    ledger.limits.clear()
    assert "budget" in (refusal(rule(), ledger) or "")


def test_the_budget_counts_the_whole_server_over_30_days_and_tells_what_is_left():
    here = [used(hours, user_id=user) for user, hours in ((BOB, 700), (8, 24), (ALICE, 1))]
    ledger = in_memory_ledger(*here, used(guild_id=AWAY), used(721))
    ledger.budgets[HOME] = Budget(usd_micros=2 * DOLLAR)
    assert refusal(rule(), ledger, 2) is None
    assert refusal(rule(), ledger, 3) == (
        "This server's budget is $2.00 in 30 days for all members together; this asks for $1.20 "
        f"and $0.80 is left. It will fit {stamp(NOW + timedelta(hours=20))}. Nothing was charged."
    )
    assert "It can't fit: ask for less. Nothing" in (refusal(rule(), ledger, 6) or "")


@pytest.mark.parametrize("hours_ago", [0, 0.01, 0.5, 1, 25.7, 400.2, 719, 719.99])
def test_what_the_budget_is_promised_to_pay_it_pays_by_then_and_not_an_hour_before(
    hours_ago: float,
):
    ledger = in_memory_ledger(used(hours_ago))
    ledger.budgets[HOME] = Budget(usd_micros=DOLLAR // 2)
    told = refusal(rule(), ledger)
    fitting = NOW - timedelta(hours=hours_ago) + MONTH
    promised = next(
        at for hours in range(721) if stamp(at := NOW + timedelta(hours=hours)) in (told or "")
    )
    assert timedelta(0) <= promised - fitting < timedelta(hours=1)
    assert refusal(rule(), ledger, now=promised) is None


@pytest.mark.parametrize(
    ("own", "operator_s", "told"),
    [
        (None, 0, "The bot's budget for this server is $0 in 30 days"),
        (0, None, "This server's budget is $0 in 30 days"),
        (300_000, 350_000, "This server's budget is $0.30"),
        (350_000, 300_000, "The bot's budget for this server is $0.30"),
        (None, None, None),
        (400_000, 400_000, None),
    ],
)
def test_of_two_budgets_the_lower_holds(own: int | None, operator_s: int | None, told: str | None):
    ledger = in_memory_ledger()
    if own is not None:
        ledger.budgets[HOME] = Budget(usd_micros=own)
    said = refusal(rule(budget=operator_s), ledger)
    assert (said is None) is (told is None)
    assert (said or "").startswith(told or "")


def test_the_settings_become_the_rule_and_none_lifts_a_limit():
    made = QuotaRule.from_settings(
        Settings.from_env(
            {
                "QUOTA_SECONDS_PER_DAY": "none",
                "QUOTA_USD_PER_MONTH": "2.50",
                "MAX_ACTIVE_JOBS_PER_USER": "3",
                "MAX_ACTIVE_JOBS_PER_SERVER": "30",
                "BUDGET_USD_PER_SERVER_PER_MONTH": "100",
            }
        )
    )
    assert made == rule(
        clips(10),
        Limit(unit=Unit.USD_MICROS, amount=2_500_000, window=MONTH),
        active=3,
        in_server=30,
        budget=100 * DOLLAR,
    )
    assert QuotaRule.from_settings(Settings()).guild_budget_usd_micros is None
