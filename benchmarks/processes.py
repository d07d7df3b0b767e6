"""Starts bots, a simulated Discord and a video API as processes, and ends each with its block."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tests.wire.bot_process import ROOT, BotProcess, bot_process

_ENDS_WITHIN_S = 10.0
#: The longest line read from a process: one line may list the answers to thousands of commands.
_LINE_BYTES = 16 * 1024 * 1024


class DiscordProcess:
    """A simulated Discord in its own process; `handshake` holds its addresses, token and ids."""

    def __init__(self, process: Process, handshake: Mapping[str, Any]) -> None:
        self.handshake = handshake
        self.pid = process.pid
        self._process = process
        self._numbers = itertools.count(1)
        self._lock = asyncio.Lock()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with which a bot logs in to this simulated Discord."""
        return {
            "DISCORD_TOKEN": self.handshake["token"],
            "DISCORD_API_URL": self.handshake["api_url"],
            "DISCORD_GATEWAY_URL": self.handshake["gateway_url"],
        }

    async def send_command(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one command of `tests.wire.discord_server` to the process; return the answer.

        Raises RuntimeError if the command failed or the process has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the Discord process has no pipes")
        async with self._lock:
            line = json.dumps({"id": next(self._numbers), "do": do, **arguments})
            self._process.stdin.write(f"{line}\n".encode())
            answer = json.loads(await self._process.stdout.readline() or b'{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(f"{do}: {answer['error']}")
        return answer


@contextlib.asynccontextmanager
async def discord_process() -> AsyncIterator[DiscordProcess]:
    """Start a loopback Discord."""
    async with _python("-m", "tests.wire.discord_server", stdin=PIPE) as process:
        yield DiscordProcess(process, json.loads(await _first_line(process)))


@contextlib.asynccontextmanager
async def api_process(
    *, ready_after_s: float, content: Path | None = None
) -> AsyncIterator[dict[str, str]]:
    """Start a video API on loopback; yield the environment variables that point a bot to it."""
    options = ["--port", "0", "--ready-after-s", str(ready_after_s)]
    if content is not None:
        options += ["--content", str(content)]
    async with _python("-m", "tests.wire.videos_api", *options) as process:
        yield dict(word.split("=", 1) for word in (await _first_line(process)).decode().split())


def sorabot_variables(more: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables for the real bot without quotas; `more` overrides them."""
    freed = {
        "VIDEO_PROVIDERS": "openai",
        "QUOTA_CLIPS_PER_DAY": "none",
        "QUOTA_SECONDS_PER_DAY": "none",
        "BUDGET_USD_PER_DAY": "none",
        "BUDGET_USD_PER_MONTH": "none",
        "MAX_ACTIVE_JOBS_PER_USER": "1000",
        "MAX_ACTIVE_JOBS_PER_SERVER": "1000000",
        "LOG_LEVEL": "WARNING",
    }
    return {**freed, **more}


@contextlib.asynccontextmanager
async def sorabot(
    folder: Path, discord: DiscordProcess, api: Mapping[str, str], **more: str
) -> AsyncIterator[BotProcess]:
    """Start the real bot without quotas, with a simulated Discord and API; wait for its login."""
    variables = sorabot_variables({**discord.variables, **api, **more})
    async with bot_process(folder, variables) as bot:
        await _logged_in(discord, bot)
        yield bot


@contextlib.asynccontextmanager
async def bare_bot(
    folder: Path, discord: DiscordProcess, api: Mapping[str, str] | None = None
) -> AsyncIterator[BotProcess]:
    """Start the baseline bot of `benchmarks.bare_bot` and wait until it has logged in."""
    variables = {**discord.variables, **(api or {})}
    async with bot_process(folder, variables, module="benchmarks.bare_bot") as bot:
        await _logged_in(discord, bot)
        yield bot


@contextlib.asynccontextmanager
async def encoder() -> AsyncIterator[Process]:
    """Keep one core busy with x264 at the lowest priority, as re-encoding a clip would."""
    async with _python("-m", "benchmarks.encoder") as process:
        await _first_line(process)
        yield process


async def _logged_in(discord: DiscordProcess, bot: BotProcess) -> None:
    try:
        await discord.send_command("ready", timeout_s=30)
    except RuntimeError as error:
        raise RuntimeError(f"the bot did not log in; its log:\n{bot.log()}") from error


@contextlib.asynccontextmanager
async def _python(*arguments: str, stdin: int = DEVNULL) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=PIPE,
        limit=_LINE_BYTES,
        # Ctrl-C must not reach the child: the benchmark process ends its children in order.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _first_line(process: Process) -> bytes:
    if process.stdout is None or not (line := await process.stdout.readline()):
        raise RuntimeError("a process ended before it said where it listens")
    return line
