"""Bots that are born, killed and born again, each a process of its own."""

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

from tests.wire.process import ROOT


@dataclass(slots=True)
class Life:
    """A running bot; `dead` tells its wait status."""

    pid: int
    dead: asyncio.Future[int]

    @property
    def was_struck(self) -> bool:
        """Whether it ended by SIGKILL, and not by leaving or by breaking down."""
        return self.dead.done() and os.waitstatus_to_exitcode(self.dead.result()) == -signal.SIGKILL

    def arm(self) -> None:
        """Let it count the passages of its point from now on."""
        self._send(signal.SIGUSR1)

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is tidied up."""
        self._send(signal.SIGKILL)
        await asyncio.shield(self.dead)

    async def stop(self, timeout_s: float = 25.0) -> int:
        """SIGTERM, as a supervisor sends it; return the exit code."""
        self._send(signal.SIGTERM)
        status = await asyncio.wait_for(asyncio.shield(self.dead), timeout_s)
        return os.waitstatus_to_exitcode(status)

    def _send(self, number: int) -> None:
        if not self.dead.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Nursery:
    """Has everything imported already; one life at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def born(self, folder: Path, environ: Mapping[str, str]) -> Life:
        """Start a bot in `folder`, which gets its log, with nothing but `environ` around it."""
        order = {"environ": dict(environ), "folder": str(folder), "log": str(folder / "bot.log")}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        pid = int((await self._told())["pid"])
        return Life(pid, asyncio.ensure_future(self._status()))

    async def _status(self) -> int:
        return int((await self._told())["status"])

    async def _told(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, "the nursery is gone"
        return json.loads(line)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.wire.killable", "nursery"),
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            # Only a process of one thread is forked whole.
            "OPENBLAS_NUM_THREADS": "1",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
