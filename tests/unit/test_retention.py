"""Files past their time go; what somebody still needs, and every account, stays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.archive.folder import FolderArchive
from bot.clock import SystemClock
from bot.jobs.stills import Stills
from bot.jobs.tidying import Leftovers, Tidying
from bot.model import Job, Operation, State
from bot.providers.local.provider import LocalProvider
from bot.storage.ballast import Ballast
from bot.storage.leavings import Mark
from bot.storage.room import Room
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_leavings import SqliteLeavings
from bot.storage.store import SqliteStore
from tests.empty_database import lay_database
from tests.unit.storage.scene import (
    ROUTES,
    accept,
    after,
    allow,
    clip,
    draft,
    entries,
    request,
    step,
)

_DAY_S = 86_400.0


class LaterClock(SystemClock):
    """A clock that stands so many days after the scene, and never waits."""

    def __init__(self, days: float) -> None:
        super().__init__()
        self._days = days

    def now(self):
        return after(self._days * _DAY_S)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A database, and a folder with all that jobs leave."""

    store: SqliteStore
    folder: Path

    @property
    def archive(self) -> FolderArchive:
        return FolderArchive(self.folder / "clips")

    async def job(self, number: int, state: State = State.DONE, **changes: object) -> Job:
        """Make a job with a clip in the archive, a poster, and a render on this disk."""
        job = await accept(self.store, number, **changes)
        for stop in ROUTES[state]:
            given: dict[str, object] = {}
            if stop is State.RENDERING:
                given["remote_id"] = f"render-{number}"
                self.render(number).mkdir(parents=True)
                (self.render(number) / "clip.mp4").write_bytes(b"clip")
            if stop is State.FITTING:
                source = self.folder / "new.mp4"
                source.write_bytes(b"clip")
                key = await self.archive.keep(job.id, source)
                given["clip"] = clip(job, archive_key=key)
                self.poster(job).parent.mkdir(exist_ok=True)
                self.poster(job).write_bytes(b"poster")
            job = await step(self.store, job, stop, **given)
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
        # By the clock that the tidying goes by.
        made_s = after(40 * _DAY_S).timestamp() - days_old * _DAY_S
        os.utime(path, (made_s, made_s))
        return path

    async def tidy(self, *, days_later: float = 40, keep_days: float | None = 30) -> None:
        clock = LaterClock(days_later)
        local = LocalProvider(self.folder / "local", clock)
        leftovers = Leftovers(
            leavings=SqliteLeavings(self.store.database, self.store.queries),
            archive=self.archive,
            stills=Stills(self.store, self.archive, self.folder / "stills"),
            providers={"local": local},
            pictures=self.folder / "pictures",
            room=Room(),
            ballast=Ballast(self.folder / "ballast", 1_000),
        )
        keep = None if keep_days is None else timedelta(days=keep_days)
        await Tidying(leftovers, clock, keep).tidy()
        await local.close()


@pytest.fixture
def house(store: SqliteStore, tmp_path: Path) -> House:
    return House(store=store, folder=tmp_path)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(lay_database(tmp_path / "sorabot.db"))
    yield opened
    await opened.close()


async def test_a_clip_past_its_time_goes_and_its_account_stays(house: House) -> None:
    job = await house.job(1)
    before = await entries(house.store)

    await house.tidy()

    assert not house.file(job).exists()
    assert not house.poster(job).exists()
    assert not house.render(1).exists()
    assert await house.store.clip(job.id) is None
    assert await house.store.job(job.id) == job
    assert await entries(house.store) == before


async def test_a_younger_clip_stays_whole(house: House) -> None:
    job = await house.job(1)
    await house.tidy(days_later=29)
    assert house.file(job).exists()
    assert house.poster(job).exists()
    assert house.render(1).exists()
    assert await house.store.clip(job.id) is not None


async def test_without_a_time_every_clip_stays(house: House) -> None:
    job = await house.job(1)
    await house.tidy(days_later=40_000, keep_days=None)
    assert house.file(job).exists()
    assert await house.store.clip(job.id) is not None


@pytest.mark.parametrize("state", [State.KEPT, State.POSTING, State.FITTING])
async def test_a_clip_that_nobody_was_given_yet_stays(house: House, state: State) -> None:
    job = await house.job(1, state)
    await house.tidy()
    assert house.file(job).exists()
    assert await house.store.clip(job.id) is not None


async def test_a_clip_that_something_is_made_from_stays_until_that_is_done(house: House) -> None:
    parent = await house.job(1)
    derived = draft(operation=Operation.REMIX, change="in the rain")
    child_draft = type(derived)(order=derived.order, seed=1, parent_id=parent.id)
    (child,) = await house.store.accept(request(2), [child_draft], allow)
    await house.tidy()
    assert house.file(parent).exists()
    await step(house.store, child, State.CANCELLED)
    await house.tidy()
    assert not house.file(parent).exists()


async def test_a_clip_with_an_errand_left_stays(house: House) -> None:
    job = await house.job(1)
    errands = SqliteErrands(house.store.database, house.store.queries)
    await errands.erase(job.id, after(1))
    await house.tidy()
    # The errand removes it, the message and the copy elsewhere with it.
    assert house.file(job).exists()


async def test_more_than_fit_into_one_look_go_in_one_walk(house: House) -> None:
    jobs = [await house.job(number, user_id=number) for number in range(1, 8)]
    leavings = SqliteLeavings(house.store.database, house.store.queries)
    seen: list[str] = []
    mark: Mark | None = Mark()
    while mark is not None:
        old, mark = await leavings.old_clips(mark, after(_DAY_S), 3)
        assert len(old) <= 3
        seen += [each.job_id for each in old]
    assert sorted(seen) == sorted(job.id for job in jobs)


async def test_a_file_that_can_t_be_removed_waits_and_holds_up_no_other(house: House) -> None:
    stuck, loose = await house.job(1), await house.job(2)
    house.file(stuck).unlink()
    house.file(stuck).mkdir()
    await house.tidy()
    assert not house.file(loose).exists()
    assert await house.store.clip(stuck.id) is not None
    house.file(stuck).rmdir()
    await house.tidy()
    assert await house.store.clip(stuck.id) is None


async def test_a_walk_that_was_killed_half_way_is_made_up_for(house: House) -> None:
    job = await house.job(1)
    house.file(job).unlink()
    await house.tidy()
    assert await house.store.clip(job.id) is None
    await house.tidy()


async def test_pictures_that_nobody_needs_go_and_others_stay(house: House) -> None:
    stray = house.picture("777.png")
    fresh = house.picture("778.png", days_old=0.5)
    pending = house.picture("1.png")
    shown = house.picture("2.png")
    failed = house.picture("3.png")
    await house.job(1, State.QUEUED, image=pending)
    await house.job(2, State.DONE, image=shown)
    await house.job(3, State.FAILED, image=failed)

    await house.tidy(keep_days=None)

    there = [each.exists() for each in (stray, fresh, pending, shown, failed)]
    assert there == [False, True, True, True, False]


async def test_a_picture_goes_with_the_last_clip_that_can_be_ordered_again(house: House) -> None:
    shared = house.picture("1.png")
    first = await house.job(1, image=shared)
    again = await house.job(2, State.KEPT, image=shared)
    await house.tidy()
    assert not house.file(first).exists()
    assert house.file(again).exists()
    assert shared.exists()


async def test_a_picture_is_known_by_whatever_name_its_folder_had(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house.folder)
    relative, odd = house.picture("other.png"), house.picture("5.png")
    await house.job(1, image=Path("pictures/other.png"))
    await house.job(5, image=Path("/moved/since/5.png"))
    await house.tidy(keep_days=None)
    assert relative.exists()
    assert odd.exists()


async def test_tidying_leaves_the_loop_to_others(house: House) -> None:
    for number in range(1, 40):
        await house.job(number, user_id=number)
        house.picture(f"{number + 900}.png")
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        while True:
            # This thread's own work: others may have the machine meanwhile.
            began_s = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began_s)

    watching = asyncio.create_task(watch())
    await house.tidy()
    watching.cancel()
    assert longest_s < 0.05


async def test_space_is_put_by_where_there_is_some_and_never_where_it_is_short(
    house: House,
) -> None:
    def tidying(least_bytes: int) -> Tidying:
        leftovers = Leftovers(
            leavings=SqliteLeavings(house.store.database, house.store.queries),
            archive=house.archive,
            stills=Stills(house.store, house.archive, house.folder / "stills"),
            providers={},
            pictures=house.folder / "pictures",
            room=Room([house.folder], least_bytes),
            ballast=Ballast(house.folder / "ballast", 1_000),
        )
        return Tidying(leftovers, LaterClock(0), None)

    await tidying(1 << 60).put_by()
    assert not (house.folder / "ballast").exists()
    await tidying(1).put_by()
    assert (house.folder / "ballast").stat().st_size == 1_000
