"""Tests of which limit decides: the member's, their most generous role's, the guild's, the bot's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.guild import GuildLimit, Limit, Scope, Unit
from bot.quota.effective_limits import resolve
from tests.unit.quota.in_memory_ledger import DAY, MONTH, PAINTERS, POETS, WEEK, clips, set_limit

USER, ROLE, SERVER, BOT = Scope.USER, Scope.ROLE, Scope.GUILD, Scope.BOT
DEFAULTS = (clips(10), Limit(unit=Unit.SECONDS, amount=60, window=DAY))


def painters(amount: int | None, window: timedelta = DAY) -> GuildLimit:
    return set_limit(ROLE, amount, window, subject_id=PAINTERS)


def poets(amount: int | None, window: timedelta = DAY) -> GuildLimit:
    return set_limit(ROLE, amount, window, subject_id=POETS)


def effective_limits(*limits: GuildLimit) -> tuple[Scope, int | None, list[tuple[int, int]]]:
    """Return the scope and id whose limit of clips decides, and its amounts with days of the window."""
    ruling = next(each for each in resolve(limits, DEFAULTS) if each.unit is Unit.CLIPS)
    return (
        ruling.scope,
        ruling.subject_id,
        [(limit.amount, limit.window.days) for limit in ruling.limits],
    )


@pytest.mark.parametrize("order", [1, -1], ids=["as told", "turned round"])
@pytest.mark.parametrize(
    ("limits", "decides", "amounts"),
    [
        ([], (BOT, None), [(10, 1)]),
        ([set_limit(SERVER, 20)], (SERVER, 71), [(20, 1)]),
        ([set_limit(SERVER, 20), painters(3)], (ROLE, PAINTERS), [(3, 1)]),
        ([set_limit(SERVER, 20), painters(3), set_limit(USER, 1)], (USER, 1), [(1, 1)]),
        ([painters(0), set_limit(USER, 8)], (USER, 1), [(8, 1)]),
        ([set_limit(USER, 0), painters(None)], (USER, 1), [(0, 1)]),
        ([set_limit(USER, None), painters(3)], (USER, 1), []),
        ([set_limit(SERVER, None)], (SERVER, 71), []),
        ([set_limit(USER, 20, WEEK), set_limit(USER, 5)], (USER, 1), [(5, 1), (20, 7)]),
        ([set_limit(USER, None, WEEK), set_limit(USER, 5)], (USER, 1), [(5, 1)]),
        ([painters(3), poets(5)], (ROLE, POETS), [(5, 1)]),
        ([painters(0), poets(1)], (ROLE, POETS), [(1, 1)]),
        ([painters(10**12), poets(None)], (ROLE, POETS), []),
        ([painters(None), poets(None)], (ROLE, PAINTERS), []),
        ([painters(20, WEEK), poets(3)], (ROLE, POETS), [(3, 1)]),
        ([painters(22, WEEK), poets(3)], (ROLE, PAINTERS), [(22, 7)]),
        ([painters(7, WEEK), poets(30, MONTH)], (ROLE, POETS), [(30, 30)]),
        ([painters(3), poets(3)], (ROLE, PAINTERS), [(3, 1)]),
        ([painters(50), painters(7, WEEK), poets(2)], (ROLE, POETS), [(2, 1)]),
        ([painters(None), painters(7, WEEK), poets(2)], (ROLE, POETS), [(2, 1)]),
        ([painters(1), poets(1), poets(7, WEEK)], (ROLE, PAINTERS), [(1, 1)]),
    ],
    ids=[
        "the bot's own where nothing is set",
        "the server's beats the bot's, though higher",
        "a role's beats the server's, though lower",
        "the member's own beats all, though lowest",
        "the member's own may be higher than a role's",
        "the member's own zero beats a lifted role",
        "a member may be let off",
        "a server may let all off",
        "all windows of the winner hold",
        "a lifted window leaves the other",
        "the more generous role",
        "anything is more than zero",
        "no limit is more than any limit",
        "two lifted roles: the smaller id",
        "20 a week are less than 3 a day",
        "22 a week are more than 3 a day",
        "as much a day: the larger amount",
        "equal: the smaller id",
        "a role is as generous as its tightest limit",
        "a lifted window does not lift the other",
        "equal in all that counts: the smaller id",
    ],
)
def test_one_rule_decides_about_a_unit(
    limits: list[GuildLimit],
    decides: tuple[Scope, int | None],
    amounts: list[tuple[int, int]],
    order: int,
):
    assert effective_limits(*limits[::order]) == (*decides, amounts)


def test_each_unit_is_decided_by_itself():
    rulings = resolve(
        [painters(3), set_limit(USER, 9_000_000, MONTH, unit=Unit.USD_MICROS)], DEFAULTS
    )
    assert [(each.unit, each.scope) for each in rulings] == [
        (Unit.CLIPS, ROLE),
        (Unit.SECONDS, BOT),
        (Unit.USD_MICROS, USER),
    ]


def test_a_unit_without_a_limit_has_no_effective_limit():
    assert [each.unit for each in resolve([], DEFAULTS)] == [Unit.CLIPS, Unit.SECONDS]
    assert resolve([], ()) == ()


def test_several_windows_of_the_bot_s_own_hold_together():
    (ruling,) = resolve([], [clips(20, WEEK), clips(5)])
    assert [limit.amount for limit in ruling.limits] == [5, 20]


def test_a_server_s_rule_counts_use_in_the_server_and_the_bot_s_counts_all():
    (own, default) = resolve([painters(3)], DEFAULTS)
    assert (own.within(71), default.within(71)) == (71, None)
