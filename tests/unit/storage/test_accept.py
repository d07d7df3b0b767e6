from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import OverQuotaError, StorageError
from bot.model import ID_ALPHABET, Operation, Place, State, Usage
from bot.storage.base import LedgerReader, NewJob
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import (
    IMAGE,
    NOW,
    accept,
    after,
    allow,
    entries,
    new_job,
    render_spec,
    request,
    usage,
)

_DAY = timedelta(days=1)


async def test_a_request_is_queued_and_reserved(store: SqliteJobStore):
    new_jobs = [new_job(seed=5, image=IMAGE), new_job(seed=6, image=IMAGE)]

    jobs = await store.accept(request(), new_jobs, allow)

    assert [job.variant for job in jobs] == [0, 1]
    assert [job.seed for job in jobs] == [5, 6]
    assert [job.spec for job in jobs] == [new_jobs[0].spec, new_jobs[1].spec]
    for job in jobs:
        assert job.state is State.QUEUED
        assert (job.created_at, job.state_at, job.due_at) == (NOW, NOW, NOW)
        assert job.place == request().place
        assert len(job.id) == 4
        assert set(job.id) <= set(ID_ALPHABET)
    assert await usage(store, 1001, NOW - _DAY) == Usage(clips=2, seconds=16, usd_micros=1_600_000)
    assert await store.request(1) == request()
    assert await store.jobs_of(1) == jobs


async def test_a_job_remembers_whether_its_model_was_left_to_the_bot(store: SqliteJobStore):
    new_jobs = [new_job(1, any_model=True), new_job(2)]

    jobs = await store.accept(request(), new_jobs, allow)

    assert [job.spec for job in jobs] == [each.spec for each in new_jobs]
    assert await store.jobs_of(1) == jobs


async def test_a_request_remembers_the_roles_of_who_asked(store: SqliteJobStore):
    asked = replace(request(), role_ids=frozenset({2**62, 300}))

    await store.accept(asked, [new_job()], allow)

    assert await store.request(1) == asked
    assert await store.request(2) is None


async def test_a_redelivered_request_finds_its_jobs_without_a_check(store: SqliteJobStore):
    first = await accept(store)
    moved = await store.claim_slot(first, after(1), max_concurrent=1)

    def refuse(_ledger: LedgerReader) -> None:
        raise AssertionError("asked again")

    assert await store.accept(request(), [new_job()], refuse) == (moved,)
    assert len(await entries(store)) == 1


async def test_the_same_request_delivered_many_times_at_once_makes_one_job(store: SqliteJobStore):
    answers = await asyncio.gather(*(accept(store) for _ in range(10)))

    assert len({job.id for job in answers}) == 1
    assert len(await store.open_jobs()) == 1


async def test_a_refusal_comes_out_unchanged_and_leaves_nothing(store: SqliteJobStore):
    refusal = OverQuotaError("Not today.")

    def refuse(_ledger: LedgerReader) -> None:
        raise refusal

    with pytest.raises(OverQuotaError) as caught:
        await store.accept(request(), [new_job()], refuse)

    assert caught.value is refusal
    assert await store.request(1) is None
    assert await store.jobs_of(1) == ()
    assert await entries(store) == []
    assert (await accept(store)).state is State.QUEUED


@pytest.mark.parametrize("error", [KeyError("x"), OSError("x"), ValueError("x")])
async def test_any_other_error_of_a_check_comes_out_unchanged(
    store: SqliteJobStore, error: Exception
):
    def stumble(_ledger: LedgerReader) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await store.accept(request(), [new_job()], stumble)

    assert caught.value is error
    assert await store.open_jobs() == ()


async def test_ten_at_once_against_a_limit_of_five_give_exactly_five(store: SqliteJobStore):
    def five_clips(ledger: LedgerReader) -> None:
        if ledger.usage(1001, NOW - _DAY).clips >= 5:
            raise OverQuotaError("Five are enough.")

    answers = await asyncio.gather(
        *(store.accept(request(n), [new_job()], five_clips) for n in range(1, 11)),
        return_exceptions=True,
    )

    refused = [each for each in answers if isinstance(each, OverQuotaError)]
    assert len(refused) == 5
    assert len(await store.open_jobs(1001)) == 5
    assert (await usage(store, 1001, NOW - _DAY)).clips == 5


async def test_a_check_sees_usage_spends_and_active_jobs_of_its_member_only(store: SqliteJobStore):
    await accept(store, 1)
    await accept(store, 2, user_id=2002)
    seen = {}

    def look(ledger: LedgerReader) -> None:
        seen["usage"] = ledger.usage(1001, NOW - _DAY)
        seen["usage_by_job"] = len(ledger.usage_by_job(1001, NOW - _DAY))
        seen["active"] = ledger.active(1001)

    await store.accept(request(3), [new_job(), new_job()], look)

    assert seen == {
        "usage": Usage(clips=1, seconds=8, usd_micros=800_000),
        "usage_by_job": 1,
        "active": 1,
    }


@pytest.mark.parametrize("count", [0, 5])
async def test_a_request_of_no_or_five_jobs_is_an_error(store: SqliteJobStore, count: int):
    with pytest.raises(ValueError, match="one to 4"):
        await store.accept(request(), [new_job()] * count, allow)

    assert await store.request(1) is None


async def test_an_instant_without_a_time_zone_is_an_error(store: SqliteJobStore):
    with pytest.raises(ValueError, match="time zone"):
        await accept(store, at=NOW.replace(tzinfo=None))


async def test_what_accept_returns_is_what_a_later_look_finds(store: SqliteJobStore):
    job = await accept(store, at=NOW + timedelta(microseconds=1_999))

    assert job.created_at == NOW + timedelta(milliseconds=1)
    assert await store.job(job.id) == job


async def test_what_a_new_job_says_of_its_parent_is_kept(store: SqliteJobStore):
    parent = await accept(store)
    thread = Place(guild_id=7, channel_id=79, upload_limit_bytes=1, thread_of=70)
    remix = NewJob(
        spec=render_spec(operation=Operation.REMIX, change="in the rain"),
        seed=2,
        parent_id=parent.id,
        source_remote_id="remote-parent",
    )
    extension = NewJob(spec=render_spec(operation=Operation.EXTEND), seed=2, parent_id=parent.id)

    jobs = await store.accept(request(2, place=thread), [remix, extension], allow)

    assert [job.parent_id for job in jobs] == [parent.id, parent.id]
    assert [job.source_remote_id for job in jobs] == ["remote-parent", None]
    assert [job.spec for job in jobs] == [remix.spec, extension.spec]
    assert {job.place for job in jobs} == {thread}
    asked = await store.request(2)
    assert asked is not None
    assert asked.place == thread
    changed = await store.update(jobs[0], source_remote_id=None)
    assert changed is not None
    assert await store.job(jobs[0].id) == changed
    assert changed.source_remote_id is None


async def test_a_new_job_with_an_unknown_parent_leaves_nothing(store: SqliteJobStore):
    remix = NewJob(
        spec=render_spec(operation=Operation.REMIX, change="x"), seed=2, parent_id="ZZZZ"
    )

    with pytest.raises(StorageError):
        await store.accept(request(), [new_job(), remix], allow)

    assert await store.request(1) is None
    assert await store.open_jobs() == ()
