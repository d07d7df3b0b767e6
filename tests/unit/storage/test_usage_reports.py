from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from bot.model import EntryKind, Job, Place, State
from bot.storage.guild_settings import DayUsage, MemberUsage
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.outbox import SqliteOutbox
from tests.unit.storage.factories import DIRECT, NOW, PLACE, accept, after, reach, step

_DAY_S = 86_400
_ELSEWHERE = Place(guild_id=8, channel_id=80, upload_limit_bytes=1)
_ENDS = (None, State.DONE, State.DONE, State.KEPT, State.FAILED, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The usage that one job should add."""

    guild_id: int | None
    user_id: int
    at: datetime
    clips: int
    seconds: int
    usd_micros: int
    failed: int


async def make(store: SqliteJobStore, dice: random.Random, number: int) -> Made:
    """Accept a job and bring it to a random state."""
    place = dice.choice((PLACE, PLACE, PLACE, _ELSEWHERE, DIRECT))
    user_id = dice.choice((1001, 1001, 1002, 1003, 1004))
    at = after(dice.choice((0, 0.001, _DAY_S / 2, dice.uniform(0, 4 * _DAY_S))))
    at -= timedelta(microseconds=at.microsecond % 1000)
    seconds, estimate = dice.choice((4, 8)), dice.choice((0, 400_000, dice.randrange(10**6)))
    job = await reach(
        store,
        State.POSTING,
        number,
        place=place,
        user_id=user_id,
        at=at,
        seconds=seconds,
        estimate_usd_micros=estimate,
    )
    end = dice.choice(_ENDS)
    cost = estimate
    is_charged = end is State.FAILED and dice.random() < 0.5
    if end is not None and (end in (State.DONE, State.KEPT) or is_charged):
        cost = dice.choice((estimate, 0, dice.randrange(10**6)))
        told = {"close": EntryKind.SETTLE, "cost_usd_micros": cost}
        job = await step(store, job, end, after(10**6), **told)
        if end is State.KEPT and dice.random() < 0.5:
            await store.repost(job, _ELSEWHERE, after(10**6))
    elif end is not None:
        await step(store, job, end, after(10**6))
    counts = is_charged or end not in (State.FAILED, State.CANCELLED)
    return Made(
        guild_id=place.guild_id,
        user_id=user_id,
        at=at,
        clips=int(counts),
        seconds=seconds * counts,
        usd_micros=cost * counts,
        failed=int(end is State.FAILED),
    )


def sums(made: Iterable[Made]) -> dict[str, int]:
    each = list(made)
    names = ("clips", "seconds", "usd_micros", "failed")
    return {name: sum(getattr(one, name) for one in each) for name in names}


def days_of(made: list[Made]) -> tuple[DayUsage, ...]:
    days: dict[date, list[Made]] = defaultdict(list)
    for each in made:
        days[each.at.date()].append(each)
    summed = {day: sums(each) for day, each in sorted(days.items())}
    return tuple(DayUsage(day=day, **each) for day, each in summed.items() if any(each.values()))


def members_of(made: list[Made]) -> tuple[MemberUsage, ...]:
    members: dict[int, list[Made]] = defaultdict(list)
    for each in made:
        members[each.user_id].append(each)
    summed = {user_id: sums(each) for user_id, each in members.items()}
    usage = [MemberUsage(user_id=u, **each) for u, each in summed.items() if any(each.values())]
    return tuple(sorted(usage, key=lambda u: (-u.usd_micros, -u.clips, u.user_id)))


@pytest.mark.parametrize("seed", range(4))
async def test_reports_agree_with_a_plain_model(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore, seed: int
):
    dice = random.Random(seed)
    made = [await make(store, dice, number) for number in range(1, 41)]
    instants = [made[0].at - timedelta(milliseconds=1), made[0].at, after(-1), after(0), after(1e5)]

    for guild_id in (7, 8, 9):
        for since in instants:
            counting = [each for each in made if each.guild_id == guild_id and each.at > since]
            members = members_of(counting)
            assert await guild_store.usage_by_day(guild_id, since) == days_of(counting)
            assert await guild_store.usage_by_member(guild_id, since, 9) == members
            assert await guild_store.usage_by_member(guild_id, since, 2) == members[:2]
            spent = sum(each.usd_micros for each in counting)
            assert await guild_store.spent(guild_id, since) == spent
            assert await store.read_ledger(lambda b, g=guild_id, s=since: b.spent(g, s)) == spent


async def test_a_day_ends_at_midnight_utc(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    for number, seconds in enumerate((43_199.999, 43_200), start=1):
        await accept(store, number, at=after(seconds))

    days = await guild_store.usage_by_day(7, NOW)

    assert [(each.day, each.clips) for each in days] == [
        (date(2026, 10, 1), 1),
        (date(2026, 10, 2), 1),
    ]


async def test_deleted_clips_still_count(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    job = await reach(store, State.FAILED)
    await reach(store, State.DONE, 2)
    before = await guild_store.usage_by_day(7, after(-1))
    outbox = SqliteOutbox(store.database, store.queries)

    for each in (job, (await store.jobs_of(2))[0]):
        await outbox.erase(each.id, NOW)

    (day,) = await guild_store.usage_by_day(7, after(-1))
    assert (day,) == before
    assert (day.clips, day.failed) == (1, 1)


async def accept_jobs(store: SqliteJobStore) -> list[Job]:
    """Accept jobs of two members in two servers, in every state, earliest first."""
    jobs: list[Job] = []
    for number, state in enumerate(list(State) * 2, start=1):
        user_id = 1001 if number % 3 else 1002
        jobs.append(await reach(store, state, number, user_id=user_id))
        await reach(store, state, 1000 + number, user_id=user_id, place=_ELSEWHERE)
    return jobs


@pytest.mark.parametrize("user_id", [None, 1001, 1002])
@pytest.mark.parametrize(
    "states",
    [
        tuple(State),
        (State.FAILED,),
        (State.DONE, State.DONE, State.QUEUED),
        tuple(state for state in State if not state.is_final),
        (),
    ],
)
async def test_jobs_of_a_server_come_latest_first_in_pages(
    store: SqliteJobStore,
    guild_store: SqliteGuildSettingsStore,
    states: tuple[State, ...],
    user_id: int | None,
):
    jobs = await accept_jobs(store)
    wanted = [
        each for each in reversed(jobs) if each.state in states and user_id in (None, each.user_id)
    ]

    found: list[Job] = []
    before_seq = None
    while True:
        page = await guild_store.guild_jobs(7, states, user_id, before_seq=before_seq, limit=3)
        if not page:
            break
        assert len(page) == 3 or len(found) + len(page) == len(wanted)
        found += [job for _, job in page]
        before_seq = page[-1][0]

    assert found == wanted


async def test_deleted_jobs_are_left_out_of_the_list(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    job = await reach(store, State.DONE)
    await SqliteOutbox(store.database, store.queries).erase(job.id, NOW)

    for user_id in (None, 1001):
        assert await guild_store.guild_jobs(7, list(State), user_id, before_seq=None, limit=9) == ()
