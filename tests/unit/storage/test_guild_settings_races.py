"""Many moderators at once: every change starts from the result of the change before it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bot.errors import OverQuotaError
from bot.guild import AuditEntry, GuildLimit, GuildSettings, Scope
from bot.storage.base import LedgerReader
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW, after, new_job, request
from tests.unit.storage.guild_settings_factories import (
    DAY,
    MODERATOR,
    audit_lines,
    audit_log,
    block,
    limit,
)

_ROOT = Path(__file__).parents[3]
_SIXTEEN = range(1, 17)


def actor(user_id: int) -> Actor:
    return Actor(user_id=user_id, at=NOW)


def server_limit(amount: int) -> GuildLimit:
    return limit(Scope.GUILD, 7, amount)


def assert_chained(entries: list[AuditEntry], now: object) -> None:
    """Check that each audit entry starts from the one before, and the last gives the current state."""
    befores = [each.before for each in entries]
    afters = [each.after for each in entries]
    assert befores == ["", *afters[:-1]]
    assert afters[-1] == (now or "")


async def test_sixteen_who_set_a_limit_follow_one_another(guild_store: SqliteGuildSettingsStore):
    await asyncio.gather(
        *(guild_store.set_limits(7, [server_limit(n)], actor(n)) for n in _SIXTEEN),
    )

    entries = list(reversed(await audit_log(guild_store)))
    assert {each.by_user_id for each in entries} == set(_SIXTEEN)
    assert_chained(entries, await guild_store.limits(7))


async def test_sixteen_who_set_and_clear_follow_one_another(guild_store: SqliteGuildSettingsStore):
    counts = await asyncio.gather(
        *(
            guild_store.clear_limits(7, Scope.GUILD, 7, actor(n))
            if n % 2
            else guild_store.set_limits(7, [server_limit(n)], actor(n))
            for n in _SIXTEEN
        )
    )

    entries = list(reversed(await audit_log(guild_store)))
    assert len(entries) == len(_SIXTEEN) // 2 + counts.count(1)
    assert_chained(entries, await guild_store.limits(7))


async def test_of_sixteen_who_change_the_rules_they_saw_one_succeeds(
    guild_store: SqliteGuildSettingsStore,
):
    changed = await asyncio.gather(
        *(
            guild_store.replace_guild_settings(
                7, GuildSettings(max_active=n), actor(n), expected=GuildSettings()
            )
            for n in _SIXTEEN
        )
    )

    assert changed.count(True) == 1
    winner = changed.index(True) + 1
    assert await guild_store.guild_settings(7) == GuildSettings(max_active=winner)
    assert [each.by_user_id for each in await audit_log(guild_store)] == [winner]


async def test_of_sixteen_who_lift_a_block_one_did_it(guild_store: SqliteGuildSettingsStore):
    await guild_store.block(block(), MODERATOR)

    lifted = await asyncio.gather(*(guild_store.unblock(7, 1001, actor(n)) for n in _SIXTEEN))

    assert lifted.count(True) == 1
    assert [each[0] for each in await audit_lines(guild_store)] == ["blocked", "unblocked"]


async def test_of_sixteen_equal_blocks_one_is_told(guild_store: SqliteGuildSettingsStore):
    await asyncio.gather(*(guild_store.block(block(), actor(n)) for n in _SIXTEEN))

    assert len(await audit_lines(guild_store)) == 1
    assert len(await guild_store.blocks(7, NOW)) == 1


async def test_a_limit_that_was_set_holds_for_everything_accepted_after_it(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    def check(ledger: LedgerReader) -> None:
        used = ledger.usage(1001, NOW - DAY, within=7).clips
        limits = ledger.limits_for(7, 1001, ())
        if any(each.amount is not None and used >= each.amount for each in limits):
            raise OverQuotaError("Enough.")

    accepted = await asyncio.gather(
        *(store.accept(request(n), [new_job()], check) for n in range(1, 9)),
        guild_store.set_limits(7, [server_limit(10)], MODERATOR),
        *(store.accept(request(n), [new_job()], check) for n in range(9, 17)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, OverQuotaError) for each in accepted) == 6
    usage = await store.read_ledger(lambda ledger: ledger.usage(1001, after(-1), within=7))
    assert usage.clips == 10


async def test_two_processes_that_change_the_same_server_lose_nothing(tmp_path: Path):
    path, count = tmp_path / "shared.sqlite3", 40
    processes = [
        await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "tests.unit.storage.guild_settings_writer",
                str(path),
                user_id,
                str(count),
            ),
            cwd=_ROOT,
        )
        for user_id in ("1", "2")
    ]
    assert [await each.wait() for each in processes] == [0, 0]

    store = await SqliteJobStore.open(path)
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    assert await guild_store.guild_settings(7) == replace(GuildSettings(), max_active=2 * count)
    entries = list(reversed(await guild_store.audit_log(7, None, before_id=None, limit=1000)))
    about_rules = [each for each in entries if each.what == "settings"]
    assert [each.after for each in about_rules] == [
        {"max_active": n} for n in range(1, 2 * count + 1)
    ]
    about_limits = [each for each in entries if each.what != "settings"]
    assert_chained(about_limits, await guild_store.limits(7))
    assert sum(each.what == "limit set" for each in about_limits) == 2 * count
    await store.close()
