"""The real bot in a process of its own, with nothing but its environment to steer it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class BotProcess:
    """A running `python -m bot`; its log is in `log_path`."""

    process: asyncio.subprocess.Process
    log_path: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    async def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is tidied up."""
        self.process.kill()
        await self.process.wait()

    async def stop(self, timeout_s: float = 25.0) -> int:
        """SIGTERM, as an operator's supervisor sends it; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), timeout_s)


@asynccontextmanager
async def bot_process(
    folder: Path, variables: Mapping[str, str], *, module: str = "bot"
) -> AsyncIterator[BotProcess]:
    """Start the bot with only `variables` set beyond what Python needs; kill it at the end.

    folder  its working directory (so that no .env of the checkout is read) and home of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "bot.log"
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "DATA_DIR": str(folder / "data"),
    } | dict(variables)
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module),
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    bot = BotProcess(process, log_path)
    try:
        yield bot
    finally:
        if process.returncode is None:
            await bot.kill()
