"""A process that races for a limit: `python -m tests.unit.storage.racer FILE FIRST COUNT MOST`.

Says `ready` once the file is open and starts when a line comes. Then COUNT commands of one member
at once, against the real rule and a limit of MOST clips; prints `accepted` or the refusal of each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.errors import OverQuotaError
from bot.model import Viewer
from bot.quota.rule import QuotaRule
from bot.server import WINDOWS, Limit, Unit
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import NOW, draft, request
from tests.unit.storage.writer import say


async def race(path: Path, first: int, count: int, most: int) -> None:
    rule = QuotaRule(
        defaults=(Limit(unit=Unit.CLIPS, amount=most, window=WINDOWS["day"]),),
        max_active=1_000,
        max_active_in_server=1_000,
        server_budget_usd_micros=None,
    )
    store = await SqliteStore.open(path)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(_ask(store, rule, number) for number in range(first, first + count)))
    await store.close()


async def _ask(store: SqliteStore, rule: QuotaRule, number: int) -> None:
    asked, wish = request(number), draft()
    viewer = Viewer(user_id=asked.user_id, guild_id=asked.place.guild_id)
    try:
        await store.accept(
            asked, [wish], lambda books: rule.check(books, viewer, [wish.order], NOW)
        )
    except OverQuotaError as error:
        say(error.user_text)
    else:
        say("accepted")


if __name__ == "__main__":
    asyncio.run(race(Path(sys.argv[1]), *map(int, sys.argv[2:5])))
