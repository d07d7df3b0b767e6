"""The embedded engine: loops that die are begun again, one subject runs once at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from bot.clock import SystemClock
from bot.jobs.engine import Engine
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind

PACE = Pace(idle_s=0.02, busy_s=0.01, backoff_first_s=0.02, stop_s=0.2)


@dataclass
class ScriptedFlow:
    """Does what a test says in place of the real coroutines."""

    failures: int = 0
    sweeps: int = 0
    running: int = 0
    most_running: int = 0
    started: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    takes_s: float = 0.0
    breaks: frozenset[str] = frozenset()
    on_sweep: Callable[[], None] | None = None

    async def resume(self) -> None:
        self.started.append("resume")

    async def sweep(self) -> datetime | None:
        self.sweeps += 1
        if self.on_sweep is not None:
            self.on_sweep()
        if self.sweeps <= self.failures:
            raise KeyError("a defect in the sweep")
        return None

    async def submit(self, subject: str) -> None:
        self.started.append(subject)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if subject in self.breaks:
                raise ZeroDivisionError(subject)
            await asyncio.sleep(self.takes_s)
            self.finished.append(subject)
        finally:
            self.running -= 1

    poll = deliver = errand = submit


class IdleBoard:
    async def run(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def engine(flow: ScriptedFlow) -> AsyncIterator[Engine]:
    made: Any = Engine(flow, IdleBoard(), SystemClock(), PACE)  # type: ignore[arg-type]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_a_sweep_that_dies_is_logged_and_begun_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    flow = ScriptedFlow(failures=2)
    async with engine(flow):
        await asyncio.sleep(0.3)
    assert flow.sweeps > 3
    assert sum("the sweep loop died" in record.message for record in caplog.records) == 2


async def test_one_jobs_defect_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    flow = ScriptedFlow(breaks=frozenset({"BAD"}))
    async with engine(flow) as running:
        for subject in ("BAD", "GOOD", "FINE"):
            running.kick(Kind.SUBMIT, subject)
        await asyncio.sleep(0.1)
    assert flow.finished == ["GOOD", "FINE"]
    assert any(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_subject_runs_once_at_a_time_however_often_it_is_kicked() -> None:
    flow = ScriptedFlow(takes_s=0.05)
    async with engine(flow) as running:
        for _ in range(50):
            running.kick(Kind.DELIVER, "K7Q2")
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.2)
    assert flow.most_running == 1
    assert 2 <= flow.started.count("K7Q2") <= 4


async def test_a_kick_that_comes_during_the_work_is_not_lost() -> None:
    flow = ScriptedFlow(takes_s=0.05)
    async with engine(flow) as running:
        running.kick(Kind.POLL, "openai")
        await asyncio.sleep(0.02)
        running.kick(Kind.POLL, "openai")
        await asyncio.sleep(0.2)
    assert flow.finished.count("openai") == 2


async def test_stopping_lets_work_under_way_finish_and_begins_nothing_more() -> None:
    flow = ScriptedFlow(takes_s=0.1)
    async with engine(flow) as running:
        running.kick(Kind.DELIVER, "K7Q2")
        await asyncio.sleep(0.03)
        await running.stop()
        running.kick(Kind.DELIVER, "LATE")
        await asyncio.sleep(0.05)
    assert flow.finished == ["K7Q2"]
    assert "LATE" not in flow.started


async def test_stopping_cuts_off_what_takes_too_long() -> None:
    flow = ScriptedFlow(takes_s=60)
    async with engine(flow) as running:
        running.kick(Kind.DELIVER, "K7Q2")
        await asyncio.sleep(0.03)
        async with asyncio.timeout(2):
            await running.stop()
    assert flow.running == 0
    assert flow.finished == []


async def test_what_was_open_is_taken_up_before_the_first_sweep() -> None:
    flow = ScriptedFlow()
    async with engine(flow):
        await asyncio.sleep(0)
    assert flow.started[0] == "resume"


async def test_a_sweep_that_finds_what_is_running_does_not_wake_itself() -> None:
    flow = ScriptedFlow(takes_s=0.4)
    async with engine(flow) as running:
        flow.on_sweep = lambda: running.kick(Kind.DELIVER, "K7Q2")
        await asyncio.sleep(0.3)
    assert 2 < flow.sweeps < 40
