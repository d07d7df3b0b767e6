"""The bot's Discord client in the test's process, without a job engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord

from bot.chat.client import SorabotClient
from bot.chat.connection import GatewayConnection
from bot.chat.transport.command_sync import CommandSync
from bot.clock import SystemClock
from tests.wire.discord_bare_bot import repointed
from tests.wire.discord_double import LoopbackDiscord


def gateway_connection_for(folder: Path, *, lost_s: float = 300.0) -> GatewayConnection:
    """Return a gateway connection whose clients have no commands."""
    sync = CommandSync(folder / "commands.json")
    return GatewayConnection(
        lambda: SorabotClient(sync), SystemClock(), first_wait_s=0.05, lost_after_s=lost_s
    )


@asynccontextmanager
async def standalone_client(
    folder: Path,
) -> AsyncIterator[tuple[LoopbackDiscord, discord.PartialMessageable]]:
    """Log the bot's client in to a simulated Discord.

    Yield that Discord and its channel "general".
    """
    async with LoopbackDiscord() as loopback:
        with repointed(loopback):
            connection = gateway_connection_for(folder)
            running = asyncio.create_task(connection.run(loopback.token))
            await loopback.ready()
            channel_id = int(loopback.world.channel("general")["id"])
            yield loopback, connection.client.get_partial_messageable(channel_id)
            await connection.close()
            await running
