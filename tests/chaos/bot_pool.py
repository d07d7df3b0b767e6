"""Bots that are born, killed and born again, each a process of its own."""

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
    """A running bot; `exited` is its exit code, or minus the signal that ended it."""

    def __init__(self, process: ForkedProcess) -> None:
        self.pid = process.pid
        self.exited = asyncio.ensure_future(process.wait())
        self._process = process

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL, and not by leaving or by breaking down."""
        return self.exited.done() and self.exited.result() == -signal.SIGKILL

    def arm(self) -> None:
        """Let it count the passages of its point from now on."""
        self._process.send_signal(signal.SIGUSR1)

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is tidied up."""
        self._process.kill()
        await asyncio.shield(self.exited)

    async def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """SIGTERM, as a supervisor sends it; return the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(asyncio.shield(self.exited), timeout_s)


@dataclass(frozen=True, slots=True)
class BotPool:
    """Starts bots that end themselves at a crash point."""

    pool: ProcessPool

    async def start(self, folder: Path, environ: Mapping[str, str]) -> PooledBot:
        """Start a bot in `folder`, which gets its log, with nothing but `environ` around it."""
        log = folder / "bot.log"
        module = "tests.wire.killable"
        process = await self.pool.start(module, folder=folder, environ=environ, out=log, err=log)
        return PooledBot(process)


@asynccontextmanager
async def bot_pool() -> AsyncIterator[BotPool]:
    yield BotPool(shared_pool())
