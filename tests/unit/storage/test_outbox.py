from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.guild import GuildSettings
from bot.model import Operation, Place, State, Viewer
from bot.storage.base import NewJob
from bot.storage.clip_search import ClipFilter, ClipSort
from bot.storage.guild_settings import Actor
from bot.storage.outbox import Mirror, OutboxKind, OutboxMessage
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import (
    DIRECT,
    IMAGE,
    NOW,
    PLACE,
    after,
    allow,
    clip,
    entries,
    reach,
    render_spec,
    request,
    step,
)

GALLERY = 75
_WEEK = timedelta(days=7)


@pytest.fixture
def outbox(store: SqliteJobStore) -> SqliteOutbox:
    return SqliteOutbox(store.database, store.queries)


@pytest.fixture
async def gallery(store: SqliteJobStore) -> int:
    await choose_gallery(store, GALLERY)
    return GALLERY


async def choose_gallery(store: SqliteJobStore, channel_id: int | None) -> None:
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    rules = GuildSettings(gallery_channel_id=channel_id)
    seen = await guild_store.guild_settings(7)
    assert await guild_store.replace_guild_settings(
        7, rules, Actor(user_id=5, at=NOW), expected=seen
    )


async def only_message(outbox: SqliteOutbox) -> OutboxMessage:
    (errand,) = await outbox.due(after(10**6), 9)
    return errand


async def counted(store: SqliteJobStore, sql: str) -> list[dict[str, Any]]:
    rows = await store.database.read(lambda conn: conn.execute(sql).fetchall())
    return [dict(row) for row in rows]


async def test_a_posted_clip_leaves_an_outbox_message_to_mirror_it(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)

    errand = await only_message(outbox)

    assert (errand.kind, errand.job_id, errand.channel_id) == (OutboxKind.MIRROR, job.id, gallery)
    assert (errand.created_at, errand.due_at, errand.attempts) == (NOW, NOW, 0)
    assert await outbox.get(errand.id) == errand
    assert await outbox.next_due_at() == NOW


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.KEPT, State.POSTING])
async def test_what_was_not_posted_is_not_mirrored(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int, state: State
):
    await reach(store, state)

    assert await outbox.due(after(9), 9) == ()
    assert await outbox.next_due_at() is None


@pytest.mark.parametrize(
    "place",
    [
        DIRECT,
        Place(guild_id=8, channel_id=70, upload_limit_bytes=1),
        Place(guild_id=7, channel_id=GALLERY, upload_limit_bytes=1),
    ],
)
async def test_direct_messages_other_servers_and_the_gallery_itself_are_not_mirrored(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int, place: Place
):
    await reach(store, State.DONE, place=place)

    assert await outbox.due(after(9), 9) == ()


async def test_a_server_that_chose_no_gallery_any_more_is_not_mirrored(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    await choose_gallery(store, None)

    await reach(store, State.DONE)

    assert await outbox.due(after(9), 9) == ()


async def test_a_clip_posted_at_another_place_is_mirrored_once(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    kept = await reach(store, State.KEPT)
    posting = await store.repost(kept, PLACE, after(5))
    assert posting is not None
    await step(store, posting, State.DONE, after(6))

    assert (await only_message(outbox)).due_at == after(6)


async def test_outbox_messages_come_longest_due_first_and_rest_after_a_failed_try(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    first, second = [await reach(store, State.DONE, n) for n in (1, 2)]
    early, late = await outbox.due(NOW, 9)
    assert [early.job_id, late.job_id] == [first.id, second.id]

    await outbox.reschedule(early, after(30))

    assert await outbox.due(after(29), 9) == (late,)
    put_off = (await outbox.due(after(30), 9))[1]
    assert (put_off.id, put_off.due_at, put_off.attempts) == (early.id, after(30), 1)
    assert await outbox.next_due_at() == NOW
    assert await outbox.due(after(30), 1) == (late,)


async def test_a_mirror_is_remembered_and_its_outbox_message_ends(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)
    errand = await only_message(outbox)

    await outbox.finish_mirror(errand, 555)

    assert await outbox.get(errand.id) is None
    there = Mirror(job_id=job.id, channel_id=gallery, message_id=555)
    assert await outbox.mirror_of(job.id.lower()) == there


async def test_a_clip_that_cannot_be_mirrored_leaves_nothing(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)

    await outbox.finish_mirror(await only_message(outbox), None)

    assert await outbox.due(after(9), 9) == ()
    assert await outbox.mirror_of(job.id) is None


async def test_only_an_outbox_message_to_mirror_ends_with_a_mirror(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    await outbox.erase((await reach(store, State.DONE)).id, NOW)

    with pytest.raises(ValueError, match="not an errand to mirror"):
        await outbox.finish_mirror(await only_message(outbox), 555)


def remix_of(parent_id: str) -> NewJob:
    remix = render_spec(operation=Operation.REMIX, change="in the rain", image=IMAGE)
    return NewJob(spec=remix, seed=3, parent_id=parent_id, source_remote_id="remote")


async def test_erasing_blanks_the_words_and_keeps_the_account(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    parent = await reach(store, State.DONE, 1)
    (job,) = await store.accept(request(2), [remix_of(parent.id)], allow)
    job = await step(store, job, State.FAILED, after(3), error_text="The service said no cat.")
    ledger = await entries(store)

    erased = await outbox.erase(job.id.lower(), after(60))

    assert erased is not None
    assert erased == await store.job(job.id)
    assert (erased.spec.prompt, erased.spec.change, erased.error_text) == (
        "",
        None,
        None,
    )
    assert erased.deleted_at == after(60)
    kept = ("user_id", "place", "created_at", "cost_usd_micros", "parent_id", "error_code", "state")
    for name in kept:
        assert getattr(erased, name) == getattr(job, name), name
    for name in ("model", "provider", "seconds", "size", "image", "estimate_usd_micros"):
        assert getattr(erased.spec, name) == getattr(job.spec, name), name
    assert await entries(store) == ledger
    errand = await only_message(outbox)
    assert (errand.kind, errand.job_id, errand.channel_id) == (OutboxKind.ERASE, job.id, None)
    assert (errand.created_at, errand.due_at) == (after(60), after(60))


@pytest.mark.parametrize("state", [state for state in State if not state.is_final])
async def test_only_final_jobs_are_erased(
    store: SqliteJobStore, outbox: SqliteOutbox, state: State
):
    job = await reach(store, state)

    assert await outbox.erase(job.id, NOW) is None
    assert await outbox.erase("ZZZZZ", NOW) is None
    assert await store.job(job.id) == job


async def test_erasing_twice_leaves_one_outbox_message_and_the_first_instant(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    job = await reach(store, State.DONE)

    one, other = await asyncio.gather(
        outbox.erase(job.id, after(1)), outbox.erase(job.id, after(2))
    )

    assert one == other
    assert (await only_message(outbox)).due_at == after(1)
    await outbox.finish_erase(await only_message(outbox))
    assert await outbox.erase(job.id, after(3)) == one
    assert await outbox.due(after(9), 9) == ()


async def test_erasing_drops_the_outbox_message_to_mirror(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)
    await outbox.erase(job.id, after(1))

    assert (await only_message(outbox)).kind is OutboxKind.ERASE


async def test_a_mirror_posted_while_its_clip_was_erased_is_removed_too(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)
    mirroring = await only_message(outbox)
    await outbox.erase(job.id, after(1))
    erasing = await only_message(outbox)
    assert await outbox.mirror_of(job.id) is None

    await outbox.finish_mirror(mirroring, 555)
    await outbox.finish_erase(erasing)

    again = await only_message(outbox)
    assert again.kind is OutboxKind.ERASE
    assert again.id not in {erasing.id, mirroring.id}
    assert await outbox.mirror_of(job.id) is not None
    await outbox.finish_erase(again)
    assert await outbox.mirror_of(job.id) is None
    assert await outbox.due(after(9), 9) == ()


async def test_a_mirror_that_comes_after_all_was_erased_is_removed_too(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)
    mirroring = await only_message(outbox)
    await outbox.erase(job.id, after(1))
    await outbox.finish_erase(await only_message(outbox))

    await outbox.finish_mirror(mirroring, 555)

    assert (await only_message(outbox)).kind is OutboxKind.ERASE


async def test_the_end_of_an_erasure_takes_clip_mirror_and_picture(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.FITTING, image=IMAGE)
    job = await step(store, job, State.POSTING, clip=clip(job))
    job = await step(store, job, State.DONE)
    await outbox.finish_mirror(await only_message(outbox), 555)
    await outbox.erase(job.id, NOW)
    assert await store.clip(job.id) is not None

    await outbox.finish_erase(await only_message(outbox))

    assert await store.clip(job.id) is None
    assert await outbox.mirror_of(job.id) is None
    left = await store.job(job.id)
    assert left is not None
    assert left.spec.image is None
    assert await counted(store, "SELECT * FROM errands") == []


async def test_a_picture_is_kept_while_a_job_that_is_not_deleted_has_it(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    one, other = [await reach(store, State.DONE, n, image=IMAGE) for n in (1, 2)]
    bare = await reach(store, State.DONE, 3)
    elsewhere = await reach(store, State.DONE, 4, image=Path("in") / "other.png")

    assert not await outbox.is_image_in_use(bare)
    await outbox.erase(one.id, NOW)
    await outbox.erase(elsewhere.id, NOW)
    assert await outbox.is_image_in_use(one)
    assert not await outbox.is_image_in_use(elsewhere)
    await outbox.erase(other.id, NOW)
    assert not await outbox.is_image_in_use(one)


async def test_a_kept_clip_that_was_erased_is_not_posted_any_more(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    kept = await reach(store, State.KEPT)
    await outbox.erase(kept.id, after(1))

    assert await store.repost(kept, PLACE, after(2)) is None


async def test_an_erased_clip_is_on_no_message_and_in_no_search(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    clip_search = SqliteClipSearch(store.database, store.queries)
    job = await reach(store, State.DONE)
    await clip_search.add_reactions(9_000, 2)
    await outbox.erase(job.id, NOW)

    assert await store.jobs_of_message(9_000) == ()
    viewer = Viewer(user_id=1001, guild_id=7, readable_channel_ids=frozenset({70}))
    for sort in ClipSort:
        assert (await clip_search.clips(viewer, ClipFilter(), sort, None, 9)).jobs == ()
    for words in ("", "piano", job.id):
        assert (await clip_search.history(viewer, words, None, 9)).jobs == ()
    await clip_search.add_reactions(9_000, 5)
    assert await outbox.erase(job.id, NOW) == await store.job(job.id)
    for sql in (
        "SELECT rowid FROM search_newest WHERE search_newest MATCH 'calico OR shown OR u1001'",
        "SELECT rowid FROM search_loved WHERE search_loved MATCH 'calico OR shown OR u1001'",
    ):
        assert await counted(store, sql) == []
        await reach(store, State.DONE, len(sql))
        await clip_search.add_reactions(9_000, 1)
        assert len(await counted(store, sql)) == 1
        await outbox.erase((await store.jobs_of(len(sql)))[0].id, NOW)


async def test_what_is_to_be_said_is_an_outbox_message_that_ends_when_it_was_said(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    await outbox.notify(75, "80 % of the budget", NOW, key="budget 80 of 7", again_after=_WEEK)

    errand = await only_message(outbox)

    assert errand == OutboxMessage(
        id=errand.id,
        kind=OutboxKind.NOTIFY,
        job_id=None,
        channel_id=75,
        text="80 % of the budget",
        created_at=NOW,
        due_at=NOW,
        attempts=0,
    )
    await outbox.reschedule(errand, after(30))
    await outbox.finish_erase(errand)
    assert (await only_message(outbox)).due_at == after(30)
    await outbox.finish_notify(errand)
    assert await outbox.due(after(99), 9) == ()


async def test_only_an_outbox_message_to_say_something_ends_with_the_telling(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    await outbox.erase((await reach(store, State.DONE)).id, NOW)
    errand = await only_message(outbox)

    await outbox.finish_notify(errand)

    assert await only_message(outbox) == errand


async def test_the_same_is_told_again_only_after_a_while(outbox: SqliteOutbox):
    async def tell(key: str, at: float) -> int:
        await outbox.notify(75, key, after(at), key=key, again_after=timedelta(seconds=60))
        return len(await outbox.due(after(10**6), 99))

    assert [await tell("a", 0), await tell("a", 59.999), await tell("b", 59.999)] == [1, 1, 2]
    assert [await tell("a", 60), await tell("a", 119.999), await tell("b", 119)] == [3, 3, 3]


async def test_what_sixteen_say_at_once_is_said_once(outbox: SqliteOutbox):
    await asyncio.gather(
        *(outbox.notify(75, f"{n}", NOW, key="same", again_after=_WEEK) for n in range(16))
    )

    assert (await only_message(outbox)).channel_id == 75
