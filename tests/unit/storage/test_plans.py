"""The queries that run all the time find their rows by an index, however many jobs there are."""

from __future__ import annotations

import re

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
    ("jobs_of_message", ["jobs_by_message"]),
    ("ids_of_message", ["jobs_by_message"]),
    ("history_down", ["jobs_of_member"]),
    ("history_up", ["jobs_of_member"]),
    ("open_history", ["jobs_open_by_user"]),
    ("rooms_that_show", ["jobs_shown"]),
    ("children", ["jobs_by_parent"]),
    ("child_count", ["jobs_by_parent"]),
    ("ancestors", ["sqlite_autoindex_jobs"]),
    ("image_is_used", ["jobs_by_image"]),
    ("set_remixable", ["sqlite_autoindex_jobs"]),
    ("set_reactions", ["sqlite_autoindex_jobs"]),
    ("blank_job", ["sqlite_autoindex_jobs"]),
    ("shelf_of", ["sqlite_autoindex_shelves"]),
    ("enter_newest", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("leave_newest", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("enter_loved", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("leave_loved", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("leave_mirror", ["sqlite_autoindex_jobs", "gallery_choices_by_guild"]),
    ("gallery", ["gallery_choices_by_guild"]),
    ("errands_due", ["errands_due"]),
    ("next_errand_at", ["errands_due"]),
    ("drop_errand", ["sqlite_autoindex_errands"]),
    ("mirror_of", ["sqlite_autoindex_mirrors"]),
]

#: Those that read one job's or one member's few rows, or what has come due, may sort them.
_MAY_SORT = {"spends", "due", "providers_due", "renders_due", "finished_since", "ancestors"}

_WHOLE_TABLES = {
    f"SCAN {table}" for table in ("jobs", "ledger", "clips", "errands", "mirrors", "shelves")
}


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
    assert not any(line in _WHOLE_TABLES for line in plan), plan
    if name not in _MAY_SORT:
        assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.parametrize("name", ["newest_down", "newest_up", "loved_down", "loved_up"])
async def test_a_search_is_one_pass_in_the_order_of_its_index(store: SqliteStore, name: str):
    sql = Queries.load()[name]
    rows = await store.database.read(
        lambda conn: conn.execute(f"EXPLAIN QUERY PLAN {sql}", _AnyValue()).fetchall()
    )
    first, second = [row["detail"] for row in rows]

    # By words (M) between two rowids (><), in their order (64) or the reverse (128 more).
    assert re.fullmatch(r"SCAN search_\w+ VIRTUAL TABLE INDEX (64|192):M\d+><", first)
    assert second == "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"
