"""Tests of two bots on one database: the second exits, and a killed one blocks no later bot."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.wire.bot_process import bot_process, run_command
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.process_pool import shared_pool
from tests.wire.test_end_to_end import PROMPT, clips, eventually, running, variables
from tests.wire.videos_api import VideosApi


async def command(folder: Path, environ: Mapping[str, str], *words: str) -> tuple[int, str]:
    """Run `python -m bot …` in a folder.

    Return the exit code and everything the command printed.
    """
    told = await run_command(folder, environ, *words)
    return told.code, told.out + told.err


async def test_the_second_bot_says_why_it_leaves_and_the_first_works_on(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=1, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as first:
            identifies = discord.gateway.identifies
            environ = variables(discord, api)
            second_folder, same = tmp_path / "second", environ | _same_data(tmp_path)
            async with bot_process(second_folder, same, pool=shared_pool()) as second:
                assert await asyncio.wait_for(second.process.wait(), PATIENCE_S) == 1
            [said] = [line for line in second.log().splitlines() if "already" in line]
            assert said.startswith("Sorabot stops: a bot runs on ")
            assert f"(process {first.pid})" in said
            assert "Traceback" not in second.log()
            assert discord.gateway.identifies == identifies
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: clips(discord, "clips"))
            assert await first.stop() == 0
        assert api.creates[PROMPT] == 1
        async with running(tmp_path, discord, api) as third:
            assert await third.stop() == 0


async def test_a_killed_bot_locks_nobody_out(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=2, poll_after_ms=200) as api:
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            # The bot polls the render, so it has stored the response to the paid call.
            await eventually(lambda: api.requests["retrieve"])
            await bot.kill()
        async with running(tmp_path, discord, api):
            await eventually(lambda: clips(discord, "clips"))
        assert api.creates[PROMPT] == 1


async def test_the_shell_s_commands_work_beside_a_bot_and_migrate_waits_for_it_to_stop(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=600) as api:
        environ = variables(discord, api)
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.creates[PROMPT])
            backup = ("backup", str(tmp_path / "copy.db"))
            code, said = await command(tmp_path, environ, *backup)
            assert code == 0, said
            assert "1 jobs" in said
            assert "clips are not in it" in said
            code, said = await command(tmp_path, environ, *backup)
            assert (code, "--force" in said, "Traceback" in said) == (1, True, False)
            assert (await command(tmp_path, environ, *backup, "--force"))[0] == 0
            assert (await command(tmp_path, environ, "quota", "show", "--server", "1"))[0] == 0
            code, said = await command(tmp_path, environ, "migrate")
            assert (code, "stop that one first" in said) == (1, True)
            assert await bot.stop() == 0
        assert (await command(tmp_path, environ, "migrate"))[0] == 0
        with closing(sqlite3.connect(tmp_path / "copy.db")) as conn:
            assert conn.execute("SELECT state FROM jobs").fetchone() is not None


async def test_a_restored_backup_goes_on_where_it_was_made(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=3, poll_after_ms=200) as api:
        environ = variables(discord, api)
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.requests["retrieve"])
            copy = tmp_path / "copy.db"
            code, said = await command(tmp_path, environ, "backup", str(copy))
            assert code == 0, said
            await bot.kill()
        data = tmp_path / "data"
        for each in ("sorabot.db", "sorabot.db-wal", "sorabot.db-shm"):
            (data / each).unlink(missing_ok=True)
        copy.replace(data / "sorabot.db")
        async with running(tmp_path, discord, api):
            await eventually(lambda: clips(discord, "clips"))
        assert api.creates[PROMPT] == 1


def _same_data(folder: Path) -> dict[str, str]:
    return {"DATA_DIR": str(folder / "data")}
