"""Runs the reconciler in the bot's own process: each coroutine a task, each loop supervised."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from bot.clock import Clock
from bot.errors import StorageError
from bot.jobs.ports import TaskKind
from bot.jobs.reconcile import Reconciler
from bot.jobs.status_cards import StatusCards
from bot.jobs.timings import Timings
from bot.obs.log import job_log_context

_log = logging.getLogger(__name__)


#: Called after each step with its kind, its outcome (`ok`, `storage`, `defect`, or `cut_off` when the
#: scheduler stops) and the seconds it took.
StepObserver: TypeAlias = Callable[[TaskKind, str, float], None]


class _Loop(Protocol):
    def __call__(self) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backoff:
    """A coroutine that failed, and until when it is not started again."""

    until: datetime
    #: Failures in a row.
    failures: int


class Scheduler:
    """At most one coroutine a kind and subject (a job, a provider's polls) runs at a time.

    Start it before the Discord client connects, so that its first work doesn't delay a command.
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
        self._backoffs: dict[tuple[TaskKind, str], _Backoff] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._step_observer: StepObserver | None = None
        self._extra_loops: dict[str, _Loop] = {}

    def observe_steps(self, observer: StepObserver) -> None:
        """Call `observer`, which must not raise, after every step from now on."""
        self._step_observer = observer

    def add_loop(self, name: str, loop: _Loop) -> None:
        """Run another loop from `start` on; it is started again when it raises."""
        self._extra_loops[name] = loop

    def wake(self, kind: TaskKind, subject: str) -> None:
        """Start a coroutine early; see `ports.Wake`.

        Only records it and wakes the loop, so the caller doesn't own the task. A coroutine that is
        running is started once more after its end, which wakes the loop too.
        """
        self._woken[kind, subject] = None
        if (kind, subject) not in self._running:
            self._wake_event.set()

    async def start(self) -> None:
        """Start the loops, and continue what was open when the last process ended."""
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
        """Run `loop` forever; log what it raises and start it again."""
        while True:
            try:
                await loop()
            except StorageError as error:
                _log.error("%s loop: %s", name, error)
            except Exception:  # noqa: BLE001 - without the loop nothing is delivered
                _log.exception("the %s loop died; started again", name)
            await self._clock.sleep(self._timings.backoff_first_s)

    async def _reconcile_forever(self) -> None:
        reconcile_at = self._clock.now()
        while True:
            self._wake_event.clear()
            self._start_woken()
            if reconcile_at <= self._clock.now():
                # However often it is woken, the table is read at most once a `reconcile_min_gap_s`.
                reconcile_at = self._clock.now() + timedelta(
                    seconds=self._timings.reconcile_min_gap_s
                )
                next_at = await self._reconciler.reconcile()
                self._start_woken()
                wait_s = self._timings.reconcile_max_gap_s
                if next_at is not None:
                    until_s = (next_at - self._clock.now()).total_seconds()
                    wait_s = min(wait_s, max(until_s, self._timings.reconcile_min_gap_s))
            else:
                wait_s = (reconcile_at - self._clock.now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the event.
                async with asyncio.timeout(wait_s):
                    await self._wake_event.wait()

    async def _refresh_forever(self) -> None:
        while True:
            # A provider whose list of models failed offers nothing until the next refresh.
            is_whole = await self._reconciler.refresh()
            await self._clock.sleep(
                self._timings.refresh_s if is_whole else self._timings.not_found_gap_s
            )

    def _start_woken(self) -> None:
        now = self._clock.now()
        for key in [each for each in self._woken if each not in self._running]:
            del self._woken[key]
            # A coroutine that just failed waits; `reconcile` finds its job again.
            if key not in self._backoffs or self._backoffs[key].until <= now:
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
                # A slot may be free, or the next step due.
                self._wake_event.set()
            finally:
                del self._running[kind, subject]
                if self._step_observer is not None:
                    took_s = (self._clock.now() - began_at).total_seconds()
                    self._step_observer(kind, outcome, took_s)

    def _back_off(self, kind: TaskKind, subject: str) -> float:
        """Keep a failed coroutine from starting again for a while; return for how many seconds.

        While the database refuses writes, every due row would otherwise be tried in a tight loop,
        with calls to the provider too.
        """
        before = self._backoffs.get((kind, subject))
        times = 1 if before is None else before.failures + 1
        wait_s = self._timings.backoff_s(times)
        until = self._clock.now() + timedelta(seconds=wait_s)
        self._backoffs[kind, subject] = _Backoff(until=until, failures=times)
        return wait_s


async def _cancel_and_wait(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
