"""Many moderators at once: every change starts from what the one before it left."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bot.errors import OverQuotaError
from bot.server import AuditEntry, HouseRules, Scope, SetLimit
from bot.storage import wording
from bot.storage.base import Books
from bot.storage.keeping import Actor
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import NOW, after, draft, request
from tests.unit.storage.scene_keeping import DAY, MODERATOR, block, limit, told, trail

_ROOT = Path(__file__).parents[3]
_SIXTEEN = range(1, 17)


def actor(user_id: int) -> Actor:
    return Actor(user_id=user_id, at=NOW)


def server_limit(amount: int) -> SetLimit:
    return limit(Scope.SERVER, 7, amount)


def assert_chained(entries: list[AuditEntry], now: str) -> None:
    """Check that each entry begins where the one before it ended, and the last where we are."""
    befores = [each.before for each in entries]
    afters = [each.after for each in entries]
    assert befores == ["", *afters[:-1]]
    assert afters[-1] == now


async def test_sixteen_who_set_a_limit_follow_one_another(keeping: SqliteKeeping):
    await asyncio.gather(
        *(keeping.set_limits(7, [server_limit(n)], actor(n)) for n in _SIXTEEN),
    )

    entries = list(reversed(await trail(keeping)))
    assert {each.by_user_id for each in entries} == set(_SIXTEEN)
    assert_chained(entries, wording.limits(await keeping.limits(7)))


async def test_sixteen_who_set_and_clear_follow_one_another(keeping: SqliteKeeping):
    counts = await asyncio.gather(
        *(
            keeping.clear_limits(7, Scope.SERVER, 7, actor(n))
            if n % 2
            else keeping.set_limits(7, [server_limit(n)], actor(n))
            for n in _SIXTEEN
        )
    )

    entries = list(reversed(await trail(keeping)))
    assert len(entries) == len(_SIXTEEN) // 2 + counts.count(1)
    assert_chained(entries, wording.limits(await keeping.limits(7)))


async def test_of_sixteen_who_change_the_rules_they_saw_one_succeeds(keeping: SqliteKeeping):
    changed = await asyncio.gather(
        *(
            keeping.change_rules(7, HouseRules(max_active=n), actor(n), seen=HouseRules())
            for n in _SIXTEEN
        )
    )

    assert changed.count(True) == 1
    winner = changed.index(True) + 1
    assert await keeping.rules(7) == HouseRules(max_active=winner)
    assert [each.by_user_id for each in await trail(keeping)] == [winner]


async def test_of_sixteen_who_lift_a_block_one_did_it(keeping: SqliteKeeping):
    await keeping.block(block(), MODERATOR)

    lifted = await asyncio.gather(*(keeping.unblock(7, 1001, actor(n)) for n in _SIXTEEN))

    assert lifted.count(True) == 1
    assert [each[0] for each in await told(keeping)] == ["blocked", "unblocked"]


async def test_of_sixteen_equal_blocks_one_is_told(keeping: SqliteKeeping):
    await asyncio.gather(*(keeping.block(block(), actor(n)) for n in _SIXTEEN))

    assert len(await told(keeping)) == 1
    assert len(await keeping.blocks(7, NOW)) == 1


async def test_a_limit_that_was_set_holds_for_everything_accepted_after_it(
    store: SqliteStore, keeping: SqliteKeeping
):
    def check(books: Books) -> None:
        used = books.usage(1001, NOW - DAY, within=7).clips
        limits = books.limits_for(7, 1001, ())
        if any(each.amount is not None and used >= each.amount for each in limits):
            raise OverQuotaError("Enough.")

    accepted = await asyncio.gather(
        *(store.accept(request(n), [draft()], check) for n in range(1, 9)),
        keeping.set_limits(7, [server_limit(10)], MODERATOR),
        *(store.accept(request(n), [draft()], check) for n in range(9, 17)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, OverQuotaError) for each in accepted) == 6
    usage = await store.consult(lambda books: books.usage(1001, after(-1), within=7))
    assert usage.clips == 10


async def test_two_processes_that_change_the_same_server_lose_nothing(tmp_path: Path):
    path, count = tmp_path / "shared.sqlite3", 40
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.unit.storage.changer", str(path), user_id, str(count)),
            cwd=_ROOT,
        )
        for user_id in ("1", "2")
    ]
    assert [await each.wait() for each in processes] == [0, 0]

    store = await SqliteStore.open(path)
    keeping = SqliteKeeping(store.database, store.queries)
    assert await keeping.rules(7) == replace(HouseRules(), max_active=2 * count)
    entries = list(reversed(await keeping.audit(7, None, before_id=None, limit=1000)))
    about_rules = [each for each in entries if each.what == "settings"]
    assert [each.after for each in about_rules] == [
        f"under way in the server: {n}" for n in range(1, 2 * count + 1)
    ]
    about_limits = [each for each in entries if each.what != "settings"]
    assert_chained(about_limits, wording.limits(await keeping.limits(7)))
    assert sum(each.what == "limit set" for each in about_limits) == 2 * count
    await store.close()
