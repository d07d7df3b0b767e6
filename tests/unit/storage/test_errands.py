from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.model import Operation, Place, State, Viewer
from bot.server import HouseRules
from bot.storage.base import Draft
from bot.storage.errands import Chore, Errand, Mirror
from bot.storage.keeping import Actor
from bot.storage.shelf import Filter, Sort
from bot.storage.sqlite_errands import SqliteErrands
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.sqlite_shelf import SqliteShelf
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import (
    DIRECT,
    IMAGE,
    NOW,
    PLACE,
    after,
    allow,
    clip,
    entries,
    order,
    reach,
    request,
    step,
)

GALLERY = 75
_WEEK = timedelta(days=7)


@pytest.fixture
def errands(store: SqliteStore) -> SqliteErrands:
    return SqliteErrands(store.database, store.queries)


@pytest.fixture
async def gallery(store: SqliteStore) -> int:
    await choose_gallery(store, GALLERY)
    return GALLERY


async def choose_gallery(store: SqliteStore, channel_id: int | None) -> None:
    keeping = SqliteKeeping(store.database, store.queries)
    rules = HouseRules(gallery_channel_id=channel_id)
    seen = await keeping.rules(7)
    assert await keeping.change_rules(7, rules, Actor(user_id=5, at=NOW), seen=seen)


async def only(errands: SqliteErrands) -> Errand:
    (errand,) = await errands.errands_due(after(10**6), 9)
    return errand


async def counted(store: SqliteStore, sql: str) -> list[dict[str, Any]]:
    rows = await store.database.read(lambda conn: conn.execute(sql).fetchall())
    return [dict(row) for row in rows]


async def test_a_posted_clip_leaves_an_errand_to_mirror_it(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)

    errand = await only(errands)

    assert (errand.chore, errand.job_id, errand.channel_id) == (Chore.MIRROR, job.id, gallery)
    assert (errand.created_at, errand.due_at, errand.attempts) == (NOW, NOW, 0)
    assert await errands.errand(errand.id) == errand
    assert await errands.next_errand_at() == NOW


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.KEPT, State.POSTING])
async def test_what_was_not_posted_is_not_mirrored(
    store: SqliteStore, errands: SqliteErrands, gallery: int, state: State
):
    await reach(store, state)

    assert await errands.errands_due(after(9), 9) == ()
    assert await errands.next_errand_at() is None


@pytest.mark.parametrize(
    "place",
    [
        DIRECT,
        Place(guild_id=8, channel_id=70, upload_limit_bytes=1),
        Place(guild_id=7, channel_id=GALLERY, upload_limit_bytes=1),
    ],
)
async def test_direct_messages_other_servers_and_the_gallery_itself_are_not_mirrored(
    store: SqliteStore, errands: SqliteErrands, gallery: int, place: Place
):
    await reach(store, State.DONE, place=place)

    assert await errands.errands_due(after(9), 9) == ()


async def test_a_server_that_chose_no_gallery_any_more_is_not_mirrored(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    await choose_gallery(store, None)

    await reach(store, State.DONE)

    assert await errands.errands_due(after(9), 9) == ()


async def test_a_clip_posted_at_another_place_is_mirrored_once(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    kept = await reach(store, State.KEPT)
    posting = await store.repost(kept, PLACE, after(5))
    assert posting is not None
    await step(store, posting, State.DONE, after(6))

    assert (await only(errands)).due_at == after(6)


async def test_errands_come_longest_due_first_and_rest_after_a_failed_try(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    first, second = [await reach(store, State.DONE, n) for n in (1, 2)]
    early, late = await errands.errands_due(NOW, 9)
    assert [early.job_id, late.job_id] == [first.id, second.id]

    await errands.put_off(early, after(30))

    assert await errands.errands_due(after(29), 9) == (late,)
    put_off = (await errands.errands_due(after(30), 9))[1]
    assert (put_off.id, put_off.due_at, put_off.attempts) == (early.id, after(30), 1)
    assert await errands.next_errand_at() == NOW
    assert await errands.errands_due(after(30), 1) == (late,)


async def test_a_mirror_is_remembered_and_its_errand_ends(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)
    errand = await only(errands)

    await errands.mirrored(errand, 555)

    assert await errands.errand(errand.id) is None
    there = Mirror(job_id=job.id, channel_id=gallery, message_id=555)
    assert await errands.mirror_of(job.id.lower()) == there


async def test_a_clip_that_cannot_be_mirrored_leaves_nothing(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)

    await errands.mirrored(await only(errands), None)

    assert await errands.errands_due(after(9), 9) == ()
    assert await errands.mirror_of(job.id) is None


async def test_only_an_errand_to_mirror_ends_with_a_mirror(
    store: SqliteStore, errands: SqliteErrands
):
    await errands.erase((await reach(store, State.DONE)).id, NOW)

    with pytest.raises(ValueError, match="not an errand to mirror"):
        await errands.mirrored(await only(errands), 555)


def remix_of(parent_id: str) -> Draft:
    remix = order(operation=Operation.REMIX, change="in the rain", image=IMAGE)
    return Draft(order=remix, seed=3, parent_id=parent_id, source_remote_id="remote")


async def test_erasing_blanks_the_words_and_keeps_the_account(
    store: SqliteStore, errands: SqliteErrands
):
    parent = await reach(store, State.DONE, 1)
    (job,) = await store.accept(request(2), [remix_of(parent.id)], allow)
    job = await step(store, job, State.FAILED, after(3), error_text="The service said no cat.")
    ledger = await entries(store)

    erased = await errands.erase(job.id.lower(), after(60))

    assert erased is not None
    assert erased == await store.job(job.id)
    assert (erased.order.prompt, erased.order.change, erased.error_text) == ("", None, None)
    assert erased.deleted_at == after(60)
    kept = ("user_id", "place", "created_at", "cost_usd_micros", "parent_id", "error_code", "state")
    for name in kept:
        assert getattr(erased, name) == getattr(job, name), name
    for name in ("model", "provider", "seconds", "size", "image", "estimate_usd_micros"):
        assert getattr(erased.order, name) == getattr(job.order, name), name
    assert await entries(store) == ledger
    errand = await only(errands)
    assert (errand.chore, errand.job_id, errand.channel_id) == (Chore.ERASE, job.id, None)
    assert (errand.created_at, errand.due_at) == (after(60), after(60))


@pytest.mark.parametrize("state", [state for state in State if not state.is_final])
async def test_only_final_jobs_are_erased(store: SqliteStore, errands: SqliteErrands, state: State):
    job = await reach(store, state)

    assert await errands.erase(job.id, NOW) is None
    assert await errands.erase("ZZZZZ", NOW) is None
    assert await store.job(job.id) == job


async def test_erasing_twice_leaves_one_errand_and_the_first_instant(
    store: SqliteStore, errands: SqliteErrands
):
    job = await reach(store, State.DONE)

    one, other = await asyncio.gather(
        errands.erase(job.id, after(1)), errands.erase(job.id, after(2))
    )

    assert one == other
    assert (await only(errands)).due_at == after(1)
    await errands.erased(await only(errands))
    assert await errands.erase(job.id, after(3)) == one
    assert await errands.errands_due(after(9), 9) == ()


async def test_erasing_drops_the_errand_to_mirror(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)
    await errands.erase(job.id, after(1))

    assert (await only(errands)).chore is Chore.ERASE


async def test_a_mirror_posted_while_its_clip_was_erased_is_removed_too(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)
    mirroring = await only(errands)
    await errands.erase(job.id, after(1))
    erasing = await only(errands)
    assert await errands.mirror_of(job.id) is None

    await errands.mirrored(mirroring, 555)
    await errands.erased(erasing)

    again = await only(errands)
    assert again.chore is Chore.ERASE
    assert again.id not in {erasing.id, mirroring.id}
    assert await errands.mirror_of(job.id) is not None
    await errands.erased(again)
    assert await errands.mirror_of(job.id) is None
    assert await errands.errands_due(after(9), 9) == ()


async def test_a_mirror_that_comes_after_all_was_erased_is_removed_too(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.DONE)
    mirroring = await only(errands)
    await errands.erase(job.id, after(1))
    await errands.erased(await only(errands))

    await errands.mirrored(mirroring, 555)

    assert (await only(errands)).chore is Chore.ERASE


async def test_the_end_of_an_erasure_takes_clip_mirror_and_picture(
    store: SqliteStore, errands: SqliteErrands, gallery: int
):
    job = await reach(store, State.FITTING, image=IMAGE)
    job = await step(store, job, State.POSTING, clip=clip(job))
    job = await step(store, job, State.DONE)
    await errands.mirrored(await only(errands), 555)
    await errands.erase(job.id, NOW)
    assert await store.clip(job.id) is not None

    await errands.erased(await only(errands))

    assert await store.clip(job.id) is None
    assert await errands.mirror_of(job.id) is None
    left = await store.job(job.id)
    assert left is not None
    assert left.order.image is None
    assert await counted(store, "SELECT * FROM errands") == []


async def test_a_picture_is_kept_while_a_job_that_is_not_deleted_has_it(
    store: SqliteStore, errands: SqliteErrands
):
    one, other = [await reach(store, State.DONE, n, image=IMAGE) for n in (1, 2)]
    bare = await reach(store, State.DONE, 3)
    elsewhere = await reach(store, State.DONE, 4, image=Path("in") / "other.png")

    assert not await errands.keeps_image(bare)
    await errands.erase(one.id, NOW)
    await errands.erase(elsewhere.id, NOW)
    assert await errands.keeps_image(one)
    assert not await errands.keeps_image(elsewhere)
    await errands.erase(other.id, NOW)
    assert not await errands.keeps_image(one)


async def test_a_kept_clip_that_was_erased_is_not_posted_any_more(
    store: SqliteStore, errands: SqliteErrands
):
    kept = await reach(store, State.KEPT)
    await errands.erase(kept.id, after(1))

    assert await store.repost(kept, PLACE, after(2)) is None


async def test_an_erased_clip_is_on_no_message_and_in_no_search(
    store: SqliteStore, errands: SqliteErrands
):
    shelf = SqliteShelf(store.database, store.queries)
    job = await reach(store, State.DONE)
    await shelf.react(9_000, 2)
    await errands.erase(job.id, NOW)

    assert await store.jobs_of_message(9_000) == ()
    viewer = Viewer(user_id=1001, guild_id=7, rooms=frozenset({70}))
    for sort in Sort:
        assert (await shelf.clips(viewer, Filter(), sort, None, 9)).jobs == ()
    for words in ("", "piano", job.id):
        assert (await shelf.history(viewer, words, None, 9)).jobs == ()
    await shelf.react(9_000, 5)
    assert await errands.erase(job.id, NOW) == await store.job(job.id)
    for sql in (
        "SELECT rowid FROM search_newest WHERE search_newest MATCH 'calico OR shown OR u1001'",
        "SELECT rowid FROM search_loved WHERE search_loved MATCH 'calico OR shown OR u1001'",
    ):
        assert await counted(store, sql) == []
        await reach(store, State.DONE, len(sql))
        await shelf.react(9_000, 1)
        assert len(await counted(store, sql)) == 1
        await errands.erase((await store.jobs_of(len(sql)))[0].id, NOW)


async def test_what_is_to_be_said_is_an_errand_that_ends_when_it_was_said(
    store: SqliteStore, errands: SqliteErrands
):
    await errands.tell(75, "80 % of the budget", NOW, key="budget 80 of 7", again_after=_WEEK)

    errand = await only(errands)

    assert errand == Errand(
        id=errand.id,
        chore=Chore.TELL,
        job_id=None,
        channel_id=75,
        words="80 % of the budget",
        created_at=NOW,
        due_at=NOW,
        attempts=0,
    )
    await errands.put_off(errand, after(30))
    await errands.erased(errand)
    assert (await only(errands)).due_at == after(30)
    await errands.told(errand)
    assert await errands.errands_due(after(99), 9) == ()


async def test_only_an_errand_to_say_something_ends_with_the_telling(
    store: SqliteStore, errands: SqliteErrands
):
    await errands.erase((await reach(store, State.DONE)).id, NOW)
    errand = await only(errands)

    await errands.told(errand)

    assert await only(errands) == errand


async def test_the_same_is_told_again_only_after_a_while(errands: SqliteErrands):
    async def tell(key: str, at: float) -> int:
        await errands.tell(75, key, after(at), key=key, again_after=timedelta(seconds=60))
        return len(await errands.errands_due(after(10**6), 99))

    assert [await tell("a", 0), await tell("a", 59.999), await tell("b", 59.999)] == [1, 1, 2]
    assert [await tell("a", 60), await tell("a", 119.999), await tell("b", 119)] == [3, 3, 3]


async def test_what_sixteen_say_at_once_is_said_once(errands: SqliteErrands):
    await asyncio.gather(
        *(errands.tell(75, f"{n}", NOW, key="same", again_after=_WEEK) for n in range(16))
    )

    assert (await only(errands)).channel_id == 75
