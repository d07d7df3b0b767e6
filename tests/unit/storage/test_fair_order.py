"""Which job gets a slot next: members take turns, and positions shown match that order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from bot.model import Job, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import accept, after, allow, reach, render_spec, step

ALICE, BOB, CAROL = 1001, 2002, 3003


async def queue(store: SqliteJobStore, *users: int, first: int = 1) -> list[Job]:
    """Accept a job for each of `users`, a second apart."""
    return [
        await accept(store, number, user_id=user_id, at=after(number))
        for number, user_id in enumerate(users, start=first)
    ]


async def queue_order(store: SqliteJobStore, *, at: float = 900) -> list[str]:
    waiting = await store.waiting("local", after(at), max_concurrent=999)
    return [job.id for job in waiting]


async def test_ten_jobs_of_one_member_do_not_hold_up_anothers_first(store: SqliteJobStore):
    *own, other = await queue(store, *[ALICE] * 10, BOB)

    assert await queue_order(store) == [own[0].id, other.id, *(job.id for job in own[1:])]
    assert await store.position(other) == 1
    assert await store.position(own[9]) == 10


async def test_members_take_turns(store: SqliteJobStore):
    a1, a2, a3, b1, b2, c1 = await queue(store, ALICE, ALICE, ALICE, BOB, BOB, CAROL)

    assert await queue_order(store) == [job.id for job in (a1, b1, c1, a2, b2, a3)]


async def test_a_slot_that_is_taken_counts_as_a_turn(store: SqliteJobStore):
    rendering, submitting, a1, b1, b2, b3 = await queue(store, ALICE, ALICE, ALICE, BOB, BOB, BOB)
    await step(
        store, await step(store, rendering, State.SUBMITTING, after(60)), State.RENDERING, after(61)
    )
    await step(store, submitting, State.SUBMITTING, after(62))

    assert await queue_order(store) == [job.id for job in (b1, b2, a1, b3)]
    assert [await store.position(job) for job in (b1, b2, a1, b3)] == [0, 1, 2, 3]


async def test_slots_at_another_provider_do_not_count(store: SqliteJobStore):
    await reach(store, State.RENDERING, 90, user_id=ALICE, provider="elsewhere")
    a1, b1 = await queue(store, ALICE, BOB)

    assert await queue_order(store) == [a1.id, b1.id]


async def test_no_more_are_called_than_slots_are_free(store: SqliteJobStore):
    await reach(store, State.RENDERING, 90, user_id=CAROL)
    a1, a2, b1 = await queue(store, ALICE, ALICE, BOB)

    for most, called in ((0, ()), (1, ()), (2, (a1,)), (3, (a1, b1)), (9, (a1, b1, a2))):
        assert await store.waiting("local", after(900), max_concurrent=most) == called


async def test_of_one_turn_and_instant_the_first_accepted_goes_first(store: SqliteJobStore):
    jobs = [await accept(store, number, user_id=9 - number) for number in range(1, 5)]

    assert await queue_order(store) == [job.id for job in jobs]
    assert [await store.position(job) for job in jobs] == [0, 1, 2, 3]


async def test_a_job_that_is_not_due_keeps_its_turn_and_is_not_called(store: SqliteJobStore):
    a1, a2, b1, b2 = await queue(store, ALICE, ALICE, BOB, BOB)
    await store.update(a1, due_at=after(600))

    assert await queue_order(store, at=60) == [b1.id, a2.id, b2.id]
    assert await queue_order(store, at=600) == [a1.id, b1.id, a2.id, b2.id]
    assert [await store.position(job) for job in (a1, b1, a2, b2)] == [0, 1, 2, 3]


async def test_a_job_that_comes_from_another_provider_has_the_place_of_its_age(
    store: SqliteJobStore,
):
    guest = await accept(store, 80, user_id=CAROL, at=after(0), provider="elsewhere")
    a1, b1 = await queue(store, ALICE, BOB)

    await store.fail_over(guest, render_spec(), after(60), allow)

    assert await queue_order(store) == [guest.id, a1.id, b1.id]
    # A caller with an older copy gets the current one.
    assert await store.position(guest) == 0
    assert await store.position(b1) == 2


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
async def test_a_job_that_does_not_wait_has_nobody_before_it(store: SqliteJobStore, state: State):
    await queue(store, ALICE, BOB)
    job = await reach(store, state, 99, at=after(99))

    assert await store.position(job) == 0


@pytest.mark.parametrize("seed", range(6))
async def test_the_order_is_that_of_the_long_way_and_positions_agree_with_it(
    store: SqliteJobStore, seed: int
):
    dice = random.Random(seed)
    queued: list[Job] = []
    slots: Counter[int] = Counter()
    for number in range(1, 40):
        job = await accept(
            store,
            number,
            user_id=dice.choice([ALICE, ALICE, BOB, CAROL, number]),
            at=after(dice.randrange(20)),
            provider=dice.choice(["local", "local", "elsewhere"]),
        )
        if dice.random() < 0.3:
            job = await step(store, job, State.SUBMITTING)
            slots[job.user_id] += job.spec.provider == "local"
        elif job.spec.provider == "local":
            queued.append(job)

    turns = Counter(slots)
    keys: dict[str, tuple[int, float, int]] = {}
    for age, job in sorted(enumerate(queued), key=lambda each: (each[1].created_at, each[0])):
        turns[job.user_id] += 1
        keys[job.id] = (turns[job.user_id], job.created_at.timestamp(), age)
    wanted = sorted(keys, key=keys.__getitem__)

    assert await queue_order(store) == wanted
    by_id = {job.id: job for job in queued}
    assert [await store.position(by_id[each]) for each in wanted] == list(range(len(wanted)))
