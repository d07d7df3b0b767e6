"""Starts bot processes that chaos tests kill and start again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.wire.process_pool import ForkedProcess, ProcessPool, shared_pool


class PooledBot:
    """A running bot process; `exited` becomes its exit code, or minus the signal that ended it."""

    def __init__(self, process: ForkedProcess) -> None:
        self.pid = process.pid
        self.exited = asyncio.ensure_future(process.wait())
        self._process = process

    @property
    def was_killed(self) -> bool:
        """Whether the bot ended by SIGKILL, and not by an exit or a crash."""
        return self.exited.done() and self.exited.result() == -signal.SIGKILL

    def arm(self) -> None:
        """Have the bot count from now on how often it passes its crash point."""
        self._process.send_signal(signal.SIGUSR1)

    async def kill(self) -> None:
        """Kill the bot with SIGKILL, which runs no cleanup; wait until the process has ended."""
        self._process.kill()
        await asyncio.shield(self.exited)

    async def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """Stop the bot with SIGTERM, as a process supervisor does; return its exit code.

        Raises TimeoutError if the process does not end within `timeout_s`.
        """
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(asyncio.shield(self.exited), timeout_s)


@dataclass(frozen=True, slots=True)
class BotPool:
    """Starts bots that kill themselves when they reach a chosen crash point."""

    pool: ProcessPool

    async def start(self, folder: Path, environ: Mapping[str, str]) -> PooledBot:
        """Start a bot with only the variables `environ`; its log is written into `folder`."""
        log = folder / "bot.log"
        module = "tests.wire.killable"
        process = await self.pool.start(module, folder=folder, environ=environ, out=log, err=log)
        return PooledBot(process)


@asynccontextmanager
async def bot_pool() -> AsyncIterator[BotPool]:
    yield BotPool(shared_pool())
