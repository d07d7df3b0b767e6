"""Runs the flow inside the bot's own process: kicks are tasks, the sweep is a supervised loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from bot.clock import Clock
from bot.errors import StorageError
from bot.jobs.board import Board
from bot.jobs.flow import Flow
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind
from bot.jobs.schedule import backoff_s
from bot.obs.log import about_job

_log = logging.getLogger(__name__)


#: Told of each step that ended: its kind, how (`ok`, `storage`, `defect`, or `cut_off` as the engine
#: stops), and the seconds that it took.
StepWatch: TypeAlias = Callable[[Kind, str, float], None]


class _Loop(Protocol):
    def __call__(self) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """Why a coroutine is not started again yet."""

    until: datetime
    #: Failures in a row.
    times: int


class Engine:
    """The embedded engine. At most one coroutine a job (or a provider's polls) runs at a time.

    Start it before the chat client connects: nothing it does then belongs to a command.
    """

    def __init__(self, flow: Flow, board: Board, clock: Clock, pace: Pace) -> None:
        self._flow = flow
        self._board = board
        self._clock = clock
        self._pace = pace
        self._wake = asyncio.Event()
        self._kicked: dict[tuple[Kind, str], None] = {}
        self._running: dict[tuple[Kind, str], asyncio.Task[None]] = {}
        self._resting: dict[tuple[Kind, str], _Rest] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._on_step: StepWatch | None = None
        self._more_loops: dict[str, _Loop] = {}

    def report_to(self, on_step: StepWatch) -> None:
        """Tell `on_step`, which must not raise, of every step from now on."""
        self._on_step = on_step

    def add_loop(self, name: str, loop: _Loop) -> None:
        """Run another loop, too, from `start` on: begun again when it dies."""
        self._more_loops[name] = loop

    def kick(self, kind: Kind, subject: str) -> None:
        """Start a coroutine of the flow early; see `ports.Kick`.

        Only notes it and wakes the loop: whoever calls this need not own the task. What is running
        is started once more when it has ended, which wakes the loop by itself.
        """
        self._kicked[kind, subject] = None
        if (kind, subject) not in self._running:
            self._wake.set()

    async def start(self) -> None:
        """Begin; everything that was open when the last process ended goes on by itself."""
        await self._flow.resume()
        loops: dict[str, _Loop] = {
            "sweep": self._sweep_for_ever,
            "cards": self._board.run,
            "refresh": self._refresh_for_ever,
            **self._more_loops,
        }
        for name, loop in loops.items():
            self._loops.append(asyncio.create_task(self._supervise(name, loop), name=name))

    async def stop(self) -> None:
        """Begin nothing more, let work under way finish for a while, then cut it off.

        Cutting off is safe: each step was committed before it began.
        """
        sweep, *others = self._loops or [None]
        await _cancelled(sweep)
        running = list(self._running.values())
        if running:
            _log.info("waiting for %d steps under way", len(running))
            await asyncio.wait(running, timeout=self._pace.stop_s)
        for task in [*running, *others]:
            await _cancelled(task)
        self._loops.clear()

    async def _supervise(self, name: str, loop: _Loop) -> None:
        """Run `loop` for ever; one that dies is logged and begun again."""
        while True:
            try:
                await loop()
            except StorageError as error:
                _log.error("%s loop: %s", name, error)
            except Exception:  # noqa: BLE001 - a loop that stays dead delivers nothing
                _log.exception("the %s loop died; begun again", name)
            await self._clock.sleep(self._pace.backoff_first_s)

    async def _sweep_for_ever(self) -> None:
        sweep_at = self._clock.now()
        while True:
            self._wake.clear()
            self._start_kicked()
            if sweep_at <= self._clock.now():
                # However often it is woken, the table is asked only so often.
                sweep_at = self._clock.now() + timedelta(seconds=self._pace.busy_s)
                next_at = await self._flow.sweep()
                self._start_kicked()
                wait_s = self._pace.idle_s
                if next_at is not None:
                    until_s = (next_at - self._clock.now()).total_seconds()
                    wait_s = min(wait_s, max(until_s, self._pace.busy_s))
            else:
                wait_s = (sweep_at - self._clock.now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the event.
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def _refresh_for_ever(self) -> None:
        while True:
            # One whose list failed to come has nothing to offer until the next look.
            is_whole = await self._flow.refresh()
            await self._clock.sleep(self._pace.refresh_s if is_whole else self._pace.missing_gap_s)

    def _start_kicked(self) -> None:
        now = self._clock.now()
        for key in [each for each in self._kicked if each not in self._running]:
            del self._kicked[key]
            # What has just failed rests; the sweep comes back to it.
            if key not in self._resting or self._resting[key].until <= now:
                name = f"{key[0]} {key[1]}"
                self._running[key] = asyncio.create_task(self._run(*key), name=name)

    async def _run(self, kind: Kind, subject: str) -> None:
        steps: dict[Kind, Callable[[str], Awaitable[None]]] = {
            Kind.SUBMIT: self._flow.submit,
            Kind.POLL: self._flow.poll,
            Kind.DELIVER: self._flow.deliver,
            Kind.ERRAND: self._flow.errand,
        }
        began_at, outcome = self._clock.now(), "cut_off"
        with about_job(subject):
            try:
                await steps[kind](subject)
            except StorageError as error:
                outcome = "storage"
                _log.error("%s: %s; again in %.0f s", kind, error, self._rest(kind, subject))
            except Exception:  # noqa: BLE001
                outcome = "defect"
                # One job's defect never stops the others.
                _log.exception("%s failed; again in %.0f s", kind, self._rest(kind, subject))
            else:
                outcome = "ok"
                self._resting.pop((kind, subject), None)
                # A slot may be free, or the next step due.
                self._wake.set()
            finally:
                del self._running[kind, subject]
                if self._on_step is not None:
                    took_s = (self._clock.now() - began_at).total_seconds()
                    self._on_step(kind, outcome, took_s)

    def _rest(self, kind: Kind, subject: str) -> float:
        """Keep what failed from being started again at once; return for how many seconds.

        A database that takes no writes would otherwise turn every due row into a hot loop, against
        the video API too.
        """
        before = self._resting.get((kind, subject))
        times = 1 if before is None else before.times + 1
        wait_s = backoff_s(times, self._pace)
        until = self._clock.now() + timedelta(seconds=wait_s)
        self._resting[kind, subject] = _Rest(until=until, times=times)
        return wait_s


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
