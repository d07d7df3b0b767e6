"""Reads the warnings in the log of a bot process, and the states of its jobs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.wire.bot_process import BotProcess

#: discord.py logs at each start that it does not support voice; that warning is not counted.
_USUAL = "voice will NOT be supported"
_SHOWN = 5


def print_warnings(bot: BotProcess) -> None:
    """Print how many warnings and errors the bot logged, and the first five of them."""
    lines = [line for line in bot.log().splitlines() if line.strip() and _USUAL not in line]
    lines = [line for line in lines if not line.startswith("Invite link")]
    print(f"the bot's log from WARNING on: {len(lines)} lines", flush=True)
    for line in lines[:_SHOWN]:
        print(f"    {line[:200]}")


def jobs_by_state(folder: Path) -> dict[str, int]:
    """Return the number of jobs in each state, read from the bot's database file."""
    address = f"file:{folder / 'data' / 'sorabot.db'}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as conn:
        return dict(conn.execute("SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state"))
