"""Retention removes expired files and keeps the ones in use and all ledger rows."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.archive.folder import FolderArchive
from bot.clock import SystemClock
from bot.jobs.retention import RetentionDependencies, RetentionLoop
from bot.jobs.thumbnails import Thumbnails
from bot.model import Job, Operation, State
from bot.providers.vendors.local import LocalProvider
from bot.storage.disk_space import DiskSpace
from bot.storage.reserve_file import ReserveFile
from bot.storage.retention import RetentionCursor
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from bot.storage.sqlite.retention import SqliteRetentionStore
from tests.empty_database import copy_empty_database
from tests.unit.storage.factories import (
    ROUTES,
    accept,
    after,
    allow,
    clip,
    entries,
    new_job,
    request,
    step,
)

_DAY_S = 86_400.0


class LaterClock(SystemClock):
    """A clock fixed `days` after the jobs were made; `sleep` returns at once."""

    def __init__(self, days: float) -> None:
        super().__init__()
        self._days = days

    def now(self):
        return after(self._days * _DAY_S)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionHarness:
    """A database with jobs, and a folder with the files of these jobs, on which retention runs."""

    store: SqliteJobStore
    folder: Path

    @property
    def archive(self) -> FolderArchive:
        return FolderArchive(self.folder / "clips")

    async def job(self, number: int, state: State = State.DONE, **changes: object) -> Job:
        """Make a job in `state` with a clip in the archive, a poster and a local render."""
        job = await accept(self.store, number, **changes)
        for stop in ROUTES[state]:
            fields: dict[str, Any] = {}
            if stop is State.RENDERING:
                fields["remote_id"] = f"render-{number}"
                self.render(number).mkdir(parents=True)
                (self.render(number) / "clip.mp4").write_bytes(b"clip")
            if stop is State.FITTING:
                source = self.folder / "new.mp4"
                source.write_bytes(b"clip")
                key = await self.archive.put(job.id, source)
                fields["clip"] = clip(job, archive_key=key)
                self.poster(job).parent.mkdir(exist_ok=True)
                self.poster(job).write_bytes(b"poster")
            job = await step(self.store, job, stop, **fields)
        return job

    def file(self, job: Job) -> Path:
        return self.folder / "clips" / job.id[-2:].lower() / f"{job.id}.mp4"

    def poster(self, job: Job) -> Path:
        return self.folder / "stills" / f"{job.id}.webp"

    def render(self, number: int) -> Path:
        return self.folder / "local" / f"render-{number}"

    def picture(self, name: str, *, days_old: float = 40) -> Path:
        path = self.folder / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"picture")
        # The file's age is counted from the time of the clock in `run_retention`.
        made_s = after(40 * _DAY_S).timestamp() - days_old * _DAY_S
        os.utime(path, (made_s, made_s))
        return path

    async def run_retention(self, *, days_later: float = 40, keep_days: float | None = 30) -> None:
        clock = LaterClock(days_later)
        local = LocalProvider(self.folder / "local", clock)
        dependencies = RetentionDependencies(
            retention_store=SqliteRetentionStore(self.store.database, self.store.queries),
            archive=self.archive,
            thumbnails=Thumbnails(self.store, self.archive, self.folder / "stills"),
            providers={"local": local},
            pictures=self.folder / "pictures",
            disk_space=DiskSpace(),
            reserve_file=ReserveFile(self.folder / "ballast", 1_000),
        )
        keep = None if keep_days is None else timedelta(days=keep_days)
        await RetentionLoop(dependencies, clock, keep).remove_expired()
        await local.close()


@pytest.fixture
def harness(store: SqliteJobStore, tmp_path: Path) -> RetentionHarness:
    return RetentionHarness(store=store, folder=tmp_path)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    opened = await SqliteJobStore.open(copy_empty_database(tmp_path / "sorabot.db"))
    yield opened
    await opened.close()


async def test_an_expired_clip_is_removed_and_its_ledger_rows_stay(
    harness: RetentionHarness,
) -> None:
    job = await harness.job(1)
    before = await entries(harness.store)

    await harness.run_retention()

    assert not harness.file(job).exists()
    assert not harness.poster(job).exists()
    assert not harness.render(1).exists()
    assert await harness.store.clip(job.id) is None
    assert await harness.store.job(job.id) == job
    assert await entries(harness.store) == before


async def test_a_younger_clip_stays_whole(harness: RetentionHarness) -> None:
    job = await harness.job(1)
    await harness.run_retention(days_later=29)
    assert harness.file(job).exists()
    assert harness.poster(job).exists()
    assert harness.render(1).exists()
    assert await harness.store.clip(job.id) is not None


async def test_without_a_retention_period_every_clip_stays(harness: RetentionHarness) -> None:
    job = await harness.job(1)
    await harness.run_retention(days_later=40_000, keep_days=None)
    assert harness.file(job).exists()
    assert await harness.store.clip(job.id) is not None


@pytest.mark.parametrize("state", [State.KEPT, State.POSTING, State.FITTING])
async def test_a_clip_that_is_not_delivered_yet_stays(
    harness: RetentionHarness, state: State
) -> None:
    job = await harness.job(1, state)
    await harness.run_retention()
    assert harness.file(job).exists()
    assert await harness.store.clip(job.id) is not None


async def test_the_parent_of_an_open_job_stays_until_that_job_ends(
    harness: RetentionHarness,
) -> None:
    parent = await harness.job(1)
    derived = new_job(operation=Operation.REMIX, change="in the rain")
    child_job = type(derived)(spec=derived.spec, seed=1, parent_id=parent.id)
    (child,) = await harness.store.accept(request(2), [child_job], allow)
    await harness.run_retention()
    assert harness.file(parent).exists()
    await step(harness.store, child, State.CANCELLED)
    await harness.run_retention()
    assert not harness.file(parent).exists()


async def test_a_clip_with_an_outbox_message_left_stays(harness: RetentionHarness) -> None:
    job = await harness.job(1)
    outbox = SqliteOutbox(harness.store.database, harness.store.queries)
    await outbox.erase(job.id, after(1))
    await harness.run_retention()
    # The outbox message will later remove the file together with the clip message.
    assert harness.file(job).exists()


async def test_more_than_fit_into_one_query_go_in_one_pass(harness: RetentionHarness) -> None:
    jobs = [await harness.job(number, user_id=number) for number in range(1, 8)]
    retention_store = SqliteRetentionStore(harness.store.database, harness.store.queries)
    seen: list[str] = []
    cursor: RetentionCursor | None = RetentionCursor()
    while cursor is not None:
        old, cursor = await retention_store.expired_clips(cursor, after(_DAY_S), 3)
        assert len(old) <= 3
        seen += [each.job_id for each in old]
    assert sorted(seen) == sorted(job.id for job in jobs)


async def test_a_file_that_can_t_be_removed_waits_and_holds_up_no_other(
    harness: RetentionHarness,
) -> None:
    stuck, loose = await harness.job(1), await harness.job(2)
    harness.file(stuck).unlink()
    harness.file(stuck).mkdir()
    await harness.run_retention()
    assert not harness.file(loose).exists()
    assert await harness.store.clip(stuck.id) is not None
    harness.file(stuck).rmdir()
    await harness.run_retention()
    assert await harness.store.clip(stuck.id) is None


async def test_the_next_pass_finishes_one_that_was_killed_half_way(
    harness: RetentionHarness,
) -> None:
    job = await harness.job(1)
    harness.file(job).unlink()
    await harness.run_retention()
    assert await harness.store.clip(job.id) is None
    await harness.run_retention()


async def test_unused_reference_images_are_removed_and_others_stay(
    harness: RetentionHarness,
) -> None:
    stray = harness.picture("777.png")
    fresh = harness.picture("778.png", days_old=0.5)
    pending = harness.picture("1.png")
    shown = harness.picture("2.png")
    failed = harness.picture("3.png")
    await harness.job(1, State.QUEUED, image=pending)
    await harness.job(2, State.DONE, image=shown)
    await harness.job(3, State.FAILED, image=failed)

    await harness.run_retention(keep_days=None)

    there = [each.exists() for each in (stray, fresh, pending, shown, failed)]
    assert there == [False, True, True, True, False]


async def test_a_reference_image_goes_with_the_last_clip_that_uses_it(
    harness: RetentionHarness,
) -> None:
    shared = harness.picture("1.png")
    first = await harness.job(1, image=shared)
    again = await harness.job(2, State.KEPT, image=shared)
    await harness.run_retention()
    assert not harness.file(first).exists()
    assert harness.file(again).exists()
    assert shared.exists()


async def test_a_reference_image_is_recognised_under_any_path_of_its_folder(
    harness: RetentionHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(harness.folder)
    relative, odd = harness.picture("other.png"), harness.picture("5.png")
    await harness.job(1, image=Path("pictures/other.png"))
    await harness.job(5, image=Path("/moved/since/5.png"))
    await harness.run_retention(keep_days=None)
    assert relative.exists()
    assert odd.exists()


async def test_retention_does_not_block_the_event_loop(harness: RetentionHarness) -> None:
    for number in range(1, 40):
        await harness.job(number, user_id=number)
        harness.picture(f"{number + 900}.png")
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            # Measured is the CPU time of this thread, so that other processes have no influence.
            began_s = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began_s)

    watching = asyncio.create_task(watch())
    await harness.run_retention()
    watching.cancel()
    assert longest_s < 0.05


async def test_the_reserve_file_is_written_where_there_is_space_and_never_where_it_is_short(
    harness: RetentionHarness,
) -> None:
    def retention(least_bytes: int) -> RetentionLoop:
        dependencies = RetentionDependencies(
            retention_store=SqliteRetentionStore(harness.store.database, harness.store.queries),
            archive=harness.archive,
            thumbnails=Thumbnails(harness.store, harness.archive, harness.folder / "stills"),
            providers={},
            pictures=harness.folder / "pictures",
            disk_space=DiskSpace([harness.folder], least_bytes),
            reserve_file=ReserveFile(harness.folder / "ballast", 1_000),
        )
        return RetentionLoop(dependencies, LaterClock(0), None)

    await retention(1 << 60).restore_reserve_file()
    assert not (harness.folder / "ballast").exists()
    await retention(1).restore_reserve_file()
    assert (harness.folder / "ballast").stat().st_size == 1_000
