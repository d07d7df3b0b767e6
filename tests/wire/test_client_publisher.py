"""Tests that the publisher posts only while the client is logged in and has its guilds."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import discord

from bot.chat.client import SorabotClient
from bot.chat.clips.publisher import DiscordClipPublisher
from bot.chat.connection import GatewayConnection
from bot.chat.transport.command_sync import CommandSync
from bot.clock import SystemClock
from bot.model import Job, Place, RenderSpec, Size, State
from tests.patience import PATIENCE_S
from tests.wire.autojump_clock import AutojumpClock
from tests.wire.discord_bare_bot import repointed
from tests.wire.discord_double import LoopbackDiscord


async def nothing(_client: SorabotClient) -> None:
    """Install no commands."""


@asynccontextmanager
async def connecting(
    loopback: LoopbackDiscord, folder: Path
) -> AsyncIterator[tuple[GatewayConnection, DiscordClipPublisher]]:
    """Connect the bot's client to a simulated Discord in the background.

    Yields the gateway connection and a publisher for it.
    """
    clock = SystemClock()
    publisher = DiscordClipPublisher(lambda: connection.client, clock)

    def make() -> SorabotClient:
        client = SorabotClient(CommandSync(folder / "commands.json"))
        # No test in this module uses the client's services.
        client.attach_services(None, None, nothing, publisher.resume)  # type: ignore[arg-type]
        return client

    with repointed(loopback):
        connection = GatewayConnection(make, clock, publisher.pause, first_wait_s=0.05)
        running = asyncio.create_task(connection.run(loopback.token))
        yield connection, publisher
        await connection.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def job_in(loopback: LoopbackDiscord, channel: str) -> Job:
    now = AutojumpClock().now()
    place = Place(
        guild_id=int(loopback.world.guild["id"]),
        channel_id=int(loopback.world.channel(channel)["id"]),
        upload_limit_bytes=1,
    )
    size = Size(width_px=128, height_px=72)
    return Job(
        id="K7Q2",
        request_id=1,
        variant=0,
        user_id=1,
        place=place,
        spec=RenderSpec(prompt="a cat", provider="p", model="m", seconds=4, size=size),
        seed=1,
        state=State.FITTING,
        created_at=now,
        state_at=now,
        due_at=now,
    )


async def test_a_thread_is_opened_though_it_is_asked_for_before_the_servers_are_known(
    tmp_path: Path,
) -> None:
    async with LoopbackDiscord() as loopback:
        loopback.gateway.refuse_next(1)
        async with connecting(loopback, tmp_path) as (_, publisher):
            job = job_in(loopback, "general")
            card = await loopback.message("general", "alice", "the card")
            place = await asyncio.wait_for(publisher.open_thread(job, int(card["id"])), PATIENCE_S)
        assert place is not None
        assert place.thread_of == job.place.channel_id
        assert loopback.gateway.identifies == 1


async def test_a_clip_is_found_though_the_clock_was_ahead_when_it_was_first_posted(
    tmp_path: Path,
) -> None:
    async with (
        LoopbackDiscord() as loopback,
        connecting(loopback, tmp_path) as (connection, publisher),
    ):
        await loopback.ready()
        await asyncio.wait_for(connection.client.wait_until_ready(), PATIENCE_S)
        asked = await loopback.message("general", "alice", "a cat, please")
        job = replace(job_in(loopback, "general"), request_id=int(asked["id"]))
        place = connection.client.get_partial_messageable(job.place.channel_id)
        clip = discord.File(io.BytesIO(b"clip"), filename=f"sora-{job.id}.mp4")
        post = await place.send(file=clip)
        later = await loopback.message("general", "alice", "thank you")

        ahead = replace(job, posting_at=job.created_at + timedelta(hours=2))
        assert await publisher.find_clip(ahead) == post.id
        # A message older than the job's request can't be the job's clip.
        assert await publisher.find_clip(replace(ahead, request_id=int(later["id"]))) is None


async def test_nothing_goes_to_a_client_that_was_given_up(tmp_path: Path) -> None:
    async with (
        LoopbackDiscord() as loopback,
        connecting(loopback, tmp_path) as (connection, publisher),
    ):
        await loopback.ready()
        await asyncio.wait_for(connection.client.wait_until_ready(), PATIENCE_S)
        first = connection.client
        loopback.delay_next("GET", "/users/@me$", 1)
        loopback.gateway.emit("INTERACTION_CREATE", {"id": "1"})
        async with asyncio.timeout(PATIENCE_S):
            while connection.client is first:
                await asyncio.sleep(0.01)
        channel_id = int(loopback.world.channel("general")["id"])
        telling = asyncio.create_task(publisher.notify(channel_id, "hello", key="k1"))
        await asyncio.sleep(0.3)
        assert not telling.done()
        await asyncio.wait_for(telling, PATIENCE_S)
        assert [post["content"] for post in loopback.posts("general")] == ["hello"]
