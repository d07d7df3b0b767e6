"""A moderator in a process: `python -m tests.unit.storage.guild_settings_writer FILE USER_ID COUNT`.

Sets and clears a limit of the server COUNT times, and raises `max_active` by one as often, looking
again whenever another process was faster.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from bot.guild import Scope
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.guild_settings import SqliteGuildSettingsStore
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.unit.storage.factories import NOW
from tests.unit.storage.guild_settings_factories import limit


async def change(path: Path, user_id: int, count: int) -> None:
    store = await SqliteJobStore.open(path)
    guild_store = SqliteGuildSettingsStore(store.database, store.queries)
    actor = Actor(user_id=user_id, at=NOW)
    for number in range(count):
        await guild_store.set_limits(7, [limit(Scope.GUILD, 7, user_id * 1000 + number)], actor)
        if number % 3 == 0:
            await guild_store.clear_limits(7, Scope.GUILD, 7, actor)
        changed = False
        while not changed:
            seen = await guild_store.guild_settings(7)
            changed = replace(seen, max_active=(seen.max_active or 0) + 1)
            changed = await guild_store.replace_guild_settings(7, changed, actor, expected=seen)
    await store.close()


if __name__ == "__main__":
    asyncio.run(change(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
