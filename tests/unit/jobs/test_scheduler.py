"""The scheduler restarts loops that raise, and runs one coroutine per subject at a time."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from bot.clock import SystemClock
from bot.jobs.ports import TaskKind
from bot.jobs.scheduler import Scheduler
from bot.jobs.timings import Timings

TIMINGS = Timings(
    reconcile_max_gap_s=0.02, reconcile_min_gap_s=0.01, backoff_first_s=0.02, stop_s=0.2
)


@dataclass
class ScriptedReconciler:
    """A reconciler whose coroutines wait, fail or raise as a test says."""

    failures: int = 0
    reconciliations: int = 0
    running: int = 0
    most_running: int = 0
    started: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    takes_s: float = 0.0
    breaks: frozenset[str] = frozenset()
    on_reconcile: Callable[[], None] | None = None

    async def resume(self) -> None:
        self.started.append("resume")

    async def reconcile(self) -> datetime | None:
        self.reconciliations += 1
        if self.on_reconcile is not None:
            self.on_reconcile()
        if self.reconciliations <= self.failures:
            raise KeyError("a defect in reconcile")
        return None

    async def refresh(self) -> bool:
        return True

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

    poll = deliver = run_outbox_message = submit


class IdleStatusCards:
    async def run(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def scheduler(reconciler: ScriptedReconciler) -> AsyncIterator[Scheduler]:
    made: Any = Scheduler(reconciler, IdleStatusCards(), SystemClock(), TIMINGS)  # type: ignore[arg-type]
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_a_reconcile_that_dies_is_logged_and_begun_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reconciler = ScriptedReconciler(failures=2)
    async with scheduler(reconciler):
        await asyncio.sleep(0.3)
    assert reconciler.reconciliations > 3
    assert sum("the reconcile loop died" in record.message for record in caplog.records) == 2


async def test_one_jobs_defect_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    reconciler = ScriptedReconciler(breaks=frozenset({"BAD"}))
    async with scheduler(reconciler) as running:
        for subject in ("BAD", "GOOD", "FINE"):
            running.wake(TaskKind.SUBMIT, subject)
        await asyncio.sleep(0.1)
    assert reconciler.finished == ["GOOD", "FINE"]
    assert any(record.levelno == logging.ERROR for record in caplog.records)


async def test_a_subject_runs_once_at_a_time_however_often_it_is_woken() -> None:
    reconciler = ScriptedReconciler(takes_s=0.05)
    began_s = time.monotonic()
    async with scheduler(reconciler) as running:
        for _ in range(50):
            running.wake(TaskKind.DELIVER, "K7Q2")
            await asyncio.sleep(0.001)
        # On a busy machine the fifty wakes take longer, so that more runs fit into that time.
        woken_for_s = time.monotonic() - began_s
        await asyncio.sleep(0.2)
    assert reconciler.most_running == 1
    assert 2 <= reconciler.started.count("K7Q2") <= woken_for_s / reconciler.takes_s + 3


async def test_a_wake_that_comes_during_the_work_is_not_lost() -> None:
    reconciler = ScriptedReconciler(takes_s=0.05)
    async with scheduler(reconciler) as running:
        running.wake(TaskKind.POLL, "openai")
        await asyncio.sleep(0.02)
        running.wake(TaskKind.POLL, "openai")
        await asyncio.sleep(0.2)
    assert reconciler.finished.count("openai") == 2


async def test_stopping_lets_work_under_way_finish_and_begins_nothing_more() -> None:
    reconciler = ScriptedReconciler(takes_s=0.1)
    async with scheduler(reconciler) as running:
        running.wake(TaskKind.DELIVER, "K7Q2")
        await asyncio.sleep(0.03)
        await running.stop()
        running.wake(TaskKind.DELIVER, "LATE")
        await asyncio.sleep(0.05)
    assert reconciler.finished == ["K7Q2"]
    assert "LATE" not in reconciler.started


async def test_stopping_cuts_off_what_takes_too_long() -> None:
    reconciler = ScriptedReconciler(takes_s=60)
    async with scheduler(reconciler) as running:
        running.wake(TaskKind.DELIVER, "K7Q2")
        await asyncio.sleep(0.03)
        async with asyncio.timeout(2):
            await running.stop()
    assert reconciler.running == 0
    assert reconciler.finished == []


async def test_what_was_open_is_taken_up_before_the_first_reconcile() -> None:
    reconciler = ScriptedReconciler()
    async with scheduler(reconciler):
        await asyncio.sleep(0)
    assert reconciler.started[0] == "resume"


async def test_a_reconcile_that_finds_what_is_running_does_not_wake_itself() -> None:
    reconciler = ScriptedReconciler(takes_s=0.4)
    async with scheduler(reconciler) as running:
        reconciler.on_reconcile = lambda: running.wake(TaskKind.DELIVER, "K7Q2")
        await asyncio.sleep(0.3)
    assert 2 < reconciler.reconciliations < 40
