"""`python -m sandbox` runs the real bot in a simulated Discord, shown as a page in the browser.

PLACE=thread   shows a thread instead of a channel.
PORT=8765      sets the page's port; a free port otherwise.
DATA_DIR=…     keeps the database and clips there; they go into a temporary folder otherwise.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import simcord

from bot.app import build_app
from bot.clock import SystemClock
from bot.errors import SettingsError, StorageError
from bot.jobs.timings import Timings
from bot.obs.log import set_up_logging
from bot.settings import Settings, read_environment
from sandbox.guild import build_guild, restore_error_handler
from sandbox.live_page import LivePage, catch_up


def main() -> int:
    """Run the sandbox until Ctrl-C; return 0, or 2 when a setting is wrong."""
    # Don't read .env: a newcomer's sandbox must not open an operator's database.
    environ = read_environment(Path(os.devnull))
    with tempfile.TemporaryDirectory(prefix="sorabot-") as folder:
        try:
            settings = Settings.from_env({"DATA_DIR": folder, "LOG_LEVEL": "WARNING"} | environ)
            set_up_logging(settings.log_level, settings.log_format, ())
            asyncio.run(_run(settings, environ))
        except (SettingsError, StorageError) as error:
            print(f"The sandbox can't start: {error}", file=sys.stderr)
            return 2
    return 0


async def _run(settings: Settings, environ: Mapping[str, str]) -> None:
    clock = SystemClock()
    app = await build_app(settings, clock=clock, timings=Timings(stop_s=2.0))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Start the scheduler before SimCord, because SimCord waits for every task that starts under it.
    await app.start()
    try:
        async with simcord.run(app.client, check_errors=False) as env:
            restore_error_handler(app.client)
            world = await build_guild(env, in_thread=_in_thread(environ))
            await catch_up(env, clock)
            await _show(env, world.channel, world.viewers, _port(environ), clock, stop)
            # Stop the scheduler before SimCord ends, because running jobs still call SimCord.
            await app.scheduler.stop()
    finally:
        await app.close()


async def _show(
    env: simcord.Env,
    place: simcord.ChannelHandle,
    people: tuple[simcord.MemberActor, ...],
    port: int,
    clock: SystemClock,
    stop: asyncio.Event,
) -> None:
    async with AsyncExitStack() as stack:
        try:
            page = env.preview(place, viewers=people, layout="channel", port=port)
            preview = await stack.enter_async_context(page)
        except simcord.SetupError as error:
            if not isinstance(error.__cause__, OSError):
                raise
            raise _unusable(port, error.__cause__) from error
        live = asyncio.create_task(LivePage(env, preview, clock).run())
        print(f"\n  Sorabot sandbox: {preview.url}\n", flush=True)
        print("  Open it, type /sora generate, and watch. Ctrl-C ends it.\n", flush=True)
        closed = asyncio.create_task(preview.wait_closed())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((closed, stopped), return_when=asyncio.FIRST_COMPLETED)
        for task in (live, closed, stopped):
            # Cancel again until the task ends: SimCord uses asyncio.wait_for, which can swallow a
            # cancellation in Python 3.11.
            while not task.done():
                task.cancel()
                await asyncio.wait((task,), timeout=0.2)


def _in_thread(environ: Mapping[str, str]) -> bool:
    place = environ.get("PLACE", "channel") or "channel"
    if place not in ("channel", "thread"):
        raise SettingsError("PLACE", f"{place!r} is neither", "channel or thread")
    return place == "thread"


def _port(environ: Mapping[str, str]) -> int:
    raw = environ.get("PORT", "0") or "0"
    if not raw.isascii() or not raw.isdigit() or int(raw) > 65535:
        raise SettingsError("PORT", f"{raw!r} is not a port", "0 to 65535; 0 takes a free one")
    return int(raw)


def _unusable(port: int, error: OSError) -> SettingsError:
    is_taken = error.errno == errno.EADDRINUSE
    why = "another program has it" if is_taken else str(error.strerror)
    problem = f"I can't show the page on port {port}: {why}"
    return SettingsError("PORT", problem, "a free port; without PORT I find one myself")


if __name__ == "__main__":
    sys.exit(main())
