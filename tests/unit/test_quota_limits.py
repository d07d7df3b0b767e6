"""Limits as arithmetic: what is left, and when what was asked for will fit."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import OverQuotaError
from bot.model import Order, Size, Usage
from bot.quota.limits import Limit, Unit, demand, fits_again_at, read
from bot.quota.rule import QuotaRule
from bot.quota.sentences import amount, dollars
from bot.settings import Settings
from bot.storage.base import Spend

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLIPS = Limit(unit=Unit.CLIPS, amount=3, window=DAY)


def spend(hours_ago: float, *, clips: int = 1, seconds: int = 4, usd_micros: int = 0) -> Spend:
    at = NOW - timedelta(hours=hours_ago)
    return Spend(counts_at=at, clips=clips, seconds=seconds, usd_micros=usd_micros)


def order(seconds: int = 4, usd_micros: int = 400_000) -> Order:
    size = Size(width_px=1280, height_px=720)
    return Order(
        prompt="a cat",
        provider="local",
        model="m",
        seconds=seconds,
        size=size,
        estimate_usd_micros=usd_micros,
    )


class FakeBooks:
    """Books over a list of spends; the real ones answer the same questions by SQL."""

    def __init__(self, spends: list[Spend], active: int = 0) -> None:
        self._spends = spends
        self._active = active

    def usage(self, user_id: int, since: datetime) -> Usage:
        del user_id
        counted = [each for each in self._spends if each.counts_at > since]
        return Usage(
            clips=sum(each.clips for each in counted),
            seconds=sum(each.seconds for each in counted),
            usd_micros=sum(each.usd_micros for each in counted),
        )

    def spends(self, user_id: int, since: datetime) -> list[Spend]:
        del user_id
        return [each for each in self._spends if each.counts_at > since]

    def active(self, user_id: int) -> int:
        del user_id
        return self._active


def test_a_reading_says_what_is_used_left_and_when_the_oldest_unit_returns() -> None:
    reading = read(CLIPS, [spend(20), spend(2)])
    assert (reading.used, reading.left) == (2, 1)
    assert reading.next_return_at == NOW - timedelta(hours=20) + DAY


def test_spends_that_cost_nothing_of_the_unit_return_nothing() -> None:
    dollars_limit = Limit(unit=Unit.USD_MICROS, amount=1_000_000, window=DAY)
    assert read(dollars_limit, [spend(3)]).next_return_at is None


def test_using_more_than_the_limit_leaves_none_rather_than_less() -> None:
    assert read(CLIPS, [spend(1)] * 5).left == 0


@pytest.mark.parametrize(
    ("wanted", "hours_until"),
    [(1, 4), (2, 14), (3, 23), (4, None)],
    ids=["one waits for the oldest", "two", "all three", "never more than the limit"],
)
def test_it_fits_again_when_enough_of_the_oldest_has_left_the_window(
    wanted: int, hours_until: int | None
) -> None:
    at = fits_again_at(CLIPS, [spend(20), spend(10), spend(1)], wanted)
    assert at == (None if hours_until is None else NOW + timedelta(hours=hours_until))


def test_a_demand_sums_all_variants() -> None:
    assert demand([order(8), order(8)]) == Usage(clips=2, seconds=16, usd_micros=800_000)


def test_what_fits_exactly_is_let_through() -> None:
    QuotaRule(limits=(CLIPS,), max_active=4).check(FakeBooks([spend(1)]), 1, [order()] * 2, NOW)


def test_one_clip_too_many_is_refused_with_the_limit_the_wish_the_rest_and_the_time() -> None:
    rule = QuotaRule(limits=(CLIPS,), max_active=4)
    with pytest.raises(OverQuotaError) as refused:
        rule.check(FakeBooks([spend(23), spend(1)]), 1, [order()] * 2, NOW)
    returns = int((NOW + timedelta(hours=1)).timestamp())
    said = refused.value.user_text
    assert "3 clips in 24 hours" in said
    assert "asks for 2 clips" in said
    assert "1 clip left" in said
    assert f"<t:{returns}:R>" in said


def test_a_wish_larger_than_the_limit_is_told_that_it_never_fits() -> None:
    rule = QuotaRule(limits=(CLIPS,), max_active=9)
    with pytest.raises(OverQuotaError, match="can't fit"):
        rule.check(FakeBooks([]), 1, [order()] * 4, NOW)


def test_what_left_the_window_no_longer_counts() -> None:
    rule = QuotaRule(limits=(CLIPS,), max_active=9)
    rule.check(FakeBooks([spend(24.1)] * 3), 1, [order()] * 3, NOW)


def test_free_clips_never_hit_a_limit_in_dollars() -> None:
    nothing_left = Limit(unit=Unit.USD_MICROS, amount=0, window=DAY)
    QuotaRule(limits=(nothing_left,), max_active=4).check(
        FakeBooks([]), 1, [order(usd_micros=0)], NOW
    )


def test_too_many_jobs_at_a_time_are_refused_whatever_is_left() -> None:
    with pytest.raises(OverQuotaError, match="4 clips under way at a time; 3 running"):
        QuotaRule(limits=(), max_active=4).check(FakeBooks([], active=3), 1, [order()] * 2, NOW)


def test_the_settings_become_limits_and_none_lifts_one() -> None:
    rule = QuotaRule.from_settings(
        Settings.from_env({"QUOTA_SECONDS_PER_DAY": "none", "QUOTA_USD_PER_MONTH": "2.50"})
    )
    assert [(each.unit, each.amount, each.window.days) for each in rule.limits] == [
        (Unit.CLIPS, 10, 1),
        (Unit.USD_MICROS, 2_500_000, 30),
    ]


@pytest.mark.parametrize(
    ("micros", "words"),
    [(0, "free"), (800_000, "$0.80"), (12_000_000, "$12.00"), (2_500, "$0.0025")],
)
def test_money_is_said_to_the_cent_and_finer_only_where_a_cent_would_hide_it(
    micros: int, words: str
) -> None:
    assert dollars(micros) == words


def test_no_money_left_is_zero_dollars_and_not_free() -> None:
    assert amount(Unit.USD_MICROS, 0) == "$0"


def test_one_clip_is_not_clips() -> None:
    assert [amount(Unit.CLIPS, n) for n in (0, 1, 2)] == ["0 clips", "1 clip", "2 clips"]
