from __future__ import annotations

import sqlite3

import pytest

from bot.errors import StorageError
from bot.model import State
from bot.server import AuditEntry, Budget, Grant, HouseRules, Scope, Unit
from bot.storage.keeping import Actor
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import NOW, after, reach
from tests.unit.storage.scene_keeping import FURNISHED, MODERATOR, OPERATOR, block, limit, trail


async def test_an_entry_says_who_and_when(keeping: SqliteKeeping):
    await keeping.block(block(), MODERATOR)
    await keeping.unblock(7, 1001, OPERATOR)

    last, first = await trail(keeping)

    assert first == AuditEntry(
        id=first.id,
        guild_id=7,
        at=NOW,
        by_user_id=5,
        what="blocked",
        subject="<@1001>",
        before="",
        after="until lifted",
    )
    assert (last.by_user_id, last.at) == (None, after(60))
    assert last.id > first.id


async def test_the_trail_is_paged_and_of_one_server(keeping: SqliteKeeping):
    for number in range(1, 6):
        await keeping.set_limits(7, [limit(Scope.SERVER, 7, number)], MODERATOR)
        await keeping.set_limits(8, [limit(Scope.SERVER, 8, number)], MODERATOR)
    entries = await trail(keeping)

    pages = [
        await keeping.audit(7, None, before_id=before_id, limit=2)
        for before_id in (None, entries[1].id, entries[3].id, entries[4].id)
    ]

    assert pages == [entries[:2], entries[2:4], entries[4:], ()]
    assert [each.after[0] for each in entries] == ["5", "4", "3", "2", "1"]


async def test_the_trail_of_a_member_has_what_they_did_and_what_was_done_to_them(
    keeping: SqliteKeeping,
):
    other = Actor(user_id=6, at=NOW)
    await keeping.set_limits(7, [limit(Scope.USER, 5, 1)], other)
    await keeping.set_limits(7, [limit(Scope.USER, 5, 2)], MODERATOR)
    await keeping.set_limits(7, [limit(Scope.ROLE, 5, 3)], other)
    await keeping.block(block(user_id=1002), MODERATOR)
    await keeping.grant([Grant(guild_id=7, user_id=5, unit=Unit.CLIPS, amount=1, at=NOW)], OPERATOR)
    await keeping.set_limits(8, [limit(Scope.USER, 5, 1)], MODERATOR)
    entries = await trail(keeping)

    of_five = await keeping.audit(7, 5, before_id=None, limit=9)

    assert of_five == (entries[0], entries[1], entries[3], entries[4])
    assert await keeping.audit(7, 5, before_id=None, limit=3) == of_five[:3]
    assert await keeping.audit(7, 5, before_id=of_five[1].id, limit=1) == of_five[2:3]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE audit SET after = ''", "never changes"),
        ("DELETE FROM audit", "never deleted"),
        ("REPLACE INTO audit SELECT * FROM audit", "replaces no other"),
        ("UPDATE grants SET amount = 99", "never changes"),
        ("DELETE FROM grants", "never deleted"),
        ("REPLACE INTO grants SELECT * FROM grants", "replaces no other"),
    ],
)
async def test_the_database_itself_refuses_to_change_the_trail(
    store: SqliteStore, keeping: SqliteKeeping, sql: str, says: str
):
    await keeping.grant([Grant(guild_id=7, user_id=1, unit=Unit.CLIPS, amount=1, at=NOW)], OPERATOR)
    before = await trail(keeping)

    def change(conn: sqlite3.Connection) -> None:
        conn.execute("PRAGMA recursive_triggers = OFF")
        conn.execute(sql)

    for fn in (lambda conn: conn.execute(sql), change):
        with pytest.raises(StorageError, match=says):
            await store.database.write(fn)

    assert await trail(keeping) == before
    assert len(before) == 1


async def test_a_change_that_cannot_be_told_is_not_made(store: SqliteStore, keeping: SqliteKeeping):
    await store.database.write(lambda conn: conn.execute("DROP TABLE audit"))

    for change in (
        keeping.set_limits(7, [limit(Scope.USER, 1001, 5)], MODERATOR),
        keeping.block(block(), MODERATOR),
        keeping.set_budget(7, Budget(usd_micros=1), MODERATOR),
        keeping.change_rules(7, FURNISHED, MODERATOR, seen=HouseRules()),
    ):
        with pytest.raises(StorageError, match="audit"):
            await change

    assert await keeping.limits(7) == ()
    assert await keeping.blocks(7, NOW) == ()
    assert await keeping.budget(7) is None
    assert await keeping.rules(7) == HouseRules()


async def test_the_first_wish_of_a_moderator_to_stop_a_clip_is_told_and_no_other(
    store: SqliteStore, keeping: SqliteKeeping
):
    job = await reach(store, State.RENDERING)
    its_owners_own = await reach(store, State.RENDERING, 2)
    over = await reach(store, State.DONE, 3)

    for seconds in (60, 90):
        await store.request_cancel(job, after(seconds), by_moderator=5)
    await store.request_cancel(its_owners_own, after(60))
    await store.request_cancel(its_owners_own, after(90), by_moderator=5)
    assert await store.request_cancel(over, after(60), by_moderator=5) is None

    (told,) = await trail(keeping)
    assert told == AuditEntry(
        id=told.id,
        guild_id=7,
        at=after(60),
        by_user_id=5,
        what="clip stopped",
        subject="<@1001>",
        before=f"{job.id}, rendering",
        after="to be cancelled",
    )
    assert await keeping.audit(7, 1001, before_id=None, limit=9) == (told,)
