"""The environment of a chaos round: simulated Discord and providers, data folder, killable bots."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from bot.app import open_admin_context
from bot.guild import GuildSettings, PostTarget
from bot.settings import Settings
from bot.storage.guild_settings import Actor
from bot.storage.sqlite.jobs import SqliteJobStore
from tests.chaos.bot_pool import BotPool, PooledBot
from tests.wire.clips import make_clip
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_interactions import SentInteraction
from tests.wire.videos_api import VideosApi
from tests.wire.videos_render import LoopbackRender
from tests.wire.webhook_senders import SECRET, said, standard

MEMBERS = ("alice", "bob", "carol", "dave", "erin", "frank")
#: The name of a member who accepts no direct messages.
MEMBER_WITHOUT_DMS = "hermit"
#: Words in a prompt that make the clip larger, and the clip's size in bytes.
SIZES = {"large": 60_000, "huge": 1_300_000}
_SMALL = (96, 54)
_STOPPABLE = "wan seconds=4,8,12 sizes=1280x720,720x1280 usd_per_second=0.1"


@dataclass(slots=True)
class SentCommand:
    """A `/sora generate` that a member sent."""

    prompt: str
    count: int
    sent: SentInteraction

    @property
    def card(self) -> Any:
        """The public status card.

        None if the bot didn't answer, or answered with an ephemeral message.
        """
        answer = self.sent.message
        return None if self.sent.is_ephemeral else answer


@dataclass(slots=True)
class ChaosHarness:
    """The simulated Discord and providers of a chaos round, and the bot's data folder."""

    discord: LoopbackDiscord
    openai: VideosApi
    relay: VideosApi
    folder: Path
    bot_pool: BotPool
    chance: random.Random
    #: Whether the second provider, `relay`, can cancel renders (vLLM-Omni); if not, it has no list
    #: of renders (CometAPI).
    stops: bool = False
    #: The number of renders that each provider runs at the same time.
    slots: int = 10
    sent_commands: list[SentCommand] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def database(self) -> Path:
        return self.folder / "data" / "sorabot.db"

    @property
    def log(self) -> str:
        return (self.folder / "bot.log").read_text(encoding="utf-8", errors="replace")

    @property
    def passed(self) -> Path:
        return self.folder / "passed"

    @property
    def providers(self) -> dict[str, VideosApi]:
        return {"openai": self.openai, "vllm" if self.stops else "cometapi": self.relay}

    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(self.folder / "data"),
            "DISCORD_TOKEN": self.discord.token,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "HTTP_BIND": "127.0.0.1:0",
            "VIDEO_PROVIDERS": ",".join(self.providers),
            "OPENAI_API_KEY": self.openai.key,
            "OPENAI_BASE_URL": self.openai.base_url,
            "OPENAI_MAX_CONCURRENT": str(self.slots),
            "OPENAI_WEBHOOK_SECRET": SECRET,
            "COMETAPI_KEY": self.relay.key,
            "COMETAPI_BASE_URL": self.relay.base_url,
            "COMETAPI_MODELS": "sora-2",
            "COMETAPI_MAX_CONCURRENT": str(self.slots),
            "VLLM_API_KEY": self.relay.key,
            "VLLM_BASE_URL": self.relay.base_url,
            "VLLM_MODELS": _STOPPABLE,
            "VLLM_MAX_CONCURRENT": str(self.slots),
            "QUOTA_CLIPS_PER_DAY": "none",
            "QUOTA_SECONDS_PER_DAY": "none",
            "BUDGET_USD_PER_DAY": "none",
            "BUDGET_USD_PER_MONTH": "none",
            "MAX_ACTIVE_JOBS_PER_USER": "1000",
            "MAX_ACTIVE_JOBS_PER_SERVER": "5000",
            "MAX_CLIP_MIB": "1",
        }

    async def send_webhook(self, render_id: str) -> int:
        """Send the bot a webhook in which the first provider says that a render is done.

        Returns the HTTP status of the bot's response. Raises OSError or aiohttp.ClientError if no
        bot process accepts the connection.
        """
        port = int((self.folder / "data" / "port").read_text(encoding="utf-8"))
        body = said({"type": "video.completed", "data": {"id": render_id}})
        headers = standard(body, datetime.now(UTC), delivery=f"msg_{next(self.numbers)}")
        address = f"http://127.0.0.1:{port}/webhooks/openai"
        async with (
            aiohttp.ClientSession() as client,
            client.post(address, data=body, headers=headers) as answer,
        ):
            return answer.status

    @asynccontextmanager
    async def started_bot(
        self, at: str = "", nth: int = 1, *, is_armed: bool = False
    ) -> AsyncIterator[PooledBot]:
        """Start a bot process, and kill it when the context ends.

        at  the crash point at which the bot kills itself, once it is armed.
        """
        more = {"KILL_AT": at, "KILL_NTH": str(nth), "KILL_PASSED": str(self.passed)}
        more |= {"KILL_ARMED": "1"} if is_armed else {}
        bot = await self.bot_pool.start(self.folder, self.environ() | more)
        try:
            yield bot
        finally:
            await bot.kill()

    @asynccontextmanager
    async def connected_bot(self, at: str = "", nth: int = 1) -> AsyncIterator[PooledBot]:
        """Start a bot process and wait until it has connected to Discord."""
        times = self.discord.gateway.identifies + 1
        async with self.started_bot(at, nth) as bot:
            await either(self.discord.ready(times=times), bot)
            assert not bot.exited.done(), f"never came up:\n{self.log[-3000:]}"
            yield bot

    def rows(self, query: str, *given: Any) -> list[sqlite3.Row]:
        """Return the rows of a query on the bot's database file.

        No rows while there is no database.
        """
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            # A bot that was killed soon after its start may leave an empty database file.
            if not database.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
                return []
            return database.execute(query, given).fetchall()

    def in_flight(self) -> int:
        return len(self.rows("SELECT 1 FROM jobs WHERE finished_at IS NULL"))

    async def set_guild_settings(self, *, gallery: str) -> None:
        """Configure the guild to post clips in threads and copy them to a gallery.

        Must be called only while no bot runs.
        """
        environment = Settings.from_env(self.environ())
        environment.data_dir.mkdir(parents=True, exist_ok=True)
        await (await SqliteJobStore.open(self.database)).close()
        admin = await open_admin_context(environment)
        guild_id = int(self.discord.world.guild["id"])
        seen = await admin.guild_store.guild_settings(guild_id)
        channel = int(self.discord.world.channel(gallery)["id"])
        settings: GuildSettings = replace(seen, post=PostTarget.THREAD, gallery_channel_id=channel)
        actor = Actor(user_id=None, at=admin.clock.now())
        assert await admin.guild_store.replace_guild_settings(
            guild_id, settings, actor, expected=seen
        )
        await admin.store.close()


async def either(waiting: Any, bot: PooledBot) -> Any:
    """Return the result of `waiting`, or None if the bot process exits before."""
    task = asyncio.ensure_future(waiting)
    await asyncio.wait((task, bot.exited), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return None


async def until(true: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Call the function `true` repeatedly until its result is truthy; return the result.

    Raises TimeoutError after `timeout_s` seconds.
    """
    async with asyncio.timeout(timeout_s):
        while not (answer := true()):
            await asyncio.sleep(0.03)
        return answer


@asynccontextmanager
async def chaos_harness(
    pool: BotPool, *, seed: int = 0, keep: Path | None = None, stops: bool = False
) -> AsyncIterator[ChaosHarness]:
    """Set up the simulated services and the data folder for one chaos round.

    keep   the folder into which the bot's folder is copied if the round ends with an exception.
    stops  whether the second provider can cancel a render.
    """
    folder = Path(tempfile.mkdtemp(prefix="sora-chaos-"))
    original = await asyncio.to_thread(make_clip, folder / "original.mp4", size=_SMALL)
    original_bytes = original.read_bytes()

    def content(job: LoopbackRender) -> bytes:
        """Return a clip file whose bytes differ from those of every other job."""
        words = job.prompt.split()
        most = max((SIZES[word] for word in words if word in SIZES), default=0)
        told = f"{job.id} {job.prompt}".encode().ljust(most, b".")
        return original_bytes + (len(told) + 8).to_bytes(4) + b"free" + told

    try:
        async with AsyncExitStack() as stack:
            providers = [
                VideosApi(ready_after_s=0.4, poll_after_ms=150, stops=each)
                for each in (False, stops)
            ]
            discord = await stack.enter_async_context(LoopbackDiscord())
            for provider in providers:
                provider.content_of = content
                await stack.enter_async_context(provider)
            world = discord.world
            for name in (*MEMBERS, MEMBER_WITHOUT_DMS):
                if name not in ("alice", "bob"):
                    world.add_member(name)
            world.closed_dms.add(world.user_id(MEMBER_WITHOUT_DMS))
            world.add_channel("gallery")
            openai, relay = providers
            yield ChaosHarness(
                discord, openai, relay, folder, pool, random.Random(seed), stops=stops
            )
    except BaseException:
        if keep is not None:
            await asyncio.to_thread(shutil.copytree, folder, keep, dirs_exist_ok=True)
        raise
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
