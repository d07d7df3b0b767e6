"""What the bot can't work without, beside Discord: each check says in words what is missing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from bot.errors import StorageError

#: Returns what is missing, for an operator; None when nothing is. Whoever can reach the page reads
#: it, so it names no path and quotes no error.
ReadinessCheck: TypeAlias = Callable[[], Awaitable[str | None]]

#: Shorter than a supervisor's patience with the page.
_CHECK_TIMEOUT_S = 2.0
_MIB = 1024 * 1024


def database_check(probe: Callable[[], Awaitable[object]]) -> ReadinessCheck:
    """Return a check of whether `probe`, a look into the database, comes back within 2 s."""

    async def check() -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await probe()
        except TimeoutError:
            return f"the database has not answered for {_CHECK_TIMEOUT_S:.0f} s"
        except StorageError:
            return "the database does not answer; the log says why"
        return None

    return check


def disk_check(folder: Path, min_free_bytes: int) -> ReadinessCheck:
    """Return a check of whether the disk of `folder` is there with `least_bytes` left."""

    async def check() -> str | None:
        try:
            free_bytes = (await asyncio.to_thread(shutil.disk_usage, folder)).free
        except OSError:
            return "the disk with the data can't be looked at"
        if free_bytes < min_free_bytes:
            left, least = free_bytes // _MIB, min_free_bytes // _MIB
            return f"the disk with the data has {left} MiB left, and {least} are needed"
        return None

    return check
