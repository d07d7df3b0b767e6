"""Finds a quota unit that some places don't handle, where the type checker can't."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from discord import app_commands

from bot.guild import Unit
from bot.model import Usage
from bot.quota.limit_usage import amount_of, demand
from bot.quota.sentences import amount, units_named
from bot.shell.arguments import Parser
from bot.shell.quota import add_quota
from bot.storage.sqlite.jobs import SqliteJobStore
from cogs.mod_quota import ModQuotaCog
from tests.unit.storage.factories import after, new_job, request

PAGE = "docs/how-to/add-a-quota-unit.md"


def command(name: str) -> app_commands.Command[Any, ..., Any]:
    found = ModQuotaCog.quota.get_command(name)
    assert isinstance(found, app_commands.Command)
    return found


@pytest.mark.parametrize("unit", Unit)
def test_commands_take_each_unit(unit: Unit) -> None:
    for name in ("set", "grant"):
        options = {each.name for each in command(name).parameters}
        assert unit.option in options, (
            f"`/sora-mod quota {name}` has no option {unit.option!r}: add it in "
            f"cogs/mod_quota.py, see {PAGE}"
        )
    (lift,) = [each for each in command("set").parameters if each.name == "lift"]
    assert unit.option in {each.value for each in lift.choices}, (
        f"`lift` of `/sora-mod quota set` does not offer {unit.option!r}: add it in cogs/mod_quota.py"
    )
    assert units_named(unit.option) == (unit,)


@pytest.mark.parametrize("unit", Unit)
def test_the_command_line_takes_each_unit(unit: Unit) -> None:
    parser = Parser()
    add_quota(parser.add_subparsers())
    for words in (["set"], ["grant", "--user", "1"]):
        given: argparse.Namespace = parser.parse_args(
            ["quota", *words, "--server", "7", f"--{unit.option}", "2"]
        )
        assert getattr(given, unit.option)


@pytest.mark.parametrize("unit", Unit)
def test_words_tell_units_apart(unit: Unit) -> None:
    others = [amount(each, 2) for each in Unit if each is not unit]
    assert amount(unit, 2) not in others


@pytest.mark.parametrize("unit", Unit)
async def test_the_ledger_counts_what_a_job_asks_for(store: SqliteJobStore, unit: Unit) -> None:
    job = new_job()
    await store.accept(request(1), [job], lambda _: None)
    wanted = demand([job.spec])
    reserved = await store.read_ledger(lambda ledger: ledger.usage(1001, after(-1)))
    (by_job,) = await store.read_ledger(lambda ledger: ledger.usage_by_job(1001, after(-1)))
    assert amount_of(unit, wanted) > 0, f"`demand` counts no {unit}: bot/quota/limit_usage.py"
    for counted in (reserved, by_job):
        assert amount_of(unit, counted) == amount_of(unit, wanted), (
            f"the ledger loses {unit}: a column of `ledger`, the queries `usage` and "
            f"`usage_by_job`, and the reader of the ledger, see {PAGE}"
        )


def test_no_usage_is_nothing_of_each_unit() -> None:
    assert [amount_of(unit, Usage()) for unit in Unit] == [0] * len(Unit)
