"""A 404 counts at most once per gap, however often a render is polled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.jobs.timings import NotFoundDebounce
from tests.behaviour.harness import MovableClock
from tests.unit.jobs.test_status_cards import job

GAP_S = 60.0
NEVER, ONCE = job(), replace(job(), attempts=1)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def debounce(clock: MovableClock) -> NotFoundDebounce:
    return NotFoundDebounce(clock, GAP_S)


def test_the_first_counts_at_once_and_the_next_a_gap_later(debounce, clock):
    assert debounce.next_at(NEVER) is None
    clock.forward(GAP_S - 1)
    assert 0 < (debounce.next_at(ONCE) - clock.now()).total_seconds() <= 1
    clock.forward(1)
    assert debounce.next_at(ONCE) is None


def test_a_404_that_does_not_count_does_not_delay_the_next_one_that_does(debounce, clock):
    debounce.next_at(NEVER)
    first = debounce.next_at(ONCE)
    clock.forward(30)
    assert debounce.next_at(ONCE) == first


def test_after_a_restart_the_next_counts_a_gap_later(debounce, clock):
    assert debounce.next_at(ONCE) - clock.now() > timedelta(seconds=GAP_S - 1)
    clock.forward(GAP_S)
    assert debounce.next_at(ONCE) is None


def test_a_render_that_was_found_again_begins_anew(debounce, clock):
    debounce.next_at(NEVER)
    assert debounce.next_at(NEVER) is None
