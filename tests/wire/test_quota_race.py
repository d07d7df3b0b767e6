"""Tests that two hundred simultaneous commands against a limit of five make only five clips."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.wire.bot_process import run_command
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_interactions import SentInteraction
from tests.wire.test_end_to_end import clips, running
from tests.wire.videos_api import VideosApi

AT_ONCE, MOST = 200, 5
#: Settings that switch off all limits, so that a test can set a single limit.
OPEN = {
    "MAX_ACTIVE_JOBS_PER_USER": "1000",
    "MAX_ACTIVE_JOBS_PER_SERVER": "1000",
    "QUOTA_CLIPS_PER_DAY": "none",
    "QUOTA_SECONDS_PER_DAY": "none",
}


async def rush(discord: LoopbackDiscord) -> list[SentInteraction]:
    """Have one member send all commands before the bot can answer the first.

    Return their records.
    """
    sent = [
        await discord.slash("alice", "clips", "sora generate", {"prompt": f"cat number {number}"})
        for number in range(AT_ONCE)
    ]
    await asyncio.gather(*(each.answered() for each in sent))
    return sent


def read_database(folder: Path, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query on the database file of a bot that has stopped."""
    with sqlite3.connect(folder / "data" / "sorabot.db") as conn:
        conn.row_factory = sqlite3.Row
        found = [dict(row) for row in conn.execute(query)]
    conn.close()
    return found


def assert_the_limit_held(sent: Sequence[SentInteraction], limit: str) -> None:
    assert max(each.answered_after_s or 99 for each in sent) < 3
    refused = [each for each in sent if each.is_ephemeral]
    assert len(refused) == AT_ONCE - MOST
    for each in refused:
        assert limit in each.content
        assert "this asks for 1 clip and you have 0 clips left" in each.content
        assert "It will fit <t:" in each.content
        assert "Nothing was charged" in each.content


def assert_the_ledger_adds_up(folder: Path, api: VideosApi, jobs: int) -> None:
    assert sum(api.creates.values()) == len(api.creates) == jobs
    assert [job["state"] for job in read_database(folder, "SELECT * FROM jobs")] == ["done"] * jobs
    assert len(read_database(folder, "SELECT * FROM requests")) == jobs
    accounts = read_database(
        folder,
        "SELECT group_concat(kind) AS kinds, sum(clips) AS clips, sum(seconds) AS seconds, "
        "sum(usd_micros) AS usd_micros FROM ledger GROUP BY job_id",
    )
    account = {"kinds": "reserve,settle", "clips": 1, "seconds": 4, "usd_micros": 400_000}
    assert accounts == [account] * jobs


async def quota(folder: Path, *line: str) -> str:
    """Run `python -m bot quota` on the bot's database; return everything the command printed."""
    told = await run_command(folder, {}, "quota", *line)
    assert told.code == 0, told.out + told.err
    return told.out + told.err


async def test_two_hundred_commands_at_once_make_five_clips_and_195_polite_refusals(
    tmp_path: Path,
) -> None:
    limited = OPEN | {"QUOTA_CLIPS_PER_DAY": str(MOST)}
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=100) as api:
        async with running(tmp_path, discord, api, is_forked=True, **limited) as bot:
            sent = await rush(discord)
            await discord.until(lambda: len(clips(discord, "clips")) == MOST)
            assert await bot.stop() == 0
        assert_the_limit_held(sent, "The bot's limit for everybody is 5 clips in 24 hours")
        assert_the_ledger_adds_up(tmp_path, api, MOST)
        assert discord.violations == []
        assert "Traceback" not in bot.log()


async def test_a_limit_set_from_the_shell_while_the_bot_runs_holds_against_the_same_rush(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=100) as api:
        whom = ("--server", discord.world.guild["id"], "--user", discord.world.user_id("alice"))
        async with running(tmp_path, discord, api, is_forked=True, **OPEN) as bot:
            said = await quota(tmp_path, "set", *whom, "--clips", str(MOST), "--per", "week")
            assert "now     5 clips in 7 days" in said
            sent = await rush(discord)
            assert_the_limit_held(sent, "Your own limit in this server is 5 clips in 7 days")
            said = await quota(tmp_path, "grant", *whom, "--clips", "1")
            assert "used 5 clips" in said
            assert "extra 1 clip, left 1 clip" in said
            extra = await discord.slash("alice", "clips", "sora generate", {"prompt": "one more"})
            await extra.answered()
            assert not extra.is_ephemeral
            await discord.until(lambda: len(clips(discord, "clips")) == MOST + 1)
            assert await bot.stop() == 0
        assert_the_ledger_adds_up(tmp_path, api, MOST + 1)
        audit = read_database(tmp_path, "SELECT by_user_id, what FROM audit ORDER BY id")
        assert [tuple(each.values()) for each in audit] == [
            (None, "limit set"),
            (None, "extra granted"),
        ]
