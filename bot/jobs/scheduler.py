"""Runs the reconciler in the bot's own process: each coroutine a task, each loop supervised."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from bot.clock import Clock
from bot.errors import StorageError
from bot.jobs.ports import TaskKind
from bot.jobs.reconcile import Reconciler
from bot.jobs.status_cards import StatusCards
from bot.jobs.timings import Timings
from bot.obs.log import job_log_context

_log = logging.getLogger(__name__)


#: Called after each step with its kind, its outcome (`ok`, `storage`, `defect`, or `cut_off` when
#: the scheduler stops) and the seconds it took.
StepObserver: TypeAlias = Callable[[TaskKind, str, float], None]


_Loop: TypeAlias = Callable[[], Awaitable[None]]


class Scheduler:
    """Runs the coroutines, at most one a time for each kind and subject, and the endless loops.

    The scheduler starts before the Discord client connects: its first work delays no command.
    """

    def __init__(
        self, reconciler: Reconciler, status_cards: StatusCards, clock: Clock, timings: Timings
    ) -> None:
        self._reconciler = reconciler
        self._status_cards = status_cards
        self._clock = clock
        self._timings = timings
        self._wake_event = asyncio.Event()
        self._woken: dict[tuple[TaskKind, str], None] = {}
        self._running: dict[tuple[TaskKind, str], asyncio.Task[None]] = {}
        #: When a coroutine that failed may start again, and how often it has failed in a row.
        self._backoffs: dict[tuple[TaskKind, str], tuple[datetime, int]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._step_observer: StepObserver | None = None
        self._extra_loops: dict[str, _Loop] = {}

    def observe_steps(self, observer: StepObserver) -> None:
        """Call `observer`, which must not raise, after every step from now on."""
        self._step_observer = observer

    def add_loop(self, name: str, loop: _Loop) -> None:
        """Run another loop from `start` on; a loop that raises is started again."""
        self._extra_loops[name] = loop

    def wake(self, kind: TaskKind, subject: str) -> None:
        """Have the reconcile loop start a coroutine now, or once more if it is running already."""
        self._woken[kind, subject] = None
        if (kind, subject) not in self._running:
            self._wake_event.set()

    async def start(self) -> None:
        """Start the loops, and continue the jobs that were open when the last process ended."""
        await self._reconciler.resume()
        loops: dict[str, _Loop] = {
            "reconcile": self._reconcile_forever,
            "cards": self._status_cards.run,
            "refresh": self._refresh_forever,
            **self._extra_loops,
        }
        for name, loop in loops.items():
            self._loops.append(asyncio.create_task(self._supervise(name, loop), name=name))

    async def stop(self) -> None:
        """Start nothing more, wait up to `Timings.stop_s` for running steps, then cancel them.

        Cancelling is safe: each step was committed before it began.
        """
        reconcile, *others = self._loops or [None]
        await _cancel_and_wait(reconcile)
        running = list(self._running.values())
        if running:
            _log.info("waiting for %d steps under way", len(running))
            await asyncio.wait(running, timeout=self._timings.stop_s)
        for task in [*running, *others]:
            await _cancel_and_wait(task)
        self._loops.clear()

    async def _supervise(self, name: str, loop: _Loop) -> None:
        while True:
            try:
                await loop()
            except StorageError as error:
                _log.error("%s loop: %s", name, error)
            except Exception:  # noqa: BLE001 - without the loop nothing is delivered
                _log.exception("the %s loop died; started again", name)
            await self._clock.sleep(self._timings.backoff_first_s)

    async def _reconcile_forever(self) -> None:
        now, timings = self._clock.now, self._timings
        reconcile_at = now()
        while True:
            self._wake_event.clear()
            self._start_woken()
            if reconcile_at <= now():
                # The table is read at most once a `reconcile_min_gap_s`, however many wakes come.
                reconcile_at = now() + timedelta(seconds=timings.reconcile_min_gap_s)
                next_at = await self._reconciler.reconcile()
                self._start_woken()
                wait_s = timings.reconcile_max_gap_s
                if next_at is not None:
                    until_s = (next_at - now()).total_seconds()
                    wait_s = min(wait_s, max(until_s, timings.reconcile_min_gap_s))
            else:
                wait_s = (reconcile_at - now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                # asyncio.wait_for of Python 3.11 can swallow a cancellation that meets the event.
                async with asyncio.timeout(wait_s):
                    await self._wake_event.wait()

    async def _refresh_forever(self) -> None:
        while True:
            # A provider whose list of models failed offers nothing until the next refresh.
            is_whole = await self._reconciler.refresh()
            timings = self._timings
            await self._clock.sleep(timings.refresh_s if is_whole else timings.not_found_gap_s)

    def _start_woken(self) -> None:
        now = self._clock.now()
        for key in [each for each in self._woken if each not in self._running]:
            del self._woken[key]
            # A coroutine that just failed is left out; `reconcile` finds its job again.
            if key not in self._backoffs or self._backoffs[key][0] <= now:
                name = f"{key[0]} {key[1]}"
                self._running[key] = asyncio.create_task(self._run(*key), name=name)

    async def _run(self, kind: TaskKind, subject: str) -> None:
        steps: dict[TaskKind, Callable[[str], Awaitable[None]]] = {
            TaskKind.SUBMIT: self._reconciler.submit,
            TaskKind.POLL: self._reconciler.poll,
            TaskKind.DELIVER: self._reconciler.deliver,
            TaskKind.OUTBOX: self._reconciler.run_outbox_message,
        }
        began_at, outcome = self._clock.now(), "cut_off"
        with job_log_context(subject):
            try:
                await steps[kind](subject)
            except StorageError as error:
                outcome = "storage"
                _log.error("%s: %s; again in %.0f s", kind, error, self._back_off(kind, subject))
            except Exception:  # noqa: BLE001
                outcome = "defect"
                # One job's defect never stops the others.
                _log.exception("%s failed; again in %.0f s", kind, self._back_off(kind, subject))
            else:
                outcome = "ok"
                self._backoffs.pop((kind, subject), None)
                # A render slot may be free now, or the next step due.
                self._wake_event.set()
            finally:
                del self._running[kind, subject]
                if self._step_observer is not None:
                    took_s = (self._clock.now() - began_at).total_seconds()
                    self._step_observer(kind, outcome, took_s)

    def _back_off(self, kind: TaskKind, subject: str) -> float:
        """Let a failed coroutine start only after a wait; return the wait in seconds.

        While the database refuses writes, each due row would otherwise be tried again at once, with
        calls to its provider.
        """
        _, failures = self._backoffs.get((kind, subject), (None, 0))
        wait_s = self._timings.backoff_s(failures + 1)
        until = self._clock.now() + timedelta(seconds=wait_s)
        self._backoffs[kind, subject] = (until, failures + 1)
        return wait_s


async def _cancel_and_wait(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
