"""The outbox's messages to mirror clips and to notify moderators."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.model import Place, State
from bot.storage.outbox import Mirror, OutboxKind, OutboxMessage
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import (
    DIRECT,
    NOW,
    PLACE,
    after,
    reach,
    step,
)
from tests.unit.storage.outbox_helpers import GALLERY, choose_gallery, only_message

_WEEK = timedelta(days=7)


async def test_a_posted_clip_leaves_an_outbox_message_to_mirror_it(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int
):
    job = await reach(store, State.DONE)

    message = await only_message(outbox)

    assert (message.kind, message.job_id, message.channel_id) == (
        OutboxKind.MIRROR,
        job.id,
        gallery,
    )
    assert (message.created_at, message.due_at, message.attempts) == (NOW, NOW, 0)
    assert await outbox.get(message.id) == message
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
async def test_direct_messages_other_guilds_and_the_gallery_itself_are_not_mirrored(
    store: SqliteJobStore, outbox: SqliteOutbox, gallery: int, place: Place
):
    await reach(store, State.DONE, place=place)

    assert await outbox.due(after(9), 9) == ()


async def test_a_guild_that_removed_its_gallery_is_not_mirrored(
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
    message = await only_message(outbox)

    await outbox.finish_mirror(message, 555)

    assert await outbox.get(message.id) is None
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

    with pytest.raises(ValueError, match="not an outbox message to mirror"):
        await outbox.finish_mirror(await only_message(outbox), 555)


async def test_a_notice_is_an_outbox_message_that_ends_when_it_was_sent(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    await outbox.notify(75, "80 % of the budget", NOW, key="budget 80 of 7", again_after=_WEEK)

    message = await only_message(outbox)

    assert message == OutboxMessage(
        id=message.id,
        kind=OutboxKind.NOTIFY,
        job_id=None,
        channel_id=75,
        text="80 % of the budget",
        created_at=NOW,
        due_at=NOW,
        attempts=0,
    )
    await outbox.reschedule(message, after(30))
    await outbox.finish_erase(message)
    assert (await only_message(outbox)).due_at == after(30)
    await outbox.finish_notify(message)
    assert await outbox.due(after(99), 9) == ()


async def test_finish_notify_ends_only_a_message_to_notify(
    store: SqliteJobStore, outbox: SqliteOutbox
):
    await outbox.erase((await reach(store, State.DONE)).id, NOW)
    message = await only_message(outbox)

    await outbox.finish_notify(message)

    assert await only_message(outbox) == message


async def test_the_same_key_notifies_again_only_after_a_while(outbox: SqliteOutbox):
    async def tell(key: str, at: float) -> int:
        await outbox.notify(75, key, after(at), key=key, again_after=timedelta(seconds=60))
        return len(await outbox.due(after(10**6), 99))

    assert [await tell("a", 0), await tell("a", 59.999), await tell("b", 59.999)] == [1, 1, 2]
    assert [await tell("a", 60), await tell("a", 119.999), await tell("b", 119)] == [3, 3, 3]


async def test_sixteen_notices_with_one_key_at_once_are_sent_once(outbox: SqliteOutbox):
    await asyncio.gather(
        *(outbox.notify(75, f"{n}", NOW, key="same", again_after=_WEEK) for n in range(16))
    )

    assert (await only_message(outbox)).channel_id == 75
