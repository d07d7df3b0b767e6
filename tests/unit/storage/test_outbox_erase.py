"""Erasing a job: what is blanked at once, and what its outbox message removes later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.model import Operation, State, Viewer
from bot.storage.base import NewJob
from bot.storage.clip_search import ClipFilter, ClipSort
from bot.storage.outbox import OutboxKind
from bot.storage.sqlite.clip_search import SqliteClipSearch
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import (
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
from tests.unit.storage.outbox_helpers import only_message, select


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
    message = await only_message(outbox)
    assert (message.kind, message.job_id, message.channel_id) == (OutboxKind.ERASE, job.id, None)
    assert (message.created_at, message.due_at) == (after(60), after(60))


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


async def test_the_end_of_an_erasure_takes_clip_mirror_and_image(
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
    assert await select(store, "SELECT * FROM errands") == []


async def test_an_image_is_kept_while_a_job_that_is_not_deleted_has_it(
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
        assert await select(store, sql) == []
        await reach(store, State.DONE, len(sql))
        await clip_search.add_reactions(9_000, 1)
        assert len(await select(store, sql)) == 1
        await outbox.erase((await store.jobs_of(len(sql)))[0].id, NOW)
