"""Starts the real bot with short waiting times; the bot can kill itself at a crash point.

`python -m tests.wire.killable` runs one bot. Only this module reads these variables:
KILL_AT      the crash point, such as `after store.move:fitting>posting`; empty for none.
KILL_NTH     the bot kills itself when it passes the point this many times, counted from SIGUSR1 on.
KILL_ARMED   if set, passes are counted from the start.
KILL_PASSED  a file to which the name of every crash point that is passed is appended.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.app import build_app, check_settings
from bot.jobs.assembly import Dependencies
from bot.jobs.timings import Timings
from bot.model import State
from bot.obs.log import set_up_logging
from bot.providers.http.transport import Transport
from bot.settings import Settings

#: Short waiting times in production's proportions: the bot searches for a lost paid call only when
#: no late request can arrive any more.
TIMINGS = Timings(
    poll_few_s=0.1,
    poll_many_s=0.2,
    create_s=1.5,
    quiet_s=1.0,
    not_found_gap_s=0.5,
    backoff_first_s=0.2,
    backoff_last_s=1.0,
    post_quiet_s=0.8,
    delivery_check_s=3.0,
    card_gap_s=0.3,
    reconcile_max_gap_s=0.5,
    reconcile_min_gap_s=0.05,
    stop_s=10.0,
)
#: A download that receives no data for this many seconds is started again.
_IDLE_S = 2.0


class CrashTrigger:
    """Counts how often a crash point is passed, and kills the process at the chosen pass."""

    def __init__(self, at: str, nth: int, passed: Path | None) -> None:
        self._at = at
        self._left = nth
        self._passed = None if passed is None else passed.open("ab", buffering=0)
        self.is_armed = False

    def passes(self, point: str) -> None:
        if self._passed is not None:
            self._passed.write(f"{point}\n".encode())
        if self.is_armed and point == self._at:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


class CrashPointProxy:
    """Wraps a port so that there is a crash point before and after each call of a coroutine."""

    def __init__(self, name: str, port: Any, trigger: CrashTrigger) -> None:
        self._name, self._port, self._trigger = name, port, trigger

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def called(*given: Any, **named: Any) -> Any:
            point = f"{self._name}.{name}{_transition(name, given)}"
            self._trigger.passes(f"before {point}")
            answer = await found(*given, **named)
            self._trigger.passes(f"after {point}")
            return answer

        return called


def _transition(name: str, given: tuple[Any, ...]) -> str:
    """Return the job's state before and after a call that writes to the store, as ":old>new"."""
    towards: dict[str, Callable[[], State]] = {
        "move": lambda: given[1],
        "update": lambda: given[0].state,
        "claim_slot": lambda: State.SUBMITTING,
        "fail_over": lambda: State.QUEUED,
        "repost": lambda: State.POSTING,
    }
    return f":{given[0].state}>{towards[name]()}" if name in towards else ""


def with_crash_points(ports: Dependencies, trigger: CrashTrigger) -> Dependencies:
    """Return the dependencies with a crash point before and after each call of a port."""
    return replace(
        ports,
        store=CrashPointProxy("store", ports.store, trigger),
        outbox=CrashPointProxy("outbox", ports.outbox, trigger),
        archive=CrashPointProxy("archive", ports.archive, trigger),
        publisher=CrashPointProxy("publisher", ports.publisher, trigger),
        providers={
            name: CrashPointProxy("provider", _with_short_idle(each), trigger)
            for name, each in ports.providers.items()
        },
    )


def _with_short_idle(provider: Any) -> Any:
    """Return the provider with a shorter limit for pauses in a download."""
    transport = getattr(provider._provider, "_transport", None)
    if isinstance(transport, Transport):
        transport._timeouts = replace(transport._timeouts, idle_s=_IDLE_S)
    return provider


async def run_bot() -> int:
    """Run a bot until SIGTERM or a fatal error; return its exit code."""
    settings = Settings.from_env(os.environ)
    set_up_logging(settings.log_level, settings.log_format, [])
    passed = os.environ.get("KILL_PASSED")
    trigger = CrashTrigger(
        os.environ.get("KILL_AT", ""),
        int(os.environ.get("KILL_NTH", "1")),
        None if not passed else Path(passed),
    )
    trigger.is_armed = bool(os.environ.get("KILL_ARMED"))
    await check_settings(settings)
    app = await build_app(
        settings, timings=TIMINGS, wrap=lambda ports: with_crash_points(ports, trigger)
    )
    # discord.py would wait two seconds for more guilds; the simulated Discord has only one.
    app.client._connection.guild_ready_timeout = 0.1
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, setattr, trigger, "is_armed", True)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await app.start()
    if app.health is not None:
        (settings.data_dir / "port").write_text(str(app.health.port), encoding="utf-8")
    assert settings.discord_token is not None
    connection = asyncio.create_task(app.connection.run(settings.discord_token.reveal()))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((connection, stopping), return_when=asyncio.FIRST_COMPLETED)
    await app.close()
    was_told = stopping.done()
    for task in (connection, stopping):
        task.cancel()
    await asyncio.gather(connection, stopping, return_exceptions=True)
    return 0 if was_told else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(run_bot()))
