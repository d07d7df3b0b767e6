"""Tests of the arithmetic of one limit: the amount left, and when a request will fit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.guild import Grant, Limit, Scope, Unit
from bot.model import Usage
from bot.quota.effective_limits import EffectiveLimit
from bot.quota.limit_usage import LimitUsage, demand, fits_again_at, limit_usage
from bot.storage.base import JobUsage
from tests.unit.quota.in_memory_ledger import ALICE, DAY, HOME, NOW, WEEK, clips, render_spec

CLIPS = clips(3)


def spend(hours_ago: float, *, clips: int = 1, usd_micros: int = 0, held: bool = False) -> JobUsage:
    at = NOW - timedelta(hours=hours_ago)
    return JobUsage(counts_at=at, clips=clips, seconds=4, usd_micros=usd_micros, is_reserved=held)


def grant(hours_ago: float, amount: int, unit: Unit = Unit.CLIPS) -> Grant:
    at = NOW - timedelta(hours=hours_ago)
    return Grant(guild_id=HOME, user_id=ALICE, unit=unit, amount=amount, at=at)


def usage_of(
    spends: list[JobUsage], grants: list[Grant] | None = None, limit: Limit = CLIPS
) -> LimitUsage:
    ruling = EffectiveLimit(unit=limit.unit, scope=Scope.ROLE, subject_id=801, limits=(limit,))
    return limit_usage(ruling, limit, spends, grants or [])


def test_usage_says_what_is_used_held_and_left_and_when_the_oldest_unit_returns():
    read = usage_of([spend(20), spend(2, held=True)])
    assert (read.used, read.reserved, read.granted, read.left) == (2, 1, 0, 1)
    assert read.next_return_at == NOW - timedelta(hours=20) + DAY
    assert (read.limit, read.scope, read.subject_id) == (CLIPS, Scope.ROLE, 801)


def test_spends_that_cost_nothing_of_the_unit_return_nothing():
    dollars = Limit(unit=Unit.USD_MICROS, amount=1_000_000, window=DAY)
    read = usage_of([spend(3, held=True)], limit=dollars)
    assert (read.next_return_at, read.reserved) == (None, 0)


def test_using_more_than_the_limit_leaves_none_rather_than_less():
    assert usage_of([spend(1)] * 5).left == 0


def test_a_grant_raises_the_limit_of_its_unit_and_no_other():
    grants = [grant(1, 2), grant(2, 3), grant(1, 100, Unit.SECONDS)]
    read = usage_of([spend(1)] * 4, grants)
    assert (read.granted, read.allowed, read.left) == (5, 8, 4)


@pytest.mark.parametrize(
    ("wanted", "hours_until"),
    [(1, 4), (2, 14), (3, 23), (4, None)],
    ids=["one waits for the oldest", "two", "all three", "never more than the limit"],
)
def test_it_fits_again_when_enough_of_the_oldest_has_left_the_window(
    wanted: int, hours_until: int | None
):
    at = fits_again_at(CLIPS, [spend(20), spend(10), spend(1)], [], wanted)
    assert at == (None if hours_until is None else NOW + timedelta(hours=hours_until))


@pytest.mark.parametrize(
    ("granted_hours_ago", "wanted", "hours_until"),
    [(5, 1, 4), (22, 1, 14), (15, 3, 14), (15, 5, None), (5, 5, 14), (5, 6, None)],
    ids=[
        "the grant still holds when the oldest returns",
        "it is gone by then",
        "it is gone when the others return, and not needed",
        "it is gone when it would be needed",
        "it lets more through than the limit",
        "more than limit and grant",
    ],
)
def test_a_grant_is_counted_on_only_while_it_lasts(
    granted_hours_ago: float, wanted: int, hours_until: int | None
):
    spends = [spend(20, clips=2), spend(10, clips=3)]
    extra = [grant(granted_hours_ago, 2), grant(0.1, 50, Unit.SECONDS)]
    at = fits_again_at(CLIPS, spends, extra, wanted)
    assert at == (None if hours_until is None else NOW + timedelta(hours=hours_until))


def test_variants_of_one_instant_return_together():
    at = fits_again_at(CLIPS, [spend(5), spend(5), spend(5)], [], 2)
    assert at == NOW + timedelta(hours=19)


def test_it_fits_again_even_when_a_limit_was_lowered_below_what_is_used():
    at = fits_again_at(clips(1, WEEK), [spend(30), spend(20), spend(10)], [], 1)
    assert at == NOW - timedelta(hours=10) + WEEK


def test_a_demand_sums_all_variants():
    assert demand([render_spec(8), render_spec(8)]) == Usage(
        clips=2, seconds=16, usd_micros=800_000
    )
