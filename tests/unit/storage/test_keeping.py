from __future__ import annotations

from dataclasses import fields, replace

import pytest

from bot.errors import StorageError
from bot.server import EVERYWHERE, WINDOWS, Block, Budget, Grant, HouseRules, Scope, Unit
from bot.storage import wording
from bot.storage.keeping import Actor
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import NOW, after
from tests.unit.storage.scene_keeping import (
    FURNISHED,
    MODERATOR,
    OPERATOR,
    WEEK,
    block,
    limit,
    told,
    trail,
)


async def test_limits_come_by_scope_subject_unit_and_window(keeping: SqliteKeeping):
    limits = (
        limit(Scope.USER, 1001, 5),
        limit(Scope.USER, 1001, 20, window=WEEK),
        limit(Scope.USER, 1001, 60, unit=Unit.SECONDS),
        limit(Scope.USER, 1002, 0),
        limit(Scope.ROLE, 300, None, unit=Unit.USD_MICROS),
        limit(Scope.SERVER, 7, 3),
    )

    await keeping.set_limits(7, tuple(reversed(limits)), MODERATOR)

    assert await keeping.limits(7) == limits
    assert await keeping.limits(8) == ()


async def test_a_limit_takes_the_place_of_one_of_its_unit_and_window_only(keeping: SqliteKeeping):
    day, week = limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 9, window=WEEK)
    await keeping.set_limits(7, [day, week], MODERATOR)

    await keeping.set_limits(7, [replace(day, amount=None)], OPERATOR)

    assert await keeping.limits(7) == (replace(day, amount=None), week)
    assert await told(keeping) == [
        ("limit set", "<@1001>", "", "5 clips in 24 hours, 9 clips in 7 days"),
        ("limit set", "<@1001>", "5 clips in 24 hours", "any number of clips in 24 hours"),
    ]


async def test_one_call_tells_of_each_subject_and_only_of_what_changed(keeping: SqliteKeeping):
    kept = limit(Scope.ROLE, 300, 1)
    await keeping.set_limits(7, [kept], MODERATOR)

    await keeping.set_limits(
        7,
        [
            kept,
            limit(Scope.ROLE, 300, 12, unit=Unit.SECONDS, window=WEEK),
            limit(Scope.SERVER, 7, 1_234_567, unit=Unit.USD_MICROS, window=WINDOWS["month"]),
        ],
        MODERATOR,
    )

    assert (await told(keeping))[1:] == [
        ("limit set", "<@&300>", "", "12 s of video in 7 days"),
        ("limit set", "server", "", "$1.234567 in 30 days"),
    ]


async def test_of_equal_limits_in_one_call_the_last_holds(keeping: SqliteKeeping):
    await keeping.set_limits(7, [limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 6)], MODERATOR)

    assert await keeping.limits(7) == (limit(Scope.USER, 1001, 6),)
    assert await told(keeping) == [("limit set", "<@1001>", "", "6 clips in 24 hours")]


async def test_clearing_removes_all_limits_of_one_subject(keeping: SqliteKeeping):
    others = (
        limit(Scope.USER, 1002, 5),
        limit(Scope.ROLE, 1001, 5),
        limit(Scope.SERVER, 7, 5),
    )
    mine = [limit(Scope.USER, 1001, 5), limit(Scope.USER, 1001, 9, window=WEEK)]
    await keeping.set_limits(7, [*others, *mine], MODERATOR)
    await keeping.set_limits(8, mine, MODERATOR)

    assert await keeping.clear_limits(7, Scope.USER, 1001, MODERATOR) == 2
    assert await keeping.clear_limits(7, Scope.USER, 1001, MODERATOR) == 0

    assert await keeping.limits(7) == others
    assert await keeping.limits(8) == tuple(mine)
    cleared = [each for each in await told(keeping) if each[0] == "limits cleared"]
    assert cleared == [("limits cleared", "<@1001>", "5 clips in 24 hours, 9 clips in 7 days", "")]


async def test_limits_with_one_that_makes_no_sense_are_refused_whole(keeping: SqliteKeeping):
    for wrong in (limit(Scope.USER, 1001, -1), limit(Scope.BOT, 0, 1), limit(Scope.SERVER, 8, 1)):
        with pytest.raises(StorageError, match="CHECK"):
            await keeping.set_limits(7, [limit(Scope.USER, 1, 1), wrong], MODERATOR)

    assert await keeping.limits(7) == ()
    assert await trail(keeping) == ()


async def test_a_grant_is_kept_and_told(store: SqliteStore, keeping: SqliteKeeping):
    grants = (
        Grant(guild_id=7, user_id=1001, unit=Unit.CLIPS, amount=1, at=NOW, reason="won"),
        Grant(guild_id=7, user_id=1001, unit=Unit.USD_MICROS, amount=500_000, at=after(9)),
    )
    other = replace(grants[0], user_id=1002)
    for grant in (grants[1], grants[0], other, replace(grants[0], guild_id=8)):
        await keeping.grant([grant], MODERATOR)

    assert await store.consult(lambda books: books.grants(7, 1001, after(-1))) == grants
    assert await store.consult(lambda books: books.grants(7, 1001, NOW)) == grants[1:]
    assert await told(keeping) == [
        ("extra granted", "<@1001>", "", "$0.50"),
        ("extra granted", "<@1001>", "", "1 clip: won"),
        ("extra granted", "<@1002>", "", "1 clip: won"),
    ]


async def test_grants_given_together_are_given_whole_or_not_at_all(
    store: SqliteStore, keeping: SqliteKeeping
):
    good = Grant(guild_id=7, user_id=1001, unit=Unit.CLIPS, amount=5, at=NOW)
    wrong = replace(good, unit=Unit.SECONDS, amount=-1)
    with pytest.raises(StorageError, match="CHECK"):
        await keeping.grant([good, wrong], MODERATOR)

    assert await store.consult(lambda books: books.grants(7, 1001, after(-1))) == ()
    assert await trail(keeping) == ()


async def test_a_budget_is_set_changed_and_lifted(keeping: SqliteKeeping):
    first = Budget(usd_micros=20_000_000, warn_channel_id=76)
    assert await keeping.budget(7) is None
    for budget in (first, first, replace(first, warn_channel_id=None), None, None):
        await keeping.set_budget(7, budget, MODERATOR)
        assert await keeping.budget(7) == budget
        assert await keeping.budget(8) is None

    warned, quiet = "$20.00 in 30 days, warnings in <#76>", "$20.00 in 30 days"
    assert await told(keeping) == [
        ("budget set", "server", "", warned),
        ("budget set", "server", warned, quiet),
        ("budget cleared", "server", quiet, ""),
    ]


async def test_a_block_is_in_force_until_its_end(store: SqliteStore, keeping: SqliteKeeping):
    short = block(until=after(60), reason="spam")
    lasting = block(user_id=1002, at=after(1))
    for each in (short, lasting, block(guild_id=8)):
        await keeping.block(each, MODERATOR)

    async def of(user_id: int, at: float) -> Block | None:
        return await store.consult(lambda books: books.block_of(7, user_id, after(at)))

    assert await keeping.blocks(7, after(59.999)) == (lasting, short)
    assert await keeping.blocks(7, after(60)) == (lasting,)
    assert [await of(1001, 59.999), await of(1001, 60)] == [short, None]
    assert [await of(1002, 10**9), await of(1003, 1)] == [lasting, None]


async def test_a_second_block_replaces_the_first(keeping: SqliteKeeping):
    await keeping.block(block(until=after(3600), reason="spam"), MODERATOR)
    second = block(at=after(9), by_user_id=6)

    await keeping.block(second, Actor(user_id=6, at=after(9)))

    assert await keeping.blocks(7, after(10)) == (second,)
    first = "until 2026-10-01 13:00 UTC: spam"
    assert await told(keeping) == [
        ("blocked", "<@1001>", "", first),
        ("blocked", "<@1001>", first, "until lifted"),
    ]


async def test_an_equal_block_changes_nothing(keeping: SqliteKeeping):
    first = block(reason="spam")
    await keeping.block(first, MODERATOR)

    await keeping.block(replace(first, at=after(9), by_user_id=6), Actor(user_id=6, at=after(9)))

    assert await keeping.blocks(7, after(10)) == (first,)
    assert len(await trail(keeping)) == 1


async def test_blocks_that_end_in_the_same_minute_are_both_told(keeping: SqliteKeeping):
    for seconds in (1, 2):
        await keeping.block(block(until=after(seconds)), MODERATOR)

    assert len(await trail(keeping)) == 2


async def test_a_block_that_ran_out_is_nothing_to_lift_or_to_replace(keeping: SqliteKeeping):
    later = Actor(user_id=5, at=after(60))
    await keeping.block(block(until=after(60)), MODERATOR)

    assert not await keeping.unblock(7, 1001, later)
    # Not even for a clock that was set back.
    assert await keeping.blocks(7, NOW) == ()
    await keeping.block(block(at=after(60), until=after(120)), later)

    assert (await told(keeping))[1:] == [("blocked", "<@1001>", "", "until 2026-10-01 12:02 UTC")]


async def test_a_block_is_lifted_once(keeping: SqliteKeeping):
    await keeping.block(block(reason="spam"), MODERATOR)
    await keeping.block(block(user_id=1002), MODERATOR)

    assert await keeping.unblock(7, 1001, OPERATOR)
    assert not await keeping.unblock(7, 1001, OPERATOR)
    assert not await keeping.unblock(8, 1002, OPERATOR)

    assert [each.user_id for each in await keeping.blocks(7, NOW)] == [1002]
    assert (await told(keeping))[2:] == [("unblocked", "<@1001>", "until lifted: spam", "")]


async def test_rules_are_the_defaults_until_they_are_changed(
    store: SqliteStore, keeping: SqliteKeeping
):
    assert await keeping.rules(7) == HouseRules()

    assert await keeping.change_rules(7, FURNISHED, MODERATOR, seen=HouseRules())

    assert await keeping.rules(7) == FURNISHED
    assert await store.consult(lambda books: books.rules(7)) == FURNISHED
    assert await keeping.rules(8) == HouseRules()


@pytest.mark.parametrize("name", [each.name for each in fields(HouseRules)])
async def test_each_rule_is_kept_and_told_alone(keeping: SqliteKeeping, name: str):
    changed = HouseRules(**{name: getattr(FURNISHED, name)})

    assert await keeping.change_rules(7, changed, MODERATOR, seen=HouseRules())

    assert await keeping.rules(7) == changed
    ((what, subject, before, after_),) = await told(keeping)
    assert (what, subject) == ("settings", "server")
    assert before != after_
    assert before.split(":")[0] == after_.split(":")[0]
    assert ";" not in before + after_


def test_rules_are_told_in_words():
    before, after_ = wording.rules(HouseRules(), FURNISHED)

    assert before.startswith("channels: all; models: all; default model: none; default length")
    assert after_ == (
        "channels: <#70>, <#71>; models: local/toy, openai/sora-2; default model: local/toy; "
        "default length: 8 s; default size: 1280x720; posted: thread; gallery: <#75>; log: <#76>; "
        "remixers: role; remixing role: <@&300>; under way for each member: 0; "
        "under way in the server: 9; provider tried first: openai; drained providers: local, fal"
    )


async def test_the_operators_choice_of_providers_is_kept_like_a_servers_rules(
    store: SqliteStore, keeping: SqliteKeeping
):
    chosen = HouseRules(preferred_provider="openai", drained_providers=("local",))

    assert await keeping.change_rules(EVERYWHERE, chosen, OPERATOR, seen=HouseRules())
    assert not await keeping.change_rules(EVERYWHERE, chosen, OPERATOR, seen=HouseRules())

    assert await keeping.rules(EVERYWHERE) == chosen
    assert await store.consult(lambda books: books.rules(EVERYWHERE)) == chosen
    assert await keeping.rules(7) == HouseRules()
    assert await trail(keeping) == ()
    (entry,) = await trail(keeping, EVERYWHERE)
    assert (entry.guild_id, entry.by_user_id) == (0, None)
    assert (entry.what, entry.subject) == ("settings", "everywhere")
    assert entry.before == "provider tried first: as the operator set it; drained providers: none"
    assert entry.after == "provider tried first: openai; drained providers: local"


async def test_rules_are_changed_only_as_they_were_seen(keeping: SqliteKeeping):
    mine, theirs = HouseRules(default_seconds=4), HouseRules(default_seconds=8)
    assert await keeping.change_rules(7, theirs, MODERATOR, seen=HouseRules())

    assert not await keeping.change_rules(7, mine, MODERATOR, seen=HouseRules())
    assert not await keeping.change_rules(7, theirs, MODERATOR, seen=HouseRules())

    assert await keeping.rules(7) == theirs
    assert len(await trail(keeping)) == 1


async def test_rules_that_stay_the_same_are_not_told(keeping: SqliteKeeping):
    assert await keeping.change_rules(7, HouseRules(), MODERATOR, seen=HouseRules())
    assert await trail(keeping) == ()


@pytest.mark.parametrize(
    ("usd_micros", "words"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (10_000, "$0.01"),
        (1_500_000, "$1.50"),
        (12_345_000, "$12.345"),
    ],
)
def test_money_is_told_to_the_last_digit(usd_micros: int, words: str):
    assert wording.dollars(usd_micros) == words
