"""Tests of the real bot process with a simulated Discord and video API, from command to clip."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.patience import PATIENCE_S
from tests.wire.bot_process import BotProcess, bot_process
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.process_pool import shared_pool
from tests.wire.videos_api import VideosApi
from tests.wire.videos_faults import VideosFault

PROMPT = "a calico cat plays piano"
#: A module that runs the real bot with shorter waiting times, for tests that don't test these
#: times.
KILLABLE_MODULE = "tests.wire.killable"


def variables(discord: LoopbackDiscord, api: VideosApi, **more: str) -> dict[str, str]:
    return {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_URL": discord.api_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
        "VIDEO_PROVIDERS": "openai",
        "OPENAI_API_KEY": api.key,
        "OPENAI_BASE_URL": api.base_url,
        "BUDGET_USD_PER_DAY": "none",
        "BUDGET_USD_PER_MONTH": "none",
    } | more


@asynccontextmanager
async def running(
    folder: Path,
    discord: LoopbackDiscord,
    api: VideosApi,
    *,
    module: str = "bot",
    is_forked: bool = True,
    **more: str,
) -> AsyncIterator[BotProcess]:
    times = discord.gateway.identifies + 1
    pool = shared_pool() if is_forked else None
    given = variables(discord, api, **more)
    async with bot_process(folder, given, module=module, pool=pool) as bot:
        try:
            await discord.ready(times=times)
        except TimeoutError as error:
            raise AssertionError(bot.log()) from error
        yield bot


async def eventually(true: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.05)


def clips(discord: LoopbackDiscord, channel: str) -> list[Mapping[str, Any]]:
    return [post for post in discord.posts(channel) if post["attachments"]]


async def test_a_command_in_a_thread_ends_as_one_message_there_with_the_exact_bytes(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=5, poll_after_ms=500) as api:
        async with running(tmp_path, discord, api, is_forked=False) as bot:
            sent = await discord.slash(
                "alice", "film-club", "sora generate", {"prompt": PROMPT, "seconds": 8}
            )
            await sent.answered()
            assert sent.answered_after_s is not None
            assert sent.answered_after_s < 3
            assert sent.callback_type == 4
            assert not sent.is_ephemeral
            assert sent.message is not None
            card_id = sent.message["id"]
            await discord.until(lambda: clips(discord, "film-club"))
            (clip,) = clips(discord, "film-club")
            stored = discord.stored(clip["attachments"][0])
            assert isinstance(api.content, bytes)
            assert stored.read_bytes() == api.content
            assert stored.sha256 == hashlib.sha256(api.content).hexdigest()
            assert clip["attachments"][0]["filename"].endswith(".mp4")
            assert PROMPT in clip["content"]
            assert [user["id"] for user in clip["mentions"]] == [discord.world.user_id("alice")]
            (post,) = [
                call
                for call in discord.called("POST", "/channels/{channel}/messages")
                if call.files
            ]
            job_id = clip["attachments"][0]["filename"].removeprefix("sora-").removesuffix(".mp4")
            assert post.body["nonce"] == f"sora-{job_id}"
            assert post.body["enforce_nonce"] is True

            def card_links_to_the_clip() -> bool:
                card = next(post for post in discord.posts("film-club") if post["id"] == card_id)
                return clip["id"] in card["embeds"][0]["description"]

            await discord.until(card_links_to_the_clip)
            edits = [
                call
                for call in discord.called("PATCH", "/channels/{channel}/messages/{message}")
                if call.path.endswith(card_id)
            ]
            assert len(edits) >= 2
            assert all(call.body["allowed_mentions"] == {"parse": []} for call in edits)
            assert await bot.stop() == 0
        assert discord.violations == []
        assert api.violations == []
        assert api.creates[PROMPT] == 1
        assert "Traceback" not in bot.log()
        steps = [line for line in bot.log().splitlines() if "bot.jobs." in line]
        assert len(steps) >= 2
        assert all(f" {job_id} " in line for line in steps)
        assert discord.token not in bot.log()
        assert api.key not in bot.log()


async def test_a_killed_bot_finishes_the_job_after_its_restart_and_posts_it_once(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=4, poll_after_ms=500) as api:
        async with running(tmp_path, discord, api) as bot:
            sent = await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await sent.answered()
            await discord.until(lambda: api.creates[PROMPT])
            await discord.until(lambda: api.requests["retrieve"])
            await bot.kill()
        async with running(tmp_path, discord, api) as bot:
            await discord.until(lambda: clips(discord, "clips"))
            assert await bot.stop() == 0
        assert len(clips(discord, "clips")) == 1
        assert api.creates[PROMPT] == 1
        assert discord.violations == []


async def test_a_bot_killed_while_it_downloads_fetches_the_clip_again_at_once(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        api.fault("content", VideosFault.slow(30))
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await eventually(lambda: api.requests["content"])
            await bot.kill()
        async with running(tmp_path, discord, api):
            await discord.until(lambda: clips(discord, "clips"))
        assert api.creates[PROMPT] == 1


@pytest.mark.parametrize("arrives", [True, False], ids=["it arrived", "it never arrived"])
async def test_a_bot_killed_while_it_posts_ends_with_one_message(
    tmp_path: Path, arrives: bool
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(poll_after_ms=200) as api:
        post = ("POST", r"/channels/\d+/messages$")
        if arrives:
            discord.cut_next(*post, times=99)
        else:
            discord.fail_next(*post, 503, 0, times=99)
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            await discord.until(lambda: discord.called("POST", "/channels/{channel}/messages"))
            await bot.kill()
        discord.faults.clear()
        async with running(tmp_path, discord, api) as bot:
            await eventually(lambda: "posted as message" in bot.log())
            assert len(clips(discord, "clips")) == 1
        assert api.creates[PROMPT] == 1


async def test_a_token_that_discord_refuses_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        wrong = variables(discord, api, DISCORD_TOKEN="not.the.token")
        async with bot_process(tmp_path, wrong, pool=shared_pool()) as bot:
            assert await bot.process.wait() == 2
        assert "DISCORD_TOKEN: Discord does not accept it" in bot.log()
        assert "Traceback" not in bot.log()


async def test_a_refused_token_ends_the_bot_though_jobs_are_open_and_a_discord_that_is_away_does_not(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as discord, VideosApi(ready_after_s=600, poll_after_ms=500) as api:
        async with running(tmp_path, discord, api) as bot:
            await discord.slash("alice", "clips", "sora generate", {"prompt": PROMPT})
            # The bot polls the render, so it has stored the response to the paid call.
            await eventually(lambda: api.requests["retrieve"])
            await bot.kill()
        wrong = variables(discord, api, DISCORD_TOKEN="not.the.token")
        async with bot_process(tmp_path, wrong, pool=shared_pool()) as bot:
            assert await asyncio.wait_for(bot.process.wait(), PATIENCE_S) == 2
        assert "DISCORD_TOKEN: Discord does not accept it" in bot.log()
        away = variables(discord, api, DISCORD_API_URL="http://127.0.0.1:9/api/v10")
        polls = api.requests["retrieve"] + api.requests["list"]
        async with bot_process(tmp_path, away, pool=shared_pool()) as bot:
            await eventually(lambda: bot.log().count("I can't reach Discord") > 1)
            # The bot polls its renders even while it can't reach Discord.
            await eventually(lambda: api.requests["retrieve"] + api.requests["list"] > polls)
            assert await bot.stop() == 0
        assert "Traceback" not in bot.log()


async def test_the_health_page_tells_whether_the_bot_can_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with LoopbackDiscord() as discord, VideosApi() as api:
        address = f"127.0.0.1:{port}"
        bot = running(tmp_path, discord, api, HTTP_BIND=address)
        async with bot, ClientSession(f"http://{address}") as page:
            async with page.get("/livez") as answer:
                assert answer.status == 200

            async def is_ready() -> bool:
                async with page.get("/readyz") as answer:
                    return answer.status == 200

            async with asyncio.timeout(PATIENCE_S):
                while not await is_ready():
                    await asyncio.sleep(0.05)
            await discord.__aexit__(None, None, None)
            async with asyncio.timeout(PATIENCE_S):
                while await is_ready():
                    await asyncio.sleep(0.2)


async def test_commands_can_be_synced_to_named_servers_only(tmp_path: Path) -> None:
    async with LoopbackDiscord() as discord, VideosApi() as api:
        guild = discord.world.guild["id"]
        async with running(tmp_path, discord, api, DISCORD_GUILD_IDS=guild):
            assert discord.called("PUT", "/applications/{application}/commands") == []
            sent = await discord.slash("alice", "clips", "sora quota")
            await sent.answered()
            assert sent.is_ephemeral
        assert discord.violations == []
