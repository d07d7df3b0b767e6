"""Runs the flow inside the bot's own process: kicks are tasks, the sweep is a supervised loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.clock import Clock
from bot.errors import StorageError
from bot.jobs.board import Board
from bot.jobs.flow import Flow
from bot.jobs.pace import Pace
from bot.jobs.ports import Kind
from bot.obs.log import about_job

_log = logging.getLogger(__name__)


class _Loop(Protocol):
    def __call__(self) -> Awaitable[None]: ...


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
        self._loops: list[asyncio.Task[None]] = []

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
        for name, loop in (("sweep", self._sweep_for_ever), ("cards", self._board.run)):
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
        while True:
            self._wake.clear()
            self._start_kicked()
            next_at = await self._flow.sweep()
            self._start_kicked()
            wait_s = self._pace.idle_s
            if next_at is not None:
                until_s = (next_at - self._clock.now()).total_seconds()
                wait_s = min(wait_s, max(until_s, self._pace.busy_s))
            with contextlib.suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow a cancellation that meets the event.
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    def _start_kicked(self) -> None:
        for kind, subject in [each for each in self._kicked if each not in self._running]:
            del self._kicked[kind, subject]
            task = asyncio.create_task(self._run(kind, subject), name=f"{kind} {subject}")
            self._running[kind, subject] = task

    async def _run(self, kind: Kind, subject: str) -> None:
        steps: dict[Kind, Callable[[str], Awaitable[None]]] = {
            Kind.SUBMIT: self._flow.submit,
            Kind.POLL: self._flow.poll,
            Kind.DELIVER: self._flow.deliver,
        }
        with about_job(subject):
            try:
                await steps[kind](subject)
            except StorageError as error:
                _log.error("%s: %s; the sweep comes back to it", kind, error)
            except Exception:  # noqa: BLE001
                # One job's defect never stops the others; the sweep comes back to this one.
                _log.exception("%s failed", kind)
            finally:
                del self._running[kind, subject]
        # A slot may be free, or the next step due.
        self._wake.set()


async def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
