"""What a bot process complained about, and where its jobs stand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.wire.bot_process import BotProcess

#: discord.py says at each start that it cannot speak.
_USUAL = "voice will NOT be supported"
_SHOWN = 5


def print_warnings(bot: BotProcess) -> None:
    """Print how many lines of WARNING and above the bot logged, and the first of them."""
    lines = [line for line in bot.log().splitlines() if line.strip() and _USUAL not in line]
    lines = [line for line in lines if not line.startswith("Invite link")]
    print(f"the bot's log from WARNING on: {len(lines)} lines", flush=True)
    for line in lines[:_SHOWN]:
        print(f"    {line[:200]}")


def jobs_by_state(folder: Path) -> dict[str, int]:
    """Return how many jobs stand where, read from outside."""
    address = f"file:{folder / 'data' / 'sorabot.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as conn:
        return dict(conn.execute("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state"))
