"""The queries that run all the time find their rows by an index, however many jobs there are."""

from __future__ import annotations

import pytest

from bot.storage.queries import Queries
from bot.storage.store import SqliteStore

_HOT = [
    ("due", ["jobs_due_by_state"]),
    ("providers_due", ["jobs_due_by_state"]),
    ("renders_due", ["jobs_due_by_state"]),
    ("next_due_at", ["jobs_due_by_state"]),
    ("waiting", ["jobs_waiting"]),
    ("position", ["jobs_waiting"]),
    ("slots_taken", ["jobs_in_slots"]),
    ("open_jobs", ["jobs_open"]),
    ("open_jobs_of_user", ["jobs_open_by_user"]),
    ("active", ["jobs_open_by_user"]),
    ("finished_since", ["jobs_finished"]),
    ("history", ["jobs_history"]),
    ("durations", ["jobs_rendered"]),
    ("owner_of_remote", ["jobs_by_remote"]),
    ("usage", ["ledger_by_user"]),
    ("spends", ["ledger_by_user"]),
    ("reserve_of_job", ["a_job_reserves_once"]),
    ("end_of_job", ["a_job_ends_once"]),
    ("job", ["sqlite_autoindex_jobs"]),
    ("job_exists", ["sqlite_autoindex_jobs"]),
    ("job_in_state", ["sqlite_autoindex_jobs"]),
    ("jobs_of_request", ["sqlite_autoindex_jobs"]),
    ("save_job", ["sqlite_autoindex_jobs"]),
    ("request_cancel", ["sqlite_autoindex_jobs"]),
    ("clip", ["sqlite_autoindex_clips"]),
]

#: Those that read one job's or one member's few rows, or what has come due, may sort them.
_MAY_SORT = {"spends", "due", "providers_due", "renders_due", "finished_since"}


class _AnyValue(dict):
    def __missing__(self, _key):
        return None


@pytest.mark.parametrize(("name", "indexes"), _HOT)
async def test_a_hot_query_uses_its_index(store: SqliteStore, name: str, indexes: list[str]):
    sql = Queries.load()[name]
    rows = await store.database.read(
        lambda conn: conn.execute(f"EXPLAIN QUERY PLAN {sql}", _AnyValue()).fetchall()
    )
    plan = [row["detail"] for row in rows]

    for index in indexes:
        assert any(f"INDEX {index}" in line for line in plan), plan
    assert not any(line in {"SCAN jobs", "SCAN ledger", "SCAN clips"} for line in plan), plan
    if name not in _MAY_SORT:
        assert not any("TEMP B-TREE" in line for line in plan), plan
