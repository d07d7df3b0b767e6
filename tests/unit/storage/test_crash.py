from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

from bot.model import State, Usage
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import (
    after,
    usage,
)

_ROOT = Path(__file__).parents[3]


async def start_writer(path: Path, first: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.unit.storage.writer", str(path), str(first), str(count)),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def assert_sound(store: SqliteJobStore) -> None:
    def look(conn):
        return (
            [row[0] for row in conn.execute("PRAGMA integrity_check")],
            conn.execute("PRAGMA foreign_key_check").fetchall(),
            # Every job has its reservation, and an end exactly when it is final.
            conn.execute(
                "SELECT jobs.id FROM jobs LEFT JOIN ledger ON ledger.job_id = jobs.id "
                "GROUP BY jobs.id HAVING count(ledger.id) <> 1 + (jobs.finished_at IS NOT NULL)"
            ).fetchall(),
            # A deleted job has its errand, and no other has one.
            conn.execute(
                "SELECT jobs.id FROM jobs LEFT JOIN errands ON errands.job_id = jobs.id "
                "WHERE (jobs.deleted_at IS NULL) <> (errands.id IS NULL)"
            ).fetchall(),
        )

    def indexed(conn):
        conn.execute("INSERT INTO search_newest (search_newest) VALUES ('integrity-check')")
        found = conn.execute("SELECT rowid FROM search_newest WHERE search_newest MATCH 'calico'")
        final = conn.execute("SELECT newest_key FROM search_entries ORDER BY newest_key")
        return [row[0] for row in found] == [row[0] for row in final]

    assert await store.database.read(look) == (["ok"], [], [], [])
    assert await store.database.run(indexed)


async def test_a_process_killed_in_the_middle_of_writing_loses_nothing_it_acknowledged(
    tmp_path: Path,
):
    path = tmp_path / "killed.sqlite3"
    for attempt, lines_until_kill in enumerate((1, 2, 13, 40, 75, 120)):
        writer = await start_writer(path, 1 + 10_000 * attempt, 10_000)
        assert writer.stdout is not None
        lines = [await writer.stdout.readline() for _ in range(lines_until_kill)]
        await asyncio.sleep(random.random() / 1_000)  # not always at the same point of a write
        writer.kill()
        lines += (await writer.stdout.read()).splitlines(keepends=True)
        assert await writer.wait() == -signal.SIGKILL

        store = await SqliteJobStore.open(path)
        await assert_sound(store)
        for line in lines:
            number, what = line.split()
            (job,) = await store.jobs_of(int(number))
            assert what == b"accepted" or job.state is State.FAILED
        await store.close()


async def test_two_processes_on_one_file_corrupt_nothing(tmp_path: Path):
    path = tmp_path / "shared.sqlite3"
    writers = [await start_writer(path, first, 60) for first in (1, 1_001)]

    outputs = [await writer.communicate() for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert [out.count(b"\n") for out, _err in outputs] == [120, 120]
    store = await SqliteJobStore.open(path)
    await assert_sound(store)
    assert len(await store.recent_jobs(1001, 7, limit=500)) == 120
    assert await usage(store, 1001, after(-1)) == Usage()
    await store.close()
