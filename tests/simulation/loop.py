"""A single-threaded asyncio event loop in virtual time, with simulated SIGKILL."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from typing import Any, Protocol, Self


class ProcessKilled(BaseException):
    """Raised in a simulated process that was killed, where its code waits for work on a thread."""


class VirtualTime(Protocol):
    """The virtual time, in seconds, that all processes of a simulation share."""

    now_s: float

    def pass_to(self, at_s: float) -> None:
        """Advance the virtual time to `at_s`, unless it is later already."""
        ...


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order in which they were scheduled, and work for threads as callbacks.

    When no callback is ready, virtual time advances to the next timer. `steps` counts callbacks.
    The simulation may kill the process between any two callbacks, so at every await that suspends.
    """

    def __init__(self, virtual_time: VirtualTime) -> None:
        super().__init__()
        self._virtual_time = virtual_time
        self.steps = 0
        self.is_dead = False
        self._in_threads: set[asyncio.Future[Any]] = set()
        self.set_exception_handler(lambda _loop, context: self.complaints.append(context))
        self.complaints: list[dict[str, Any]] = []

    def time(self) -> float:
        return self._virtual_time.now_s

    def _write_to_self(self) -> None:
        """Do nothing, because this event loop has no selector to wake."""

    def _process_events(self, event_list: object) -> None:
        """Do nothing, because this event loop has no sockets."""

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> Any:
        """Run work meant for a thread as one callback; a killed process starts none."""
        return self.hop(lambda: func(*args))

    def hop(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Return a future for the result of `work`, which runs as one callback.

        In a killed process, `work` never runs.
        """
        future = self.create_future()
        if self.is_dead:
            future.set_exception(ProcessKilled())
            return future
        self._in_threads.add(future)
        self.call_soon(self._work, future, work)
        return future

    def _work(self, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        if self.is_dead:
            return
        self._in_threads.discard(future)
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - the future raises it
            if not future.cancelled():
                future.set_exception(error)
        else:
            # As on a thread, work is done even if its future was cancelled.
            if not future.cancelled():
                future.set_result(result)

    def step(self, until_s: float) -> bool:
        """Run one callback, advancing virtual time if none is ready.

        Returns False if no callback is due by `until_s`.
        """
        ready, timers = self._ready, self._scheduled  # pyright: ignore[reportAttributeAccessIssue] - not in typeshed
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not ready:
            if not timers or timers[0]._when > until_s:
                return False
            self._virtual_time.pass_to(timers[0]._when)
        while timers and timers[0]._when <= self._virtual_time.now_s:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if not timer._cancelled:
                ready.append(timer)
        if ready:
            handle = ready.popleft()
            if not handle._cancelled:
                self.steps += 1
                handle._run()
        return True

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """Schedule a callback as asyncio does, but without asyncio's slow checks of the caller."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)  # pyright: ignore[reportAttributeAccessIssue] - not in typeshed
        return handle

    def __enter__(self) -> Self:
        events._set_running_loop(self)
        return self

    def __exit__(self, *_: object) -> None:
        events._set_running_loop(None)

    def die(self) -> None:
        """Kill the process: cancel all tasks, which then can't do anything outside the process."""
        self.is_dead = True
        now_s = self._virtual_time.now_s
        for future in list(self._in_threads):
            if not future.done():
                future.set_exception(ProcessKilled())
        for _ in range(50):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            for _ in range(2000):
                if not self.step(now_s):
                    break
            self._virtual_time.now_s = now_s
        for task in asyncio.all_tasks(self):
            raise RuntimeError(f"outlived its process: {task!r}")
        self._ready.clear()  # pyright: ignore[reportAttributeAccessIssue] - not in typeshed
        self._scheduled.clear()  # pyright: ignore[reportAttributeAccessIssue] - not in typeshed
        self.close()
