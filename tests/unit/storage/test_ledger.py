from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import StorageError
from bot.model import EntryKind, State, Usage
from bot.storage.base import JobUsage
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import (
    DIRECT,
    NOW,
    accept,
    after,
    entries,
    reach,
    request,
    spends,
    step,
    usage,
)

_BEFORE = NOW - timedelta(days=1)


async def test_a_settle_holds_the_difference_in_money_only(store: SqliteJobStore):
    job = await reach(store, State.POSTING)

    done = await step(store, job, State.DONE, after(90), cost_usd_micros=650_000)

    assert (done.cost_usd_micros, done.refunded) == (650_000, False)
    reserve, settle = await entries(store)
    assert settle == {
        **reserve,
        "id": settle["id"],
        "kind": "settle",
        "clips": 0,
        "seconds": 0,
        "usd_micros": -150_000,
        "at": reserve["at"] + 90_000,
    }
    assert await usage(store, 1001, _BEFORE) == Usage(clips=1, seconds=8, usd_micros=650_000)


async def test_a_settle_without_a_cost_takes_the_estimate(store: SqliteJobStore):
    job = await reach(store, State.DONE)

    assert job.cost_usd_micros == 800_000
    assert (await usage(store, 1001, _BEFORE)).usd_micros == 800_000


async def test_a_clip_that_cost_nothing_still_counts_as_a_clip(store: SqliteJobStore):
    job = await reach(store, State.POSTING)

    done = await step(store, job, State.DONE, after(90), cost_usd_micros=0)

    assert done.cost_usd_micros == 0
    assert await usage(store, 1001, _BEFORE) == Usage(clips=1, seconds=8, usd_micros=0)
    assert len(await spends(store, 1001, _BEFORE)) == 1


async def test_a_refund_negates_the_reservation_wholly(store: SqliteJobStore):
    job = await reach(store, State.SUBMITTING)

    failed = await step(store, job, State.FAILED, after(50))

    assert (failed.cost_usd_micros, failed.refunded) == (0, True)
    assert await usage(store, 1001, _BEFORE) == Usage()
    assert await spends(store, 1001, _BEFORE) == ()
    reserve, refund = await entries(store)
    assert refund["counts_at"] == reserve["counts_at"]


async def test_a_clip_fetched_later_never_touches_the_ledger_again(store: SqliteJobStore):
    kept = await reach(store, State.KEPT)
    before = await entries(store)

    posting = await store.repost(kept, DIRECT, after(100))

    assert posting == replace(
        kept,
        state=State.POSTING,
        place=DIRECT,
        state_at=after(100),
        posting_at=after(100),
        due_at=after(100),
        finished_at=None,
        error_code=None,
    )
    assert await store.open_jobs(1001) == (posting,)
    assert posting is not None
    done = await step(store, posting, State.DONE, after(101), cost_usd_micros=5)
    assert (done.cost_usd_micros, done.refunded) == (kept.cost_usd_micros, False)
    assert await entries(store) == before


async def test_a_clip_fetched_after_a_post_that_may_have_landed_is_looked_for_from_that_post_on(
    store: SqliteJobStore,
):
    posting = await reach(store, State.POSTING)
    kept = await step(store, posting, State.KEPT, after(90))

    again = await store.repost(kept, DIRECT, after(5_000))

    assert again is not None
    assert again.posting_at == posting.posting_at
    assert again.due_at == after(5_000)


async def test_a_clip_that_cannot_be_posted_again_is_kept_again_without_a_refund(
    store: SqliteJobStore,
):
    kept = await reach(store, State.KEPT)
    posting = await store.repost(kept, request(2).place, after(100))
    assert posting is not None

    failed = await step(store, posting, State.FAILED, after(101))

    assert (failed.refunded, failed.cost_usd_micros) == (False, kept.cost_usd_micros)
    assert (await usage(store, 1001, _BEFORE)).clips == 1


async def test_a_repost_needs_a_kept_clip(store: SqliteJobStore):
    kept = await reach(store, State.KEPT)
    await store.repost(kept, request(2).place, NOW)

    assert await store.repost(kept, request(3).place, NOW) is None
    with pytest.raises(ValueError, match="posted again"):
        await store.repost(replace(kept, state=State.DONE), request(3).place, NOW)


async def test_a_cost_told_early_is_what_the_settle_counts(store: SqliteJobStore):
    rendering = await reach(store, State.RENDERING)
    ready = await step(store, rendering, State.DOWNLOADING, after(100), cost_usd_micros=5)
    assert ready.cost_usd_micros == 5
    fitting = await step(store, ready, State.FITTING, after(101))

    kept = await step(store, fitting, State.KEPT, after(102))

    assert kept.cost_usd_micros == 5
    assert (await usage(store, 1001, _BEFORE)).usd_micros == 5


async def test_a_job_cannot_end_with_its_reservation_open(store: SqliteJobStore):
    job = await accept(store)

    with pytest.raises(ValueError, match="reservation open"):
        await store.move(job, State.CANCELLED, NOW)

    assert await store.job(job.id) == job


@pytest.mark.parametrize(
    ("to", "given", "says"),
    [
        (State.SUBMITTING, {"close": EntryKind.SETTLE}, "does not close"),
        (State.CANCELLED, {"close": EntryKind.RESERVE}, "closes nothing"),
        (State.CANCELLED, {"close": EntryKind.REFUND, "cost_usd_micros": 1}, "cost"),
        (State.CANCELLED, {"close": EntryKind.SETTLE, "cost_usd_micros": -1}, "cost"),
        (State.SUBMITTING, {"cost_usd_micros": -1}, "cost"),
    ],
)
async def test_a_close_that_does_not_go_with_its_move_is_an_error(
    store: SqliteJobStore, to: State, given: dict[str, Any], says: str
):
    job = await accept(store)

    with pytest.raises(ValueError, match=says):
        await store.move(job, to, NOW, **given)

    assert await store.job(job.id) == job


_ROW = "INSERT INTO ledger SELECT NULL, job_id, user_id, guild_id, {0}, at, counts_at FROM ledger "


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE ledger SET usd_micros = 0", "never changes"),
        ("UPDATE OR REPLACE ledger SET id = 1 WHERE id = 2", "never changes"),
        ("DELETE FROM ledger", "never deleted"),
        ("REPLACE INTO ledger SELECT * FROM ledger WHERE id = 1", "replaces no other"),
        (_ROW.format("'reserve', 1, 8, 800000") + "WHERE kind = 'reserve'", "replaces no other"),
        (_ROW.format("'settle', 0, 0, 0") + "WHERE kind = 'settle'", "replaces no other"),
        (_ROW.format("'refund', -1, -8, -800000") + "WHERE id = 1", "replaces no other"),
        ("DELETE FROM jobs", "FOREIGN KEY"),
    ],
)
async def test_the_database_itself_refuses_to_change_the_ledger(
    store: SqliteJobStore, sql: str, says: str
):
    await reach(store, State.DONE, 1)
    before = await entries(store)
    assert [entry["kind"] for entry in before] == ["reserve", "settle"]

    with pytest.raises(StorageError, match=says):
        await store.database.write(lambda conn: conn.execute(sql))

    assert await entries(store) == before


@pytest.mark.parametrize("index", ["a_job_reserves_once", "a_job_ends_once"])
async def test_the_indexes_alone_refuse_a_second_row_of_a_kind(store: SqliteJobStore, index: str):
    await reach(store, State.DONE)
    values = "'reserve', 1, 8, 800000" if index == "a_job_reserves_once" else "'settle', 0, 0, 0"

    def without_triggers(conn: sqlite3.Connection) -> None:
        conn.execute("DROP TRIGGER a_ledger_row_replaces_no_other")
        conn.execute(_ROW.format(values) + "WHERE kind = 'reserve'")

    with pytest.raises(StorageError, match="UNIQUE"):
        await store.database.write(without_triggers)


@pytest.mark.parametrize(
    "values",
    [
        "'refund', -1, -8, -799999",
        "'refund', -1, 0, -800000",
        "'refund', 0, -8, -800000",
        "'settle', 0, 0, -800001",
    ],
)
async def test_an_end_that_does_not_fit_its_reserve_is_refused(store: SqliteJobStore, values: str):
    await accept(store)

    with pytest.raises(StorageError, match="fits its reserve"):
        await store.database.write(lambda conn: conn.execute(_ROW.format(values)))


@pytest.mark.parametrize("change", ["user_id + 1", "counts_at + 1", "guild_id + 1", "NULL"])
async def test_an_end_under_another_name_or_date_is_refused(store: SqliteJobStore, change: str):
    await accept(store)
    column = "guild_id" if change == "NULL" else change.split(maxsplit=1)[0]
    row = _ROW.format("'settle', 0, 0, 0").replace(column, change)

    with pytest.raises(StorageError, match="fits its reserve"):
        await store.database.write(lambda conn: conn.execute(row))


@pytest.mark.parametrize("kind", ["settle", "refund"])
async def test_an_end_without_a_reserve_is_refused(store: SqliteJobStore, kind: str):
    job = await accept(store)

    def only_an_end(conn: sqlite3.Connection) -> None:
        conn.execute("DROP TRIGGER a_ledger_row_is_never_deleted")
        conn.execute("DELETE FROM ledger")
        conn.execute(
            "INSERT INTO ledger VALUES (NULL, ?, 1001, 7, ?, 0, 0, 0, 0, 0)", (job.id, kind)
        )

    with pytest.raises(StorageError, match="fits its reserve"):
        await store.database.write(only_an_end)


@pytest.mark.parametrize(
    "change",
    [
        ("user_id", "user_id + 1"),
        ("guild_id", "NULL"),
        ("clips", "2"),
        ("seconds", "9"),
        ("estimate_usd_micros", "799999"),
        ("created_at, created_at", "created_at, created_at + 1"),
    ],
)
async def test_a_reserve_that_is_not_what_its_job_asks_for_is_refused(
    store: SqliteJobStore, change: tuple[str, str]
):
    await accept(store)
    columns = "id, user_id, guild_id, 'reserve', clips, seconds, estimate_usd_micros, {}"
    columns = columns.format("created_at, created_at").replace(*change).replace("clips", "1")

    def only_another_reserve(conn: sqlite3.Connection) -> None:
        conn.execute("DROP TRIGGER a_ledger_row_is_never_deleted")
        conn.execute("DELETE FROM ledger")
        conn.execute(f"INSERT INTO ledger SELECT NULL, {columns} FROM jobs")  # noqa: S608

    with pytest.raises(StorageError, match=r"fits its job|CHECK"):
        await store.database.write(only_another_reserve)


async def test_nothing_is_submitted_without_a_reserve(store: SqliteJobStore):
    job = await accept(store)

    def lose_reserve(conn: sqlite3.Connection) -> None:
        conn.execute("DROP TRIGGER a_ledger_row_is_never_deleted")
        conn.execute("DELETE FROM ledger")

    await store.database.write(lose_reserve)

    with pytest.raises(StorageError, match="leaves the queue with a reserve"):
        await store.move(job, State.SUBMITTING, NOW)


@pytest.mark.parametrize(
    ("end", "cost", "refunded"),
    [
        (None, 800_000, 0),
        (None, 0, 1),
        ("'settle', 0, 0, -5", 800_000, 0),
        ("'settle', 0, 0, -800000", 0, 1),
        ("'refund', -1, -8, -800000", 0, 0),
        ("'refund', -1, -8, -800000", 5, 0),
    ],
)
async def test_no_job_ends_otherwise_than_the_ledger(
    store: SqliteJobStore, end: str | None, cost: int, refunded: int
):
    await reach(store, State.SUBMITTING)

    def finish(conn: sqlite3.Connection) -> None:
        if end is not None:
            conn.execute(_ROW.format(end))
        conn.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = 1, due_at = NULL,"
            " cost_usd_micros = ?, refunded = ?",
            (cost, refunded),
        )

    with pytest.raises(StorageError, match="ends as the ledger has it"):
        await store.database.write(finish)


@pytest.mark.parametrize("values", ["'settle', 1, 0, 0", "'settle', 0, 1, 0", "'gift', 0, 0, 0"])
async def test_a_row_that_breaks_a_rule_is_refused(store: SqliteJobStore, values: str):
    await accept(store)

    with pytest.raises(StorageError, match=r"CHECK|fits its reserve"):
        await store.database.write(lambda conn: conn.execute(_ROW.format(values)))


async def test_windows_go_by_the_reservation_and_leave_its_instant_out(store: SqliteJobStore):
    job = await reach(store, State.POSTING, at=after(0))
    await step(store, job, State.DONE, after(5_000), cost_usd_micros=900_000)

    assert (await usage(store, 1001, after(-1))).usd_micros == 900_000
    assert await usage(store, 1001, after(0)) == Usage()
    assert await spends(store, 1001, after(0)) == ()


async def test_spends_are_net_per_job_and_oldest_first(store: SqliteJobStore):
    await reach(store, State.DONE, 1, at=after(30))
    await reach(store, State.FAILED, 2, at=after(20))
    await accept(store, 3, at=after(10), seconds=4, estimate_usd_micros=0)

    assert await spends(store, 1001, _BEFORE) == (
        JobUsage(counts_at=after(10), clips=1, seconds=4, usd_micros=0, is_reserved=True),
        JobUsage(counts_at=after(30), clips=1, seconds=8, usd_micros=800_000),
    )


@pytest.mark.parametrize("seed", range(8))
async def test_usage_is_what_the_spends_sum_to(store: SqliteJobStore, seed: int):
    dice = random.Random(seed)
    for number in range(1, 16):
        job = await reach(
            store,
            State.POSTING,
            number,
            user_id=dice.choice([1001, 2002]),
            at=after(dice.randrange(100)),
            seconds=dice.choice([4, 8, 12]),
            estimate_usd_micros=dice.randrange(10**7),
        )
        to = dice.choice([None, State.DONE, State.KEPT, State.FAILED, State.CANCELLED])
        cost = dice.choice([None, 0, dice.randrange(10**7)])
        if to is State.DONE or to is State.KEPT:
            await step(store, job, to, after(200), cost_usd_micros=cost)
        elif to is not None:
            await step(store, job, to, after(200))

    for user_id in (1001, 2002, 3003):
        since = after(dice.randrange(-1, 100))
        found = await spends(store, user_id, since)
        assert await usage(store, user_id, since) == Usage(
            clips=sum(each.clips for each in found),
            seconds=sum(each.seconds for each in found),
            usd_micros=sum(each.usd_micros for each in found),
        )
        assert [each.counts_at for each in found] == sorted(each.counts_at for each in found)
