"""The event loop watchdog: measures the loop's lag and logs the code that blocks it."""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

_log = logging.getLogger(__name__)
_BEAT_S = 0.1
#: How many frames of the stack a log line shows, counted from the innermost.
_MAX_FRAMES = 25


@dataclass(eq=False)
class Watchdog:
    """Is called by the event loop ten times a second; a thread logs the stack of a late call."""

    #: Called with each call's delay in seconds.
    on_lag: Callable[[float], None]
    _: KW_ONLY
    #: A call with a longer delay, in seconds, is logged.
    limit_s: float = 0.25
    #: The least time between two log lines; each line counts the late calls left out since.
    gap_s: float = 60.0
    #: A clock in seconds, bound at import: SimCord later replaces `time.monotonic`.
    monotonic: Callable[[], float] = time.monotonic
    #: When the next beat is due; the event loop writes the value, and the thread reads it.
    _due_s: float = field(default=0.0, init=False)
    _next_beat: asyncio.TimerHandle | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)

    def start(self) -> None:
        """Begin to watch the running event loop; to be called once."""
        loop = asyncio.get_running_loop()
        self._due_s = self.monotonic()
        self._beat(loop)
        self._thread = threading.Thread(
            target=self._watch, args=(threading.get_ident(),), name="watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the watch of the event loop; idempotent, and allowed without a `start`."""
        self._stopped.set()
        if self._next_beat is not None:
            self._next_beat.cancel()
        if self._thread is not None:
            self._thread.join(1)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = self.monotonic()
        self.on_lag(max(0.0, now_s - self._due_s))
        self._due_s = now_s + _BEAT_S
        self._next_beat = loop.call_later(_BEAT_S, self._beat, loop)

    def _watch(self, thread_id: int) -> None:
        seen_due_s = logged_at_s = -self.gap_s
        unlogged = 0
        wait_s = 0.0
        while not self._stopped.wait(wait_s):
            # The event loop may change `_due_s` meanwhile, so the value is read once.
            due_s, now_s = self._due_s, self.monotonic()
            late_s = now_s - due_s
            # The thread wakes at the instant at which this beat exceeds the limit.
            wait_s = self.limit_s - late_s if late_s < self.limit_s else _BEAT_S
            if late_s < self.limit_s or due_s == seen_due_s:
                continue
            seen_due_s = due_s
            if now_s - logged_at_s < self.gap_s:
                unlogged += 1
                continue
            _log_stack(thread_id, late_s, unlogged)
            logged_at_s, unlogged = now_s, 0


def _log_stack(thread_id: int, late_s: float, unlogged: int) -> None:
    # The documented way to read another thread's stack.
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if frame is None:
        return
    more = f" ({unlogged} more times since the last such line)" if unlogged else ""
    stack = "".join(traceback.format_stack(frame, _MAX_FRAMES))
    _log.warning("the event loop has been held up for %.2f s%s, here:\n%s", late_s, more, stack)
