"""The database itself rejects inconsistent adjustments."""

from __future__ import annotations

import sqlite3

import pytest

from bot.errors import StorageError
from bot.model import EntryKind, State
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import accept, after, allow, entries, reach, render_spec

_ADJUSTMENT = (
    "INSERT INTO ledger SELECT NULL, job_id, user_id, guild_id, {0}, 5, counts_at FROM ledger "
    "WHERE kind = 'reserve'"
)
_DEARER = "'amend', 0, 0, 200000"


def write(row: str):
    return lambda conn: conn.execute(_ADJUSTMENT.format(row))


@pytest.mark.parametrize("row", ["'amend', 1, 0, 5", "'amend', 0, 1, 5", "'amend', 0, 0, 0"])
async def test_an_adjustment_changes_money_and_nothing_else(store: SqliteJobStore, row: str):
    await accept(store)
    with pytest.raises(StorageError, match="an_amend_changes_money_and_nothing_else"):
        await store.database.write(write(row))


@pytest.mark.parametrize("column", ["user_id", "guild_id", "counts_at"])
async def test_an_adjustment_fits_its_reserve(store: SqliteJobStore, column: str):
    await accept(store)
    for value in (f"{column} + 1", *(["NULL"] if column == "guild_id" else [])):
        sql = _ADJUSTMENT.format(_DEARER).replace(column, value)
        with pytest.raises(StorageError, match="a ledger amend fits its reserve"):
            await store.database.write(lambda conn, sql=sql: conn.execute(sql))


async def test_an_adjustment_needs_a_reserve(store: SqliteJobStore):
    await accept(store)

    def alone(conn: sqlite3.Connection) -> None:
        conn.execute("DROP TRIGGER a_ledger_row_is_never_deleted")
        conn.execute("DELETE FROM ledger")
        conn.execute(
            "INSERT INTO ledger SELECT NULL, id, user_id, guild_id, 'amend', 0, 0, 5, 5, created_at"
            " FROM jobs"
        )

    with pytest.raises(StorageError, match="a ledger amend fits its reserve"):
        await store.database.write(alone)


async def test_the_sum_of_a_reserve_and_its_adjustments_is_never_negative(store: SqliteJobStore):
    job = await accept(store)
    assert await store.fail_over(job, render_spec(estimate_usd_micros=100_000), after(1), allow)

    with pytest.raises(StorageError, match="a ledger amend fits its reserve"):
        await store.database.write(write("'amend', 0, 0, -100001"))

    await store.database.write(write("'amend', 0, 0, -100000"))
    assert sum(entry["usd_micros"] for entry in await entries(store)) == 0


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
async def test_an_adjustment_comes_before_the_end(store: SqliteJobStore, state: State):
    await reach(store, state)
    with pytest.raises(StorageError, match="a ledger amend comes before the end"):
        await store.database.write(write(_DEARER))


async def test_an_adjustment_neither_changes_nor_goes(store: SqliteJobStore):
    job = await accept(store)
    await store.fail_over(job, render_spec(estimate_usd_micros=900_000), after(1), allow)
    before = await entries(store)
    for sql in (
        "UPDATE ledger SET usd_micros = 5 WHERE kind = 'amend'",
        "DELETE FROM ledger WHERE kind = 'amend'",
        "REPLACE INTO ledger SELECT * FROM ledger WHERE kind = 'amend'",
    ):
        with pytest.raises(StorageError, match=r"never changes|never deleted|replaces no other"):
            await store.database.write(lambda conn, sql=sql: conn.execute(sql))
    assert await entries(store) == before


@pytest.mark.parametrize(
    "row",
    [
        "'refund', -1, -8, -800000",
        "'refund', -1, -8, -200000",
        "'refund', -1, -7, -1000000",
        "'settle', 0, 0, -1000001",
    ],
)
async def test_a_ledger_end_fits_its_reserve_and_adjustments(store: SqliteJobStore, row: str):
    job = await accept(store)
    await store.fail_over(job, render_spec(estimate_usd_micros=1_000_000), after(1), allow)
    with pytest.raises(StorageError, match="a ledger end fits its reserve"):
        await store.database.write(write(row))


async def test_a_job_ends_as_the_ledger_has_it_with_its_adjustments(store: SqliteJobStore):
    job = await accept(store)
    await store.fail_over(job, render_spec(estimate_usd_micros=1_000_000), after(1), allow)

    def finish(conn: sqlite3.Connection, cost: int) -> None:
        conn.execute(_ADJUSTMENT.format("'settle', 0, 0, 0"))
        conn.execute(
            "UPDATE jobs SET state = 'cancelled', finished_at = 1, due_at = NULL,"
            " cost_usd_micros = ?",
            (cost,),
        )

    for cost in (800_000, 200_000, 999_999):
        with pytest.raises(StorageError, match="ends as the ledger has it"):
            await store.database.write(lambda conn, cost=cost: finish(conn, cost))
    await store.database.write(lambda conn: finish(conn, 1_000_000))


async def test_a_job_is_submitted_for_what_is_reserved(store: SqliteJobStore):
    job = await accept(store)
    await store.database.write(write(_DEARER))

    with pytest.raises(StorageError, match="a job is submitted for what is reserved"):
        await store.move(job, State.SUBMITTING, after(1))

    # It can still end, so its reservation is closed.
    failed = await store.move(
        job, State.FAILED, after(2), close=EntryKind.REFUND, error_code="render_failed"
    )
    assert failed is not None
    assert sum(entry["usd_micros"] for entry in await entries(store)) == 0


async def test_an_adjustment_closes_nothing(store: SqliteJobStore):
    job = await accept(store)
    with pytest.raises(ValueError, match="closes nothing"):
        await store.move(job, State.CANCELLED, after(1), close=EntryKind.ADJUST)
