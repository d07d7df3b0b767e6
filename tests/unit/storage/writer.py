"""A process that writes until it is killed: `python -m tests.unit.storage.writer FILE FIRST COUNT`.

Prints a line after each transaction that the store acknowledged: `FIRST+n accepted` and
`FIRST+n failed`. Every other job is erased, without a line.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot.model import EntryKind, State
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import NOW, allow, new_job, request


def say(line: str) -> None:
    # One call, so that a kill cannot leave half a line.
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


async def write(path: Path, first: int, count: int) -> None:
    store = await SqliteJobStore.open(path)
    outbox = SqliteOutbox(store.database, store.queries)
    for number in range(first, first + count):
        (job,) = await store.accept(request(number), [new_job()], allow)
        say(f"{number} accepted")
        await store.move(job, State.FAILED, NOW, close=EntryKind.REFUND, error_code="render_failed")
        say(f"{number} failed")
        if number % 2:
            await outbox.erase(job.id, NOW)
    await store.close()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
