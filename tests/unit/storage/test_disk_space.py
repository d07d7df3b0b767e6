"""A full disk: no job is accepted, accepted jobs still end, and no restart is needed afterwards."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import BadClipError, StorageError
from bot.model import Job, State
from bot.storage.disk_space import DiskSpace, is_disk_full
from bot.storage.reserve_file import ReserveFile
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import accept, after, entries, reach, step, usage
from tests.unit.storage.small_disk import fill, small_disk

_MIB = 1 << 20


@asynccontextmanager
async def store_on(
    disk: Path, *, disk_space: DiskSpace | None = None
) -> AsyncIterator[SqliteJobStore]:
    reserve_file = ReserveFile(disk / "ballast", _MIB)
    reserve_file.create()
    store = await SqliteJobStore.open(
        disk / "sorabot.db", disk_space=disk_space, reserve_file=reserve_file
    )
    yield store
    await store.close()


async def test_on_a_full_disk_accounts_are_closed_with_the_space_of_the_reserve_file(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 6 * _MIB) as disk:
        async with store_on(disk) as store:
            jobs = [await reach(store, State.FITTING, number) for number in range(1, 60)]
            fill(disk)
            with pytest.raises(StorageError, match="full"):
                await accept_until_it_is_full(store)
            # What was refused has not touched what the closing of accounts needs.
            assert (disk / "ballast").exists()

            for job in jobs:
                ended = await step(store, job, State.FAILED, after(5))
                assert ended.refunded

            assert not (disk / "ballast").exists()
            left = await usage(store, 1001, after(-1))
            reserved = [
                row["usd_micros"] for row in await entries(store) if row["job_id"] in _ids(jobs)
            ]
            assert sum(reserved) == 0
            assert left.usd_micros >= 0


async def accept_until_it_is_full(store: SqliteJobStore) -> None:
    """Accept jobs until the disk is full: the write-ahead log has space for a few."""
    for number in range(1_000, 3_000):
        await accept(store, number)


def _ids(jobs: list[Job]) -> set[str]:
    return {job.id for job in jobs}


async def test_with_space_again_everything_works_and_the_reserve_file_is_written_again(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 6 * _MIB) as disk:
        async with store_on(disk) as store:
            job = await reach(store, State.FITTING)
            hog = fill(disk)
            with pytest.raises(StorageError):
                await accept_until_it_is_full(store)
            hog.unlink()
            assert (await step(store, job, State.KEPT, after(5))).state is State.KEPT
            await accept(store, 5_000)
            reserve_file = ReserveFile(disk / "ballast", _MIB)
            reserve_file.release()
            reserve_file.create()
            assert (disk / "ballast").stat().st_size == _MIB


async def test_orders_are_refused_before_the_disk_is_full_and_known_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with small_disk(tmp_path / "disk", 8 * _MIB) as disk:
        disk_space = DiskSpace([disk, disk / "clips"], 4 * _MIB)
        async with store_on(disk, disk_space=disk_space) as store:
            job = await accept(store, 1)
            hog = fill(disk, but_bytes=3 * _MIB)
            await asyncio.sleep(1.1)
            with pytest.raises(StorageError) as caught:
                await accept(store, 2)
            assert "short of disk space" in caught.value.user_text
            assert "nothing was started or charged" in caught.value.user_text
            # The same interaction, delivered a second time.
            assert await accept(store, 1) == job
            assert await disk_space.allows_download()
            fill(disk, but_bytes=_MIB)
            await asyncio.sleep(1.1)
            assert not await disk_space.allows_download()
            assert (await usage(store, 1001, after(-1))).clips == 1
            hog.unlink()
            await asyncio.sleep(1.1)
            await accept(store, 2)
    told = [each.getMessage() for each in caplog.records if "MiB left" in each.getMessage()]
    assert [each.endswith("no orders are accepted") for each in told] == [True, False]


async def test_without_folders_there_is_always_space() -> None:
    disk_space = DiskSpace()
    disk_space.check_new_job()
    assert await disk_space.allows_download()


def test_a_disk_that_is_gone_has_no_space(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not DiskSpace([tmp_path / ("x" * 300)], 1).allows_new_jobs()
    assert DiskSpace([tmp_path / "later" / "clips"], 1).allows_new_jobs()


def test_half_a_reserve_file_is_no_reserve_file(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 * _MIB) as disk:
        with pytest.raises(OSError, match="No space"):
            ReserveFile(disk / "ballast", 4 * _MIB).create()
        assert list(disk.iterdir()) == []
        assert not ReserveFile(disk / "ballast", _MIB).release()


def test_a_reserve_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    reserve_file = ReserveFile(tmp_path / "ballast", 1_000)
    reserve_file.create()
    before = (tmp_path / "ballast").stat().st_mtime_ns
    reserve_file.create()
    assert (tmp_path / "ballast").stat().st_mtime_ns == before
    assert reserve_file.release()
    assert not reserve_file.release()


def test_want_of_space_is_told_from_other_trouble() -> None:
    def wrapped(cause: Exception) -> StorageError:
        error = StorageError("cannot keep it")
        error.__cause__ = cause
        return error

    assert is_disk_full(OSError(28, "No space left on device"))
    assert is_disk_full(wrapped(OSError(30, "Read-only file system")))
    assert not is_disk_full(wrapped(OSError(13, "Permission denied")))
    assert not is_disk_full(BadClipError("no MP4"))
