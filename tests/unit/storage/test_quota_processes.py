"""Several processes on one database never exceed a limit together."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.model import Usage
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import after, usage
from tests.unit.storage.test_crash import assert_sound

_ROOT = Path(__file__).parents[3]
_PROCESSES, _COUNT, _MOST = 4, 50, 5


async def start_racer(path: Path, number: int) -> asyncio.subprocess.Process:
    told = (path, 1 + 1_000 * number, _COUNT, _MOST)
    racer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.storage.racer", *map(str, told)),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert racer.stdout is not None
    assert await racer.stdout.readline() == b"ready\n"
    return racer


async def test_two_hundred_commands_in_four_processes_share_one_limit_of_five(tmp_path: Path):
    path = tmp_path / "raced.sqlite3"
    racers = [await start_racer(path, number) for number in range(_PROCESSES)]

    outputs = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))

    assert [racer.returncode for racer in racers] == [0] * _PROCESSES
    said = b"".join(out for out, _err in outputs).decode().splitlines()
    refusals = [line for line in said if line != "accepted"]
    assert len(said) == _PROCESSES * _COUNT
    assert len(refusals) == len(said) - _MOST
    assert all("is 5 clips in 24 hours" in line for line in refusals)
    store = await SqliteJobStore.open(path)
    await assert_sound(store)
    assert len(await store.open_jobs()) == _MOST
    assert await usage(store, 1001, after(-1)) == Usage(
        clips=_MOST, seconds=8 * _MOST, usd_micros=800_000 * _MOST
    )
    await store.close()
