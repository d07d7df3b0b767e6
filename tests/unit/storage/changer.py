"""A moderator in a process: `python -m tests.unit.storage.changer FILE USER_ID COUNT`.

Sets and clears a limit of the server COUNT times, and raises `max_active` by one as often, looking
again whenever somebody else was faster.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bot.server import Scope
from bot.storage.keeping import Actor
from bot.storage.sqlite_keeping import SqliteKeeping
from bot.storage.store import SqliteStore
from tests.unit.storage.scene import NOW
from tests.unit.storage.scene_keeping import limit


async def change(path: Path, user_id: int, count: int) -> None:
    store = await SqliteStore.open(path)
    keeping = SqliteKeeping(store.database, store.queries)
    actor = Actor(user_id=user_id, at=NOW)
    for number in range(count):
        await keeping.set_limits(7, [limit(Scope.SERVER, 7, user_id * 1000 + number)], actor)
        if number % 3 == 0:
            await keeping.clear_limits(7, Scope.SERVER, 7, actor)
        changed = False
        while not changed:
            seen = await keeping.rules(7)
            rules = replace(seen, max_active=(seen.max_active or 0) + 1)
            changed = await keeping.change_rules(7, rules, actor, seen=seen)
    await store.close()


if __name__ == "__main__":
    asyncio.run(change(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
