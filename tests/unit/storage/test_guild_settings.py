from __future__ import annotations

from dataclasses import fields, replace

import pytest

from bot.chat.moderation.audit_text import audit_text
from bot.errors import StorageError
from bot.guild import EVERYWHERE, WINDOWS, Block, Budget, Grant, GuildSettings, Scope, Unit
from bot.quota.sentences import amount
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_rows import audit_value_of
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW, after
from tests.unit.storage.guild_settings_factories import (
    CHANGED_SETTINGS,
    MODERATOR,
    OPERATOR,
    WEEK,
    audit_lines,
    audit_log,
    block,
    limit,
)


async def test_limits_come_by_scope_subject_unit_and_window(guild_store: SqliteGuildSettingsStore):
    limits = (
        limit(Scope.USER, 1001, 5),
        limit(Scope.USER, 1001, 20, window=WEEK),
        limit(Scope.USER, 1001, 60, unit=Unit.SECONDS),
        limit(Scope.USER, 1002, 0),
        limit(Scope.ROLE, 300, None, unit=Unit.USD_MICROS),
        limit(Scope.GUILD, 7, 3),
    )

    await guild_store.set_limits(7, tuple(reversed(limits)), MODERATOR)

    assert await guild_store.limits(7) == limits
    assert await guild_store.limits(8) == ()


async def test_a_limit_takes_the_place_of_one_of_its_unit_and_window_only(
    guild_store: SqliteGuildSettingsStore,
):
    day, week = limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 9, window=WEEK)
    await guild_store.set_limits(7, [day, week], MODERATOR)

    await guild_store.set_limits(7, [replace(day, amount=None)], OPERATOR)

    assert await guild_store.limits(7) == (replace(day, amount=None), week)
    assert await audit_lines(guild_store) == [
        ("limit set", "<@1001>", "", "5 clips in 24 hours, 9 clips in 7 days"),
        ("limit set", "<@1001>", "5 clips in 24 hours", "any number of clips in 24 hours"),
    ]


async def test_one_call_tells_of_each_subject_and_only_of_what_changed(
    guild_store: SqliteGuildSettingsStore,
):
    kept = limit(Scope.ROLE, 300, 1)
    await guild_store.set_limits(7, [kept], MODERATOR)

    await guild_store.set_limits(
        7,
        [
            kept,
            limit(Scope.ROLE, 300, 12, unit=Unit.SECONDS, window=WEEK),
            limit(Scope.GUILD, 7, 1_234_567, unit=Unit.USD_MICROS, window=WINDOWS["month"]),
        ],
        MODERATOR,
    )

    assert (await audit_lines(guild_store))[1:] == [
        ("limit set", "<@&300>", "", "12 s of video in 7 days"),
        ("limit set", "server", "", "$1.234567 in 30 days"),
    ]


async def test_of_equal_limits_in_one_call_the_last_holds(guild_store: SqliteGuildSettingsStore):
    await guild_store.set_limits(
        7, [limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 6)], MODERATOR
    )

    assert await guild_store.limits(7) == (limit(Scope.USER, 1001, 6),)
    assert await audit_lines(guild_store) == [("limit set", "<@1001>", "", "6 clips in 24 hours")]


async def test_clearing_removes_all_limits_of_one_subject(guild_store: SqliteGuildSettingsStore):
    others = (
        limit(Scope.USER, 1002, 5),
        limit(Scope.ROLE, 1001, 5),
        limit(Scope.GUILD, 7, 5),
    )
    mine = [limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 9, window=WEEK)]
    await guild_store.set_limits(7, [*others, *mine], MODERATOR)
    await guild_store.set_limits(8, mine, MODERATOR)

    assert await guild_store.clear_limits(7, Scope.USER, 1001, MODERATOR) == 2
    assert await guild_store.clear_limits(7, Scope.USER, 1001, MODERATOR) == 0

    assert await guild_store.limits(7) == others
    assert await guild_store.limits(8) == tuple(mine)
    cleared = [each for each in await audit_lines(guild_store) if each[0] == "limits cleared"]
    assert cleared == [("limits cleared", "<@1001>", "5 clips in 24 hours, 9 clips in 7 days", "")]


async def test_limits_with_one_that_makes_no_sense_are_refused_whole(
    guild_store: SqliteGuildSettingsStore,
):
    for wrong in (
        limit(Scope.USER, 1001, -1),
        limit(Scope.BOT, 0, 1),
        limit(Scope.GUILD, 8, 1),
    ):
        with pytest.raises(StorageError, match="CHECK"):
            await guild_store.set_limits(7, [limit(Scope.USER, 1, 1), wrong], MODERATOR)

    assert await guild_store.limits(7) == ()
    assert await audit_log(guild_store) == ()


async def test_a_grant_is_kept_and_told(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    grants = (
        Grant(guild_id=7, user_id=1001, unit=Unit.CLIPS, amount=1, at=NOW, reason="won"),
        Grant(guild_id=7, user_id=1001, unit=Unit.USD_MICROS, amount=500_000, at=after(9)),
    )
    other = replace(grants[0], user_id=1002)
    for grant in (grants[1], grants[0], other, replace(grants[0], guild_id=8)):
        await guild_store.grant([grant], MODERATOR)

    assert await store.read_ledger(lambda ledger: ledger.grants(7, 1001, after(-1))) == grants
    assert await store.read_ledger(lambda ledger: ledger.grants(7, 1001, NOW)) == grants[1:]
    assert await audit_lines(guild_store) == [
        ("extra granted", "<@1001>", "", "$0.50"),
        ("extra granted", "<@1001>", "", "1 clip: won"),
        ("extra granted", "<@1002>", "", "1 clip: won"),
    ]


async def test_grants_given_together_are_given_whole_or_not_at_all(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    good = Grant(guild_id=7, user_id=1001, unit=Unit.CLIPS, amount=5, at=NOW)
    wrong = replace(good, unit=Unit.SECONDS, amount=-1)
    with pytest.raises(StorageError, match="CHECK"):
        await guild_store.grant([good, wrong], MODERATOR)

    assert await store.read_ledger(lambda ledger: ledger.grants(7, 1001, after(-1))) == ()
    assert await audit_log(guild_store) == ()


async def test_a_budget_is_set_changed_and_lifted(guild_store: SqliteGuildSettingsStore):
    first = Budget(usd_micros=20_000_000, alert_channel_id=76)
    assert await guild_store.budget(7) is None
    for budget in (first, first, replace(first, alert_channel_id=None), None, None):
        await guild_store.set_budget(7, budget, MODERATOR)
        assert await guild_store.budget(7) == budget
        assert await guild_store.budget(8) is None

    warned, quiet = "$20.00 in 30 days, warnings in <#76>", "$20.00 in 30 days"
    assert await audit_lines(guild_store) == [
        ("budget set", "server", "", warned),
        ("budget set", "server", warned, quiet),
        ("budget cleared", "server", quiet, ""),
    ]


async def test_a_block_is_in_force_until_its_end(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    short = block(until=after(60), reason="spam")
    lasting = block(user_id=1002, at=after(1))
    for each in (short, lasting, block(guild_id=8)):
        await guild_store.block(each, MODERATOR)

    async def of(user_id: int, at: float) -> Block | None:
        return await store.read_ledger(lambda ledger: ledger.block_of(7, user_id, after(at)))

    assert await guild_store.blocks(7, after(59.999)) == (lasting, short)
    assert await guild_store.blocks(7, after(60)) == (lasting,)
    assert [await of(1001, 59.999), await of(1001, 60)] == [short, None]
    assert [await of(1002, 10**9), await of(1003, 1)] == [lasting, None]


async def test_a_second_block_replaces_the_first(guild_store: SqliteGuildSettingsStore):
    await guild_store.block(block(until=after(3600), reason="spam"), MODERATOR)
    second = block(at=after(9), by_user_id=6)

    await guild_store.block(second, Actor(user_id=6, at=after(9)))

    assert await guild_store.blocks(7, after(10)) == (second,)
    first = "until 2026-10-01 13:00 UTC: spam"
    assert await audit_lines(guild_store) == [
        ("blocked", "<@1001>", "", first),
        ("blocked", "<@1001>", first, "until lifted"),
    ]


async def test_an_equal_block_changes_nothing(guild_store: SqliteGuildSettingsStore):
    first = block(reason="spam")
    await guild_store.block(first, MODERATOR)

    await guild_store.block(
        replace(first, at=after(9), by_user_id=6), Actor(user_id=6, at=after(9))
    )

    assert await guild_store.blocks(7, after(10)) == (first,)
    assert len(await audit_log(guild_store)) == 1


async def test_blocks_that_end_in_the_same_minute_are_both_told(
    guild_store: SqliteGuildSettingsStore,
):
    for seconds in (1, 2):
        await guild_store.block(block(until=after(seconds)), MODERATOR)

    assert len(await audit_log(guild_store)) == 2


async def test_a_block_that_ran_out_is_nothing_to_lift_or_to_replace(
    guild_store: SqliteGuildSettingsStore,
):
    later = Actor(user_id=5, at=after(60))
    await guild_store.block(block(until=after(60)), MODERATOR)

    assert not await guild_store.unblock(7, 1001, later)
    # Not even for a clock that was set back.
    assert await guild_store.blocks(7, NOW) == ()
    await guild_store.block(block(at=after(60), until=after(120)), later)

    assert (await audit_lines(guild_store))[1:] == [
        ("blocked", "<@1001>", "", "until 2026-10-01 12:02 UTC")
    ]


async def test_a_block_is_lifted_once(guild_store: SqliteGuildSettingsStore):
    await guild_store.block(block(reason="spam"), MODERATOR)
    await guild_store.block(block(user_id=1002), MODERATOR)

    assert await guild_store.unblock(7, 1001, OPERATOR)
    assert not await guild_store.unblock(7, 1001, OPERATOR)
    assert not await guild_store.unblock(8, 1002, OPERATOR)

    assert [each.user_id for each in await guild_store.blocks(7, NOW)] == [1002]
    assert (await audit_lines(guild_store))[2:] == [
        ("unblocked", "<@1001>", "until lifted: spam", "")
    ]


async def test_rules_are_the_defaults_until_they_are_changed(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    assert await guild_store.guild_settings(7) == GuildSettings()

    assert await guild_store.replace_guild_settings(
        7, CHANGED_SETTINGS, MODERATOR, expected=GuildSettings()
    )

    assert await guild_store.guild_settings(7) == CHANGED_SETTINGS
    assert await store.read_ledger(lambda ledger: ledger.guild_settings(7)) == CHANGED_SETTINGS
    assert await guild_store.guild_settings(8) == GuildSettings()


@pytest.mark.parametrize("name", [each.name for each in fields(GuildSettings)])
async def test_each_rule_is_kept_and_told_alone(guild_store: SqliteGuildSettingsStore, name: str):
    changed = GuildSettings(**{name: getattr(CHANGED_SETTINGS, name)})

    assert await guild_store.replace_guild_settings(7, changed, MODERATOR, expected=GuildSettings())

    assert await guild_store.guild_settings(7) == changed
    ((what, subject, before, after_),) = await audit_lines(guild_store)
    assert (what, subject) == ("settings", "server")
    assert before != after_
    assert before.split(":")[0] == after_.split(":")[0]
    assert ";" not in before + after_


def test_settings_are_worded_with_their_labels():
    names = ("channel_ids", "default_seconds", "post", "remix_role_id", "max_active_per_user")
    before, after_ = (
        audit_text({name: getattr(each, name) for name in names})
        for each in (GuildSettings(), CHANGED_SETTINGS)
    )

    assert before == (
        "channels: all; default length: none; posted: place; remixing role: none; "
        "under way for each member: as the operator set it"
    )
    assert after_ == (
        "channels: <#70>, <#71>; default length: 8 s; posted: thread; remixing role: <@&300>; "
        "under way for each member: 0"
    )


def test_words_that_a_release_before_stored_stay_as_they_are():
    assert audit_value_of("$20.00 in 30 days") == "$20.00 in 30 days"
    assert audit_text(audit_value_of("gallery: none")) == "gallery: none"


async def test_the_operators_choice_of_providers_is_kept_like_a_servers_rules(
    store: SqliteJobStore, guild_store: SqliteGuildSettingsStore
):
    chosen = GuildSettings(preferred_provider="openai", drained_providers=("local",))

    assert await guild_store.replace_guild_settings(
        EVERYWHERE, chosen, OPERATOR, expected=GuildSettings()
    )
    assert not await guild_store.replace_guild_settings(
        EVERYWHERE, chosen, OPERATOR, expected=GuildSettings()
    )

    assert await guild_store.guild_settings(EVERYWHERE) == chosen
    assert await store.read_ledger(lambda ledger: ledger.guild_settings(EVERYWHERE)) == chosen
    assert await guild_store.guild_settings(7) == GuildSettings()
    assert await audit_log(guild_store) == ()
    (entry,) = await audit_log(guild_store, EVERYWHERE)
    assert (entry.guild_id, entry.by_user_id) == (0, None)
    assert (entry.what, entry.subject) == ("settings", "everywhere")
    assert entry.before == {"preferred_provider": None, "drained_providers": ()}
    assert entry.after == {"preferred_provider": "openai", "drained_providers": ("local",)}


async def test_rules_are_changed_only_as_they_were_seen(guild_store: SqliteGuildSettingsStore):
    mine, theirs = GuildSettings(default_seconds=4), GuildSettings(default_seconds=8)
    assert await guild_store.replace_guild_settings(7, theirs, MODERATOR, expected=GuildSettings())

    assert not await guild_store.replace_guild_settings(
        7, mine, MODERATOR, expected=GuildSettings()
    )
    assert not await guild_store.replace_guild_settings(
        7, theirs, MODERATOR, expected=GuildSettings()
    )

    assert await guild_store.guild_settings(7) == theirs
    assert len(await audit_log(guild_store)) == 1


async def test_rules_that_stay_the_same_are_not_told(guild_store: SqliteGuildSettingsStore):
    assert await guild_store.replace_guild_settings(
        7, GuildSettings(), MODERATOR, expected=GuildSettings()
    )
    assert await audit_log(guild_store) == ()


@pytest.mark.parametrize(
    ("usd_micros", "words"),
    [
        (0, "$0"),
        (1, "$0.000001"),
        (10_000, "$0.01"),
        (1_500_000, "$1.50"),
        (12_345_000, "$12.345"),
    ],
)
def test_money_is_told_to_the_last_digit(usd_micros: int, words: str):
    assert amount(Unit.USD_MICROS, usd_micros) == words
