"""A process that races for a limit: `python -m tests.unit.storage.racer FILE FIRST COUNT MOST`.

Says `ready` once the file is open and starts when a line comes. Then COUNT commands of one member
at once, against the real rule and a limit of MOST clips; prints `accepted` or the refusal of each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.errors import OverQuotaError
from bot.guild import WINDOWS, Limit, Unit
from bot.model import Viewer
from bot.quota.rule import QuotaRule
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW, new_job, request
from tests.unit.storage.writer import say


async def race(path: Path, first: int, count: int, most: int) -> None:
    rule = QuotaRule(
        defaults=(Limit(unit=Unit.CLIPS, amount=most, window=WINDOWS["day"]),),
        max_active=1_000,
        max_active_in_guild=1_000,
        guild_budget_usd_micros=None,
        trusts=lambda _guild_id: True,
    )
    store = await SqliteJobStore.open(path)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(_ask(store, rule, number) for number in range(first, first + count)))
    await store.close()


async def _ask(store: SqliteJobStore, rule: QuotaRule, number: int) -> None:
    asked, job = request(number), new_job()
    viewer = Viewer(user_id=asked.user_id, guild_id=asked.place.guild_id)
    try:
        await store.accept(asked, [job], lambda ledger: rule.check(ledger, viewer, [job.spec], NOW))
    except OverQuotaError as error:
        say(error.user_text)
    else:
        say("accepted")


if __name__ == "__main__":
    asyncio.run(race(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
