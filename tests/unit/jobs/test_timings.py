"""How the engine chooses the time of the first poll, the gap of polls and the back-off."""

import random

import pytest

from bot.jobs.timings import Timings, expected_s, first_poll_s, poll_gap_s
from bot.providers.base import Capabilities

TIMINGS = Timings()
REMOTE = Capabilities(models=(), typical_first_poll_s=15)
FREE = Capabilities(models=(), polls_are_free=True)


def test_without_experience_the_first_poll_comes_at_the_typical_time() -> None:
    assert first_poll_s([60, 70, 80, 90], REMOTE, TIMINGS) == 15


def test_with_experience_it_comes_a_tenth_before_the_fifth_percentile_of_past_renders() -> None:
    durations_s = random.Random(1).sample(range(100, 200), 50)
    at_s = first_poll_s(durations_s, REMOTE, TIMINGS)
    earlier = sum(each < at_s / 0.9 - 0.001 for each in durations_s)
    assert 1 <= earlier <= 3


def test_the_first_poll_follows_renders_that_become_faster() -> None:
    """A measured duration is never shorter than the first poll, so the first poll must move earlier."""
    seen, at_s = [100.0] * 50, 0.0
    for _ in range(200):
        at_s = first_poll_s(seen[-50:], REMOTE, TIMINGS)
        seen.append(max(20.0, at_s))
    assert at_s < 25


def test_it_never_comes_sooner_than_one_gap() -> None:
    assert first_poll_s([0.1] * 20, REMOTE, TIMINGS) == TIMINGS.poll_few_s


def test_polls_that_cost_nothing_come_every_second_from_the_start() -> None:
    assert first_poll_s([60] * 20, FREE, TIMINGS) == 1
    assert poll_gap_s(100, FREE, TIMINGS) == 1


def test_a_healthy_render_is_polled_at_a_fixed_gap_that_grows_only_with_the_crowd() -> None:
    assert [poll_gap_s(n, REMOTE, TIMINGS) for n in (1, 19, 20, 500)] == [5, 5, 10, 10]


def test_back_off_doubles_up_to_a_ceiling_and_never_comes_all_at_once() -> None:
    waits = [[TIMINGS.backoff_s(n) for _ in range(50)] for n in range(1, 12)]
    assert all(1.5 <= wait <= 2 for wait in waits[0])
    assert all(3 <= wait <= 4 for wait in waits[1])
    assert all(90 <= wait <= 120 for wait in waits[-1])
    assert len(set(waits[3])) > 10


def test_back_off_survives_absurd_numbers_of_attempts() -> None:
    assert TIMINGS.backoff_s(10_000) <= 120


@pytest.mark.parametrize("hint_s", [2.0, 7.0, 600.0])
def test_a_servers_own_hint_rules(hint_s: float) -> None:
    assert hint_s <= TIMINGS.backoff_s(5, hint_s=hint_s) <= hint_s * 1.1


def test_a_hint_to_come_back_at_once_does_not_make_a_hot_loop() -> None:
    assert all(TIMINGS.backoff_s(1, hint_s=0.0) >= 1.5 for _ in range(50))
    assert TIMINGS.backoff_s(8, hint_s=0.0) >= 90


def test_the_expected_time_is_the_median_and_unknown_without_experience() -> None:
    assert expected_s([50, 60, 1000]) == 60
    assert expected_s([]) is None
