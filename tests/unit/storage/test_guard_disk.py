"""A full disk: nothing more is accepted, what was accepted is closed, nobody restarts anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.errors import BadClipError, StorageError
from bot.model import Job, State
from bot.storage.ballast import Ballast
from bot.storage.room import Room, is_for_want_of_space
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import accept, after, entries, reach, step, usage
from tests.unit.storage.small_disk import fill, small_disk

_MIB = 1 << 20


@asynccontextmanager
async def store_on(disk: Path, *, room: Room | None = None) -> AsyncIterator[SqliteStore]:
    ballast = Ballast(disk / "ballast", _MIB)
    ballast.lay()
    store = await SqliteStore.open(disk / "sorabot.db", room=room, ballast=ballast)
    yield store
    await store.close()


async def test_on_a_full_disk_accounts_are_closed_with_the_space_put_by(tmp_path: Path) -> None:
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


async def accept_until_it_is_full(store: SqliteStore) -> None:
    """Ask for more and more: the write-ahead log has room for a few."""
    for number in range(1_000, 3_000):
        await accept(store, number)


def _ids(jobs: list[Job]) -> set[str]:
    return {job.id for job in jobs}


async def test_with_room_again_everything_works_and_space_is_put_by_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6 * _MIB) as disk:
        async with store_on(disk) as store:
            job = await reach(store, State.FITTING)
            hog = fill(disk)
            with pytest.raises(StorageError):
                await accept_until_it_is_full(store)
            hog.unlink()
            assert (await step(store, job, State.KEPT, after(5))).state is State.KEPT
            await accept(store, 5_000)
            ballast = Ballast(disk / "ballast", _MIB)
            ballast.spend()
            ballast.lay()
            assert (disk / "ballast").stat().st_size == _MIB


async def test_orders_are_refused_before_the_disk_is_full_and_known_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with small_disk(tmp_path / "disk", 8 * _MIB) as disk:
        room = Room([disk, disk / "clips"], 4 * _MIB)
        async with store_on(disk, room=room) as store:
            job = await accept(store, 1)
            hog = fill(disk, but_bytes=3 * _MIB)
            await asyncio.sleep(1.1)
            with pytest.raises(StorageError) as caught:
                await accept(store, 2)
            assert "short of disk space" in caught.value.user_text
            assert "nothing was started or charged" in caught.value.user_text
            # The same interaction, delivered a second time.
            assert await accept(store, 1) == job
            assert await room.has_room_for_clip()
            fill(disk, but_bytes=_MIB)
            await asyncio.sleep(1.1)
            assert not await room.has_room_for_clip()
            assert (await usage(store, 1001, after(-1))).clips == 1
            hog.unlink()
            await asyncio.sleep(1.1)
            await accept(store, 2)
    told = [each.getMessage() for each in caplog.records if "MiB left" in each.getMessage()]
    assert [each.endswith("no orders are accepted") for each in told] == [True, False]


async def test_without_folders_there_is_always_room() -> None:
    room = Room()
    room.check_order()
    assert await room.has_room_for_clip()


def test_a_disk_that_is_gone_has_no_room(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not Room([tmp_path / ("x" * 300)], 1).has_room_for_orders()
    assert Room([tmp_path / "later" / "clips"], 1).has_room_for_orders()


def test_half_a_ballast_is_no_ballast(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2 * _MIB) as disk:
        with pytest.raises(OSError, match="No space"):
            Ballast(disk / "ballast", 4 * _MIB).lay()
        assert list(disk.iterdir()) == []
        assert not Ballast(disk / "ballast", _MIB).spend()


def test_a_ballast_that_lies_there_is_left_alone(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", 1_000)
    ballast.lay()
    before = (tmp_path / "ballast").stat().st_mtime_ns
    ballast.lay()
    assert (tmp_path / "ballast").stat().st_mtime_ns == before
    assert ballast.spend()
    assert not ballast.spend()


def test_want_of_space_is_told_from_other_trouble() -> None:
    def wrapped(cause: Exception) -> StorageError:
        error = StorageError("cannot keep it")
        error.__cause__ = cause
        return error

    assert is_for_want_of_space(OSError(28, "No space left on device"))
    assert is_for_want_of_space(wrapped(OSError(30, "Read-only file system")))
    assert not is_for_want_of_space(wrapped(OSError(13, "Permission denied")))
    assert not is_for_want_of_space(BadClipError("no MP4"))
