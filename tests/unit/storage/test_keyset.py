"""Pages of a seeded database, forwards and backwards, compared with a plain list of all jobs."""

from __future__ import annotations

import asyncio
import functools
import random
import shutil
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.population import Population
from benchmarks.seeding import seed
from bot.model import Job, Place, State, Viewer
from bot.storage.clip_search import ClipFilter, ClipSort, Cursor, KeysetPage
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.rows import job_of_row
from tests.unit.storage.factories import reach

_POPULATION = Population(guilds=3, members=40)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeded") / "seeded.sqlite3"
    asyncio.run(seed(path, _POPULATION, 3_000))
    return path


@pytest.fixture
async def seeded_store(seeded: Path, tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    shutil.copy(seeded, tmp_path / "copy.sqlite3")
    store = await SqliteJobStore.open(tmp_path / "copy.sqlite3")
    yield store
    await store.close()


async def all_jobs(store: SqliteJobStore) -> list[tuple[int, Job]]:
    return await store.database.read(
        lambda conn: [
            (row["seq"], job_of_row(row)) for row in conn.execute("SELECT * FROM jobs ORDER BY seq")
        ]
    )


def tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFD", text.lower())
    return "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split()


def says(job: Job, words: str) -> bool:
    held = tokens(f"{job.spec.prompt} {job.id}")
    return all(any(token.startswith(word) for token in held) for word in tokens(words))


def expected(
    jobs: Sequence[tuple[int, Job]], viewer: Viewer, wanted: ClipFilter, sort: ClipSort
) -> list[Job]:
    shown = [
        (seq, job)
        for seq, job in jobs
        if job.state is State.DONE
        and job.place.guild_id == viewer.guild_id
        and (
            job.place.access_channel_id in viewer.readable_channel_ids
            if viewer.guild_id is not None
            else job.user_id == viewer.user_id
        )
        and says(job, wanted.words)
        and wanted.user_id in (None, job.user_id)
        and wanted.model in (None, job.spec.model)
        and (sort is ClipSort.NEWEST or job.reactions > 0)
    ]
    if sort is ClipSort.NEWEST:
        shown.sort(key=lambda each: -each[0])
    else:
        shown.sort(key=lambda each: (-min(each[1].reactions, 1023), -each[0]))
    return [job for _, job in shown]


async def page_through(
    ask: Callable[[Cursor | None], Awaitable[KeysetPage]],
) -> tuple[list[Job], list[Job]]:
    """Return what the pages show from the first to the last one, and from there back."""
    page = await ask(None)
    assert page.previous is None
    forth = list(page.jobs)
    while page.next is not None:
        page = await ask(page.next)
        assert page.jobs
        forth += page.jobs
    back = list(page.jobs)
    while page.previous is not None:
        page = await ask(page.previous)
        assert page.jobs
        back = [*page.jobs, *back]
    return forth, back


def _viewers() -> list[Viewer]:
    chance = random.Random(2)
    viewers = [Viewer(user_id=_POPULATION.guilds[0].members[0], guild_id=None)]
    for server, channels in ((0, 5), (0, 48), (0, 49), (0, 250), (0, 500), (1, 30), (2, 166)):
        there = _POPULATION.guilds[server]
        viewers.append(
            Viewer(
                user_id=there.members[0],
                guild_id=there.guild_id,
                readable_channel_ids=frozenset(
                    chance.sample(there.channel_ids, min(channels, len(there.channel_ids)))
                ),
            )
        )
    # Of the next thousand clips hardly one is in these.
    quiet = frozenset(_POPULATION.guilds[0].channel_ids[-300:])
    viewers.append(
        Viewer(user_id=1, guild_id=_POPULATION.guilds[0].guild_id, readable_channel_ids=quiet)
    )
    return viewers


_WANTED = [
    ClipFilter(),
    ClipFilter(words="CAT"),
    ClipFilter(words="ca the"),
    ClipFilter(words="cafe"),
    ClipFilter(words="macro", model="toy"),
    ClipFilter(user_id=_POPULATION.guilds[0].members[1]),
    ClipFilter(user_id=_POPULATION.guilds[0].members[0], model="veo-3", words="a"),
]


@pytest.mark.parametrize("wanted", _WANTED)
@pytest.mark.parametrize("sort", ClipSort)
async def test_pages_forth_and_back_show_all_that_is_asked_for_once_and_in_order(
    seeded_store: SqliteJobStore, sort: ClipSort, wanted: ClipFilter
):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    jobs = await all_jobs(seeded_store)
    for viewer, limit in zip(_viewers(), (7, 3, 7, 7, 11, 40, 7, 9, 150), strict=True):
        listed = expected(jobs, viewer, wanted, sort)

        ask = functools.partial(clip_search.clips, viewer, wanted, sort, limit=limit)
        forth, back = await page_through(ask)

        assert forth == listed
        assert back == listed


@pytest.mark.parametrize("words", ["", "a", "the cat", "zzzz"])
async def test_history_forth_and_back_is_all_of_a_member_in_a_server(
    seeded_store: SqliteJobStore, words: str
):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    jobs = await all_jobs(seeded_store)
    for viewer in _viewers()[:2]:
        listed = [
            job
            for _, job in reversed(jobs)
            if job.user_id == viewer.user_id
            and job.place.guild_id == viewer.guild_id
            and says(job, words)
        ]

        forth, back = await page_through(
            functools.partial(clip_search.history, viewer, words, limit=7)
        )

        assert forth == listed
        assert back == listed
        if viewer.guild_id is not None and words in {"", "a"}:
            states = {job.state for job in listed}
            assert states >= {State.DONE, State.FAILED, State.CANCELLED, State.QUEUED}


async def test_clips_that_come_while_a_list_is_read_shift_no_page(seeded_store: SqliteJobStore):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    server = _POPULATION.guilds[0]
    viewer = Viewer(
        user_id=1, guild_id=server.guild_id, readable_channel_ids=frozenset(server.channel_ids)
    )
    place = Place(guild_id=server.guild_id, channel_id=server.channel_ids[0], upload_limit_bytes=1)
    listed = expected(
        await all_jobs(seeded_store), viewer, ClipFilter(words="cat"), ClipSort.NEWEST
    )

    async def ask(at: Cursor | None) -> KeysetPage:
        return await clip_search.clips(viewer, ClipFilter(words="cat"), ClipSort.NEWEST, at, 10)

    page, seen = await ask(None), []
    for number in range(5):
        seen += page.jobs
        await reach(seeded_store, State.DONE, 1 + number, place=place)
        assert page.next is not None
        page = await ask(page.next)

    assert seen == listed[:50]
    for _ in range(5):
        assert page.previous is not None
        page = await ask(page.previous)
    assert list(page.jobs) == listed[:10]
    assert page.previous is not None
    newest = await ask(page.previous)
    assert len(newest.jobs) == 5
    assert newest.previous is None


async def test_a_cursor_whose_entry_is_gone_still_finds_both_sides(seeded_store: SqliteJobStore):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    server = _POPULATION.guilds[0]
    viewer = Viewer(
        user_id=1, guild_id=server.guild_id, readable_channel_ids=frozenset(server.channel_ids)
    )
    end = await clip_search.clips(viewer, ClipFilter(), ClipSort.NEWEST, Cursor(seq=0), 5)
    assert (end.jobs, end.next) == ((), None)
    assert end.previous is not None
    last = await clip_search.clips(viewer, ClipFilter(), ClipSort.NEWEST, end.previous, 5)
    assert len(last.jobs) == 5
    assert last.next is None

    front = await clip_search.clips(
        viewer, ClipFilter(), ClipSort.NEWEST, Cursor(seq=10**9, is_before=True), 5
    )
    assert (front.jobs, front.previous) == ((), None)
    assert front.next is not None
    first = await clip_search.clips(viewer, ClipFilter(), ClipSort.NEWEST, None, 5)
    assert (
        await clip_search.clips(viewer, ClipFilter(), ClipSort.NEWEST, front.next, 5)
    ).jobs == first.jobs


@pytest.mark.parametrize("is_before", [True, False])
async def test_beside_the_only_entry_there_is_a_way_back_to_it(
    seeded_store: SqliteJobStore, *, is_before: bool
):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    server = _POPULATION.guilds[0]
    viewer = Viewer(
        user_id=1, guild_id=server.guild_id, readable_channel_ids=frozenset(server.channel_ids)
    )
    jobs = await all_jobs(seeded_store)
    newest = expected(jobs, viewer, ClipFilter(), ClipSort.NEWEST)[0]
    (seq,) = [seq for seq, job in jobs if job == newest]
    only = ClipFilter(words=newest.id)

    beside = await clip_search.clips(
        viewer, only, ClipSort.NEWEST, Cursor(seq=seq, is_before=is_before), 5
    )

    assert beside.jobs == ()
    back = beside.next if is_before else beside.previous
    assert back is not None
    assert (beside.previous if is_before else beside.next) is None
    assert (await clip_search.clips(viewer, only, ClipSort.NEWEST, back, 5)).jobs == (newest,)


@pytest.mark.parametrize("seq", [-(10**30), -1, 2**32, 2**43, 10**30])
@pytest.mark.parametrize("is_before", [True, False])
async def test_no_cursor_leads_to_another_server(
    seeded_store: SqliteJobStore, seq: int, is_before: bool
):
    clip_search = SqliteClipSearch(seeded_store.database, seeded_store.queries)
    server = _POPULATION.guilds[1]
    viewer = Viewer(
        user_id=1, guild_id=server.guild_id, readable_channel_ids=frozenset(server.channel_ids)
    )
    for sort in ClipSort:
        at = Cursor(seq=seq, reactions=seq, is_before=is_before)

        found = await clip_search.clips(viewer, ClipFilter(), sort, at, 3_000)

        assert {job.place.guild_id for job in found.jobs} <= {server.guild_id}
