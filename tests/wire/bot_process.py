"""Starts the real bot in a separate process, which tests control only through its environment."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.wire.process_pool import ROOT, ForkedProcess, ProcessPool, shared_pool

__all__ = ["ROOT", "BotProcess", "CommandOutput", "bot_process", "run_command"]


@dataclass(slots=True)
class BotProcess:
    """A running `python -m bot`; its log is the file `log_path`."""

    process: asyncio.subprocess.Process | ForkedProcess
    log_path: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """Return what the bot has logged so far; "" before the process has created its log file."""
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    async def kill(self) -> None:
        """Kill the bot with SIGKILL, so that it runs no cleanup, and wait for its end."""
        self.process.kill()
        await self.process.wait()

    async def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """Stop the bot with SIGTERM, as a process supervisor does; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutput:
    """The exit code, the standard output and the standard error of a finished command."""

    code: int
    out: str
    err: str


async def run_command(
    folder: Path, variables: Mapping[str, str], *words: str, timeout_s: float = PATIENCE_S
) -> CommandOutput:
    """Run `python -m bot …words` in `folder`, with only the environment variables `variables`.

    Raises TimeoutError if the command takes longer than `timeout_s`.
    """
    environ = _environ(folder, variables)
    with tempfile.TemporaryDirectory() as said:
        out, err = Path(said) / "out", Path(said) / "err"
        process = await shared_pool().start(
            "bot", *words, folder=folder, environ=environ, out=out, err=err
        )
        try:
            code = await asyncio.wait_for(process.wait(), timeout_s)
        finally:
            process.kill()
        return CommandOutput(code=code, out=out.read_text("utf-8"), err=err.read_text("utf-8"))


@asynccontextmanager
async def bot_process(
    folder: Path,
    variables: Mapping[str, str],
    *,
    module: str = "bot",
    pool: ProcessPool | None = None,
) -> AsyncIterator[BotProcess]:
    """Start the bot with only `variables` and what Python needs as environment; kill it at the end.

    folder  the bot's working directory, where its log is written and no .env file is found.
    pool    the process from which the bot is forked; without it, a new Python process is started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "bot.log"
    environ = _environ(folder, variables)
    if pool is None:
        process = await _started(module, folder, environ, log_path)
    else:
        process = await pool.start(
            module, folder=folder, environ=environ, out=log_path, err=log_path
        )
    bot = BotProcess(process, log_path)
    try:
        yield bot
    finally:
        if process.returncode is None:
            await bot.kill()


async def _started(
    module: str, folder: Path, environ: Mapping[str, str], log_path: Path
) -> asyncio.subprocess.Process:
    with log_path.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module),
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _environ(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "DATA_DIR": str(folder / "data"),
    } | dict(variables)
