from __future__ import annotations

import sqlite3

import pytest

from bot.errors import StorageError
from bot.guild import AuditEntry, Budget, Grant, GuildSettings, Scope, Unit
from bot.model import State
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW, after, reach
from tests.unit.storage.guild_settings_factories import (
    CHANGED_SETTINGS,
    MODERATOR,
    OPERATOR,
    audit_log,
    block,
    limit,
)


async def test_an_entry_says_who_and_when(guild_store: SqliteGuildSettingsStore):
    await guild_store.block(block(), MODERATOR)
    await guild_store.unblock(7, 1001, OPERATOR)

    last, first = await audit_log(guild_store)

    assert first == AuditEntry(
        id=first.id,
        guild_id=7,
        at=NOW,
        by_user_id=5,
        what="blocked",
        subject="<@1001>",
        before="",
        after=block(),
    )
    assert (last.by_user_id, last.at) == (None, after(60))
    assert last.id > first.id


async def test_the_audit_log_is_paged_and_of_one_server(guild_store: SqliteGuildSettingsStore):
    for number in range(1, 6):
        await guild_store.set_limits(7, [limit(Scope.GUILD, 7, number)], MODERATOR)
        await guild_store.set_limits(8, [limit(Scope.GUILD, 8, number)], MODERATOR)
    entries = await audit_log(guild_store)

    pages = [
        await guild_store.audit_log(7, None, before_id=before_id, limit=2)
        for before_id in (None, entries[1].id, entries[3].id, entries[4].id)
    ]

    assert pages == [entries[:2], entries[2:4], entries[4:], ()]
    assert [each.after for each in entries] == [
        (limit(Scope.GUILD, 7, number),) for number in (5, 4, 3, 2, 1)
    ]


async def test_the_audit_log_of_a_member_has_what_they_did_and_what_was_done_to_them(
    guild_store: SqliteGuildSettingsStore,
):
    other = Actor(user_id=6, at=NOW)
    await guild_store.set_limits(7, [limit(Scope.USER, 5, 1)], other)
    await guild_store.set_limits(7, [limit(Scope.USER, 5, 2)], MODERATOR)
    await guild_store.set_limits(7, [limit(Scope.ROLE, 5, 3)], other)
    await guild_store.block(block(user_id=1002), MODERATOR)
    await guild_store.grant(
        [Grant(guild_id=7, user_id=5, unit=Unit.CLIPS, amount=1, at=NOW)], OPERATOR
    )
    await guild_store.set_limits(8, [limit(Scope.USER, 5, 1)], MODERATOR)
    entries = await audit_log(guild_store)

    of_five = await guild_store.audit_log(7, 5, before_id=None, limit=9)

    assert of_five == (entries[0], entries[1], entries[3], entries[4])
    assert await guild_store.audit_log(7, 5, before_id=None, limit=3) == of_five[:3]
    assert await guild_store.audit_log(7, 5, before_id=of_five[1].id, limit=1) == of_five[2:3]


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
async def test_the_database_itself_refuses_to_change_the_audit_log(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore, sql: str, says: str
):
    await guild_store.grant(
        [Grant(guild_id=7, user_id=1, unit=Unit.CLIPS, amount=1, at=NOW)], OPERATOR
    )
    before = await audit_log(guild_store)

    def change(conn: sqlite3.Connection) -> None:
        conn.execute("PRAGMA recursive_triggers = OFF")
        conn.execute(sql)

    for fn in (lambda conn: conn.execute(sql), change):
        with pytest.raises(StorageError, match=says):
            await store.database.write(fn)

    assert await audit_log(guild_store) == before
    assert len(before) == 1


async def test_a_change_that_cannot_be_told_is_not_made(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    await store.database.write(lambda conn: conn.execute("DROP TABLE audit"))

    for change in (
        guild_store.set_limits(7, [limit(Scope.USER, 1001, 5)], MODERATOR),
        guild_store.block(block(), MODERATOR),
        guild_store.set_budget(7, Budget(usd_micros=1), MODERATOR),
        guild_store.replace_guild_settings(
            7, CHANGED_SETTINGS, MODERATOR, expected=GuildSettings()
        ),
    ):
        with pytest.raises(StorageError, match="audit"):
            await change

    assert await guild_store.limits(7) == ()
    assert await guild_store.blocks(7, NOW) == ()
    assert await guild_store.budget(7) is None
    assert await guild_store.guild_settings(7) == GuildSettings()


async def test_the_first_request_of_a_moderator_to_stop_a_clip_is_told_and_no_other(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    job = await reach(store, State.RENDERING)
    its_owners_own = await reach(store, State.RENDERING, 2)
    over = await reach(store, State.DONE, 3)

    for seconds in (60, 90):
        await store.request_cancel(job, after(seconds), by_moderator=5)
    await store.request_cancel(its_owners_own, after(60))
    await store.request_cancel(its_owners_own, after(90), by_moderator=5)
    assert await store.request_cancel(over, after(60), by_moderator=5) is None

    (told,) = await audit_log(guild_store)
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
    assert await guild_store.audit_log(7, 1001, before_id=None, limit=9) == (told,)
