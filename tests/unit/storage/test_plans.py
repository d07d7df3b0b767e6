"""Frequent queries find their rows by an index, so their speed does not depend on the number of jobs."""

from __future__ import annotations

import re

import pytest

from bot.storage.sqlite.jobs import SqliteJobStore
from bot.storage.sqlite.queries import Queries

#: The indexes that each query uses.
_BY_INDEX = [
    ("due", ["jobs_due_by_state"]),
    ("providers_due", ["jobs_due_by_state"]),
    ("renders_due", ["jobs_due_by_state"]),
    ("next_due_at", ["jobs_due_by_state"]),
    ("waiting", ["jobs_waiting", "jobs_in_slots"]),
    ("position", ["jobs_waiting", "jobs_in_slots"]),
    ("poll_now", ["jobs_in_slots"]),
    ("note_render", ["sqlite_autoindex_jobs"]),
    ("fail_over_job", ["sqlite_autoindex_jobs"]),
    ("slots_taken", ["jobs_in_slots"]),
    ("open_jobs", ["jobs_open"]),
    ("open_jobs_of_user", ["jobs_open_by_user"]),
    ("active", ["jobs_open_by_user"]),
    ("finished_since", ["jobs_finished"]),
    ("history", ["jobs_history"]),
    ("durations", ["jobs_rendered"]),
    ("owner_of_remote", ["jobs_by_remote"]),
    ("usage", ["ledger_by_user"]),
    ("usage_by_job", ["ledger_by_user"]),
    ("reservation_of_job", ["a_job_reserves_once", "ledger_amends"]),
    ("closing_entry_of_job", ["a_job_ends_once"]),
    ("job", ["sqlite_autoindex_jobs"]),
    ("job_exists", ["sqlite_autoindex_jobs"]),
    ("job_as_seen", ["sqlite_autoindex_jobs"]),
    ("jobs_of_request", ["sqlite_autoindex_jobs"]),
    ("save_job", ["sqlite_autoindex_jobs"]),
    ("request_cancel", ["sqlite_autoindex_jobs"]),
    ("clip", ["sqlite_autoindex_clips"]),
    ("archived_job_ids", ["sqlite_autoindex_clips"]),
    ("jobs_of_message", ["jobs_by_message"]),
    ("ids_of_message", ["jobs_by_message"]),
    ("history_descending", ["jobs_of_member"]),
    ("history_ascending", ["jobs_of_member"]),
    ("open_history", ["jobs_open_by_user"]),
    ("channels_with_clips", ["jobs_shown"]),
    ("children", ["jobs_by_parent"]),
    ("child_count", ["jobs_by_parent"]),
    ("ancestors", ["sqlite_autoindex_jobs"]),
    ("image_is_used", ["jobs_by_image"]),
    ("set_remixable", ["sqlite_autoindex_jobs"]),
    ("set_reactions", ["sqlite_autoindex_jobs"]),
    ("blank_job", ["sqlite_autoindex_jobs"]),
    ("search_partition", ["sqlite_autoindex_shelves"]),
    ("index_newest", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("unindex_newest", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("index_loved", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("unindex_loved", ["sqlite_autoindex_jobs", "sqlite_autoindex_shelves"]),
    ("enqueue_mirror", ["sqlite_autoindex_jobs"]),
    ("active_in_guild", ["jobs_open_by_guild"]),
    ("spent", ["ledger_by_guild"]),
    ("refused_by_moderation", ["jobs_history"]),
    ("spent_everywhere", ["ledger_by_cost"]),
    ("usage_by_day", ["ledger_by_guild"]),
    ("usage_by_member", ["ledger_by_guild"]),
    ("failures", ["ledger_by_guild", "sqlite_autoindex_jobs", "jobs_of_server"]),
    ("guild_jobs", ["jobs_of_server"]),
    ("guild_jobs_of_member", ["jobs_of_member"]),
    ("grants", ["grants_by_member"]),
    ("audit", ["audit_by_guild"]),
    ("audit_by", ["audit_by_actor"]),
    ("audit_about", ["audit_by_member"]),
    ("outbox_due", ["errands_due"]),
    ("next_outbox_due_at", ["errands_due"]),
    ("drop_outbox_message", ["sqlite_autoindex_errands"]),
    ("mirror_of", ["sqlite_autoindex_mirrors"]),
    ("open_by_state", ["jobs_due_by_state"]),
    ("ended_by_state", ["jobs_finished"]),
    ("open_reservations", ["jobs_open", "a_job_reserves_once", "a_job_ends_once"]),
    ("outbox_size", ["errands_due"]),
    ("set_any_model", ["sqlite_autoindex_jobs"]),
    ("extend_deadlines", ["jobs_in_slots"]),
    ("defer_uncertain_posts", ["jobs_due_by_state", "sqlite_autoindex_jobs"]),
    ("enqueue_erase", ["sqlite_autoindex_errands"]),
    ("drop_mirror", ["sqlite_autoindex_mirrors"]),
    ("drop_clip", ["sqlite_autoindex_clips"]),
    ("drop_image", ["sqlite_autoindex_jobs"]),
    ("finished_jobs", ["jobs_finished", "sqlite_autoindex_clips", "jobs_by_parent"]),
    ("needed_pictures", ["jobs_by_image", "sqlite_autoindex_clips"]),
    ("needed_pictures_of_requests", ["sqlite_autoindex_jobs", "sqlite_autoindex_clips"]),
    ("create_search_partition", ["sqlite_autoindex_jobs"]),
]

#: INSERT … VALUES reads nothing, so its plan is empty.
_INSERTS = {
    *("insert_request", "insert_job", "put_clip", "append_entry", "append_audit"),
    *("put_limit", "put_grant", "put_budget", "put_block"),
    *("put_mirror", "note_notified", "enqueue_notify"),
}

#: Queries that read whole tables, because only `python -m bot doctor` runs them.
_WHOLE_READS = {"unbalanced_jobs", "job_counts"}

_SEARCHES = ("newest_descending", "newest_ascending", "loved_descending", "loved_ascending")

#: These read few rows (of one job, one member, or what is due), and may sort them.
_MAY_SORT = (
    {
        "usage_by_job",
        "due",
        "providers_due",
        "renders_due",
        "finished_since",
        "ancestors",
    }
    | {*("usage_by_day", "usage_by_member", "failures", "blocks", "waiting", "position")}
    | {*("ended_by_state", "finished_jobs")}
)

_WHOLE_TABLES = {
    f"SCAN {table}"
    for table in (
        *("jobs", "ledger", "clips", "errands", "mirrors", "shelves"),
        *("limits", "grants", "budgets", "blocks", "house_rules", "audit"),
    )
}

#: Queries that look jobs up by `seq`.
_BY_ROWID = ("postpone_job", "jobs_of_seqs")

#: The primary key that each query uses.
_BY_KEY = {
    **{
        name: f"{table} USING INTEGER PRIMARY KEY (rowid=?)"
        for name, table in (
            ("drop_budget", "budgets"),
            ("outbox_message", "errands"),
            ("reschedule_outbox_message", "errands"),
            ("finish_outbox_message", "errands"),
            ("request", "requests"),
            ("set_roles", "requests"),
            ("set_card", "requests"),
        )
    },
    "drop_limits": "limits USING PRIMARY KEY (guild_id=? AND scope=? AND subject_id=?)",
    "drop_block": "blocks USING PRIMARY KEY (guild_id=? AND user_id=?)",
    "limits": "limits USING PRIMARY KEY (guild_id=?)",
    "limits_of_subject": "limits USING PRIMARY KEY (guild_id=? AND scope=? AND subject_id=?)",
    "limits_for": "limits USING PRIMARY KEY (guild_id=? AND scope=? AND subject_id=?)",
    "block_of": "blocks USING PRIMARY KEY (guild_id=? AND user_id=?)",
    "blocks": "blocks USING PRIMARY KEY (guild_id=?)",
    "budget": "budgets USING INTEGER PRIMARY KEY (rowid=?)",
    "guild_settings": "house_rules USING INTEGER PRIMARY KEY (rowid=?)",
    "enqueue_mirror": "house_rules USING INTEGER PRIMARY KEY (rowid=?)",
}


class _AnyValue(dict):
    def __missing__(self, _key):
        return None


async def plan_of(store: SqliteJobStore, name: str) -> list[str]:
    sql = Queries.load()[name]
    rows = await store.database.read(
        lambda conn: conn.execute(f"EXPLAIN QUERY PLAN {sql}", _AnyValue()).fetchall()
    )
    return [row["detail"] for row in rows]


def test_every_query_is_in_a_plan_test():
    tested = {name for name, _indexes in _BY_INDEX} | _BY_KEY.keys() | {*_BY_ROWID, *_SEARCHES}
    forgotten = set(Queries.load()) - tested - _INSERTS - _WHOLE_READS

    assert not forgotten, (
        f"no plan test for {sorted(forgotten)}: in tests/unit/storage/test_plans.py, add each to "
        "_BY_INDEX with its indexes, to _BY_KEY with its key, or to _INSERTS if it reads nothing"
    )


@pytest.mark.parametrize("name", sorted(_INSERTS))
async def test_an_insert_reads_nothing(store: SqliteJobStore, name: str):
    assert await plan_of(store, name) == []


@pytest.mark.parametrize("name", _BY_ROWID)
async def test_jobs_are_found_by_their_number(store: SqliteJobStore, name: str):
    plan = await plan_of(store, name)

    assert "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert not any(line in _WHOLE_TABLES for line in plan), plan


@pytest.mark.parametrize(("name", "indexes"), _BY_INDEX)
async def test_a_query_uses_its_index(store: SqliteJobStore, name: str, indexes: list[str]):
    plan = await plan_of(store, name)

    for index in indexes:
        assert any(f"INDEX {index}" in line for line in plan), plan
    assert not any(line in _WHOLE_TABLES for line in plan), plan
    if name not in _MAY_SORT:
        assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.parametrize("name", _BY_KEY)
async def test_a_query_uses_its_primary_key(store: SqliteJobStore, name: str):
    plan = await plan_of(store, name)

    searches = [line for line in plan if line.startswith("SEARCH") and "jobs" not in line]
    assert set(searches) == {f"SEARCH {_BY_KEY[name]}"}
    assert not any(line in _WHOLE_TABLES for line in plan), plan


@pytest.mark.parametrize("name", ["spent", "usage_by_day", "usage_by_member"])
async def test_sums_of_a_guild_are_read_from_the_index_alone(store: SqliteJobStore, name: str):
    assert any(
        "USING COVERING INDEX ledger_by_guild" in line for line in await plan_of(store, name)
    )


@pytest.mark.parametrize("name", ["waiting", "position"])
async def test_the_fair_order_is_read_from_the_index_alone(store: SqliteJobStore, name: str):
    plan = await plan_of(store, name)
    assert any("queued USING COVERING INDEX jobs_waiting (provider=?)" in line for line in plan)


@pytest.mark.parametrize("name", _SEARCHES)
async def test_a_search_is_one_pass_in_the_order_of_its_index(store: SqliteJobStore, name: str):
    first, second = await plan_of(store, name)

    # By words (M) between two rowids (><), in their order (64) or the reverse (128 more).
    assert re.fullmatch(r"SCAN search_\w+ VIRTUAL TABLE INDEX (64|192):M\d+><", first)
    assert second == "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"
