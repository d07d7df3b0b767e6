"""Failover of jobs that no provider accepted: their reservations move with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import OverQuotaError
from bot.model import EntryKind, Job, Operation, RenderSpec, Size, State, Usage
from bot.storage.base import JobUsage, LedgerReader
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import (
    DIRECT,
    IMAGE,
    NOW,
    accept,
    after,
    allow,
    entries,
    reach,
    render_spec,
    spends,
    step,
    usage,
)

_BEFORE = NOW - timedelta(days=1)


def other_provider_spec(usd_micros: int = 1_000_000, **changes: Any) -> RenderSpec:
    return render_spec(provider="elsewhere", model="m2", estimate_usd_micros=usd_micros, **changes)


async def failed_over(store: SqliteJobStore, job: Job, asked: RenderSpec | None = None) -> Job:
    moved = await store.fail_over(job, asked or other_provider_spec(), after(30), allow)
    assert moved is not None
    return moved


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING])
async def test_a_job_waits_at_its_other_provider_as_if_it_had_never_been_tried(
    store: SqliteJobStore, state: State
):
    job = await reach(store, state)
    changed = await store.update(
        job, attempts=3, deadline_at=after(900), due_at=after(600), submitted_at=after(1)
    )
    assert changed is not None
    tried = changed

    moved = await failed_over(store, tried)

    assert moved == replace(
        tried,
        state=State.QUEUED,
        state_at=NOW if state is State.QUEUED else after(30),
        spec=other_provider_spec(),
        failed_over_from="local",
        attempts=0,
        due_at=after(30),
        submitted_at=None,
        deadline_at=after(900),
    )
    assert await store.job(job.id) == moved
    assert await store.waiting("elsewhere", after(30), max_concurrent=1) == (moved,)
    assert await store.waiting("local", after(30), max_concurrent=1) == ()
    assert await store.slots_taken("local") == 0


async def test_what_only_the_first_provider_could_do_is_forgotten(store: SqliteJobStore):
    parent = await reach(store, State.DONE)
    words: dict[str, Any] = {"operation": "remix", "change": "in the rain"}
    job = await accept(store, 2)
    await store.database.write(
        lambda conn: conn.execute(
            "UPDATE jobs SET operation = :operation, change = :change, parent_id = :parent,"
            " source_remote_id = 'r', cost_usd_micros = 5 WHERE id = :id",
            {**words, "parent": parent.id, "id": job.id},
        )
    )
    found = await store.job(job.id)
    assert found is not None
    assert found.source_remote_id == "r"
    asked = replace(found.spec, provider="elsewhere")

    moved = await failed_over(store, found, asked)

    assert moved.source_remote_id is None
    assert moved.cost_usd_micros is None
    assert (moved.parent_id, moved.spec) == (parent.id, asked)


async def test_a_job_remembers_where_it_went_first(store: SqliteJobStore):
    job = await accept(store, any_model=True)
    told: list[str | None] = [job.failed_over_from]
    for provider in ("second", "third", "third", "local", "fourth"):
        job = await failed_over(store, job, replace(job.spec, provider=provider))
        told.append(job.failed_over_from)
        assert await store.job(job.id) == job
        assert job.spec.any_model

    assert told == [None, "local", "local", "local", None, "local"]
    taken = await step(store, job, State.SUBMITTING)
    assert (await step(store, taken, State.RENDERING)).failed_over_from == "local"


async def test_a_cancel_request_goes_with_the_job(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)
    await store.request_cancel(job, after(9))

    assert (await failed_over(store, job)).cancel_requested_at == after(9)


@pytest.mark.parametrize(("usd_micros", "difference"), [(1_000_000, 200_000), (0, -800_000)])
async def test_the_difference_is_booked_where_the_reservation_counts(
    store: SqliteJobStore, usd_micros: int, difference: int
):
    job = await accept(store)

    await failed_over(store, job, other_provider_spec(usd_micros))

    reserve, amend = await entries(store)
    assert amend == {
        **reserve,
        "id": amend["id"],
        "kind": EntryKind.ADJUST,
        "clips": 0,
        "seconds": 0,
        "usd_micros": difference,
        "at": reserve["at"] + 30_000,
    }
    assert await usage(store, 1001, _BEFORE) == Usage(clips=1, seconds=8, usd_micros=usd_micros)
    assert await spends(store, 1001, _BEFORE) == (
        JobUsage(counts_at=NOW, clips=1, seconds=8, usd_micros=usd_micros, is_reserved=True),
    )
    assert await store.read_ledger(lambda ledger: ledger.spent(7, _BEFORE)) == usd_micros


async def test_an_equal_estimate_writes_no_row(store: SqliteJobStore):
    job = await accept(store)
    await failed_over(store, job, other_provider_spec(800_000))
    assert [entry["kind"] for entry in await entries(store)] == ["reserve"]


async def test_a_job_may_go_on_and_on(store: SqliteJobStore):
    job = await accept(store, place=DIRECT)
    for usd_micros in (900_000, 300_000, 300_000, 0, 500_000):
        job = await failed_over(store, job, other_provider_spec(usd_micros))
        assert (await usage(store, 1001, _BEFORE)).usd_micros == usd_micros
    kinds = [entry["kind"] for entry in await entries(store)]
    assert kinds == ["reserve", "amend", "amend", "amend", "amend"]


async def test_a_refund_takes_the_adjustments_back_too(store: SqliteJobStore):
    job = await failed_over(store, await accept(store))

    failed = await step(store, job, State.FAILED, after(50))

    assert (failed.cost_usd_micros, failed.refunded) == (0, True)
    assert (await entries(store))[-1]["usd_micros"] == -1_000_000
    assert await usage(store, 1001, _BEFORE) == Usage()
    assert await spends(store, 1001, _BEFORE) == ()


@pytest.mark.parametrize(("told", "cost"), [(None, 1_000_000), (650_000, 650_000), (0, 0)])
async def test_a_settle_is_against_what_is_reserved_by_then(
    store: SqliteJobStore, told: int | None, cost: int
):
    job = await failed_over(store, await reach(store, State.SUBMITTING))

    for to in (State.SUBMITTING, State.RENDERING, State.DOWNLOADING, State.FITTING, State.POSTING):
        job = await step(store, job, to, after(40))
    done = await step(store, job, State.DONE, after(90), cost_usd_micros=told)

    assert (done.cost_usd_micros, done.refunded) == (cost, False)
    assert (await entries(store))[-1]["usd_micros"] == cost - 1_000_000
    assert await spends(store, 1001, _BEFORE) == (
        JobUsage(counts_at=NOW, clips=1, seconds=8, usd_micros=cost, is_reserved=False),
    )


async def test_a_refusal_leaves_the_job_and_its_reservation_as_they_are(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)
    refusal = OverQuotaError("too dear")
    seen: list[Usage] = []

    def refuse(ledger: LedgerReader) -> None:
        seen.append(ledger.usage(1001, _BEFORE))
        raise refusal

    with pytest.raises(OverQuotaError) as caught:
        await store.fail_over(job, other_provider_spec(), after(30), refuse)

    assert caught.value is refusal
    assert seen == [Usage(clips=1, seconds=8, usd_micros=800_000)]
    assert await store.job(job.id) == job
    assert [entry["kind"] for entry in await entries(store)] == ["reserve"]


def unasked(_ledger: LedgerReader) -> None:
    raise AssertionError("asked without need")


async def test_a_job_that_went_on_meanwhile_stays_where_it_is(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)
    rendering = await step(store, job, State.RENDERING)

    assert await store.fail_over(job, other_provider_spec(), after(30), unasked) is None

    assert await store.job(job.id) == rendering
    assert len(await entries(store)) == 1


async def test_of_two_hands_one_gives_the_job_away(store: SqliteJobStore):
    job = await accept(store)
    moved = await failed_over(store, job)

    third = replace(job.spec, provider="third", estimate_usd_micros=1)
    assert await store.fail_over(job, third, after(31), unasked) is None

    assert await store.job(job.id) == moved


async def test_a_late_answer_of_the_first_provider_moves_nothing_at_the_second(
    store: SqliteJobStore,
):
    first = await reach(store, State.SUBMITTING)
    second = await step(store, await failed_over(store, first), State.SUBMITTING, after(31))

    assert await store.move(first, State.RENDERING, after(32), remote_id="late") is None
    assert await store.update(first, due_at=after(99)) is None

    assert await store.job(first.id) == second


async def test_a_hand_that_still_sees_the_first_provider_claims_no_slot(store: SqliteJobStore):
    job = await accept(store)
    moved = await failed_over(store, job)
    assert await store.claim_slot(job, after(31), max_concurrent=9) is None
    assert await store.claim_slot(moved, after(31), max_concurrent=1) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a dog"},
        {"seconds": 4},
        {"size": Size(width_px=128, height_px=72)},
        {"operation": Operation.REMIX},
        {"change": "in the rain"},
        {"image": IMAGE},
        {"any_model": True},
    ],
)
async def test_no_job_becomes_another_clip_on_its_way(
    store: SqliteJobStore, changes: dict[str, Any]
):
    job = await accept(store)

    with pytest.raises(ValueError, match="another clip"):
        await store.fail_over(job, other_provider_spec(**changes), NOW, unasked)

    assert await store.job(job.id) == job


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.QUEUED, State.SUBMITTING)]
)
async def test_what_a_provider_took_is_not_given_away(store: SqliteJobStore, state: State):
    job = await reach(store, state)
    with pytest.raises(ValueError, match="a provider has it"):
        await store.fail_over(job, other_provider_spec(), NOW, unasked)


async def test_a_remote_id_that_was_not_seen_yet_keeps_the_job(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)
    await store.update(job, remote_id="taken")

    with pytest.raises(ValueError, match="a provider has it"):
        await store.fail_over(job, other_provider_spec(), NOW, unasked)
