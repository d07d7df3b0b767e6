from datetime import UTC, datetime, timedelta

from bot.clock import SystemClock


def test_it_goes_by_the_monotonic_counter_whatever_the_wall_clock_does() -> None:
    seconds = iter([100.0, 100.0, 107.5])
    clock = SystemClock(lambda: next(seconds))
    first = clock.now()
    assert clock.now() - first == timedelta(seconds=7.5)


def test_it_starts_at_the_present_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)
