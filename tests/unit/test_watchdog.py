"""The watchdog logs the stack of a blocked event loop, at most once a minute, at little cost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.obs.watchdog import Watchdog


@contextmanager
def watching(gap_s: float = 60.0) -> Iterator[list[float]]:
    lags: list[float] = []
    watchdog = Watchdog(lags.append, gap_s=gap_s)
    watchdog.start()
    try:
        yield lags
    finally:
        watchdog.stop()
        watchdog.stop()


def a_blocking_call(seconds: float) -> None:
    time.sleep(seconds)


def reports(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


async def test_what_holds_the_loop_up_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with watching() as lags:
        await asyncio.sleep(0.3)
        a_blocking_call(0.6)
        await asyncio.sleep(0.2)
    (report,) = reports(caplog)
    assert "held up for 0." in report
    assert "in a_blocking_call" in report
    assert "time.sleep(seconds)" in report
    assert max(lags) >= 0.4


async def test_a_loop_that_never_comes_back_is_named_while_it_is_held_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with watching():
        await asyncio.sleep(0.15)
        began_s = time.monotonic()
        while time.monotonic() - began_s < 3 and not caplog.records:
            a_blocking_call(0.01)
        assert reports(caplog)


async def test_a_busy_computation_is_named_as_well_as_a_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def a_busy_loop() -> None:
        until_s = time.monotonic() + 0.6
        while time.monotonic() < until_s:
            sum(range(1000))

    with watching():
        await asyncio.sleep(0.15)
        a_busy_loop()
        await asyncio.sleep(0.15)
    assert "in a_busy_loop" in reports(caplog)[0]


async def test_one_report_a_minute_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    with watching():
        for _ in range(3):
            a_blocking_call(0.5)
            await asyncio.sleep(0.15)
    assert len(reports(caplog)) == 1


async def test_what_had_no_report_is_counted_in_the_next(caplog: pytest.LogCaptureFixture) -> None:
    with watching(gap_s=1.5):
        for rest_s in (0.15, 1.2, 0.15):
            a_blocking_call(0.5)
            await asyncio.sleep(rest_s)
    first, second = reports(caplog)
    assert "more times" not in first
    assert "(1 more times since the last such line)" in second


async def test_a_loop_that_comes_round_in_time_is_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with watching() as lags:
        for _ in range(10):
            await asyncio.sleep(0.05)
            a_blocking_call(0.05)
    assert not reports(caplog)
    assert len(lags) >= 5


async def test_a_watchdog_that_was_stopped_beats_no_more() -> None:
    with watching() as lags:
        await asyncio.sleep(0.15)
    beats = len(lags)
    await asyncio.sleep(0.3)
    assert len(lags) == beats


def test_a_watchdog_that_was_never_started_can_be_stopped() -> None:
    Watchdog(print).stop()


async def test_watching_costs_next_to_nothing() -> None:
    async def cost_s(idle_s: float) -> float:
        before_s = time.process_time()
        await asyncio.sleep(idle_s)
        return time.process_time() - before_s

    with watching():
        await asyncio.sleep(0.2)
        spent_s = await cost_s(3)
    # The limit is ten times the watchdog's usual cost (docs/observability.md), for busy machines.
    assert spent_s < 3 * 0.02
