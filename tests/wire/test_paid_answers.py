"""What the video API answered to a paid call outlives a database that refuses to store it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.wire.discord_double import LoopbackDiscord
from tests.wire.test_disk import write_lock
from tests.wire.test_end_to_end import KILLABLE_MODULE, PROMPT, clips, eventually, running
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault


def api_without_list() -> VideosApi:
    """Return a video API that answers a create after a second and has no list of renders."""
    api = VideosApi(ready_after_s=1, poll_after_ms=200)
    api.fault("create", VideosFault.slow(1.0))
    api.fault("list", VideosFault.error(404, "Not Found"), times=1000)
    return api


async def test_a_render_that_a_locked_database_refuses_is_posted_once_it_is_unlocked(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, api_without_list() as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.requests["create"])
            with write_lock(tmp_path / "data" / "sorabot.db"):
                await eventually(lambda: "can't store render" in bot.log())
            await eventually(lambda: clips(discord, "clips"))
            assert await bot.stop() == 0
        assert api.creates[PROMPT] == 1
        assert not (tmp_path / "data" / "sorabot.db.renders").exists()


async def test_a_render_that_was_written_down_is_posted_by_the_next_process(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "data" / "sorabot.db.renders"
    async with LoopbackDiscord() as discord, api_without_list() as api:
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.requests["create"])
            with write_lock(tmp_path / "data" / "sorabot.db"):
                await eventually(lambda: journal.exists() and journal.stat().st_size)
                await bot.kill()
        assert journal.stat().st_mode & 0o777 == 0o600
        async with running(tmp_path, discord, api, module=KILLABLE_MODULE) as bot:
            await eventually(lambda: clips(discord, "clips"))
            await asyncio.sleep(1)
            assert await bot.stop() == 0
        assert len(clips(discord, "clips")) == 1
        assert api.creates[PROMPT] == 1
        assert not journal.exists()
