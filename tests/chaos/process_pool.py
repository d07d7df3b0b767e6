"""Starts bots as processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.wire.bot_process import ROOT


@dataclass(slots=True)
class PooledBot:
    """A running bot; `exited` gets its wait status."""

    pid: int
    exited: asyncio.Future[int]

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL, not by an exit or a crash."""
        return (
            self.exited.done()
            and os.waitstatus_to_exitcode(self.exited.result()) == -signal.SIGKILL
        )

    def arm(self) -> None:
        """Have it count from now on how often it passes its crash point."""
        self._send(signal.SIGUSR1)

    async def kill(self) -> None:
        """Send SIGKILL, at which no handler runs, and wait for the end."""
        self._send(signal.SIGKILL)
        await asyncio.shield(self.exited)

    async def stop(self, timeout_s: float = 25.0) -> int:
        """Send SIGTERM, as a supervisor does; return the exit code. Raises TimeoutError."""
        self._send(signal.SIGTERM)
        status = await asyncio.wait_for(asyncio.shield(self.exited), timeout_s)
        return os.waitstatus_to_exitcode(status)

    def _send(self, number: int) -> None:
        if not self.exited.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ProcessPool:
    """A process that has imported everything and forks one bot at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, folder: Path, environ: Mapping[str, str]) -> PooledBot:
        """Start a bot with exactly the environment `environ`; its log is in `folder`."""
        request = {"environ": dict(environ), "folder": str(folder), "log": str(folder / "bot.log")}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        pid = int((await self._read_report())["pid"])
        return PooledBot(pid, asyncio.ensure_future(self._status()))

    async def _status(self) -> int:
        return int((await self._read_report())["status"])

    async def _read_report(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the process pool is gone"
        return json.loads(line)


@asynccontextmanager
async def process_pool() -> AsyncIterator[ProcessPool]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.wire.killable", "pool"),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1",
            # fork() copies only the calling thread, so the pool must have no other.
            "OPENBLAS_NUM_THREADS": "1",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield ProcessPool(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
