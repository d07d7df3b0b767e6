"""A baseline bot with the least code that discord.py needs to answer a command and post clips."""

from __future__ import annotations

import asyncio
import io
import os

import discord
import httpx
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route


class BaselineBot(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        self.tree.command(name="ping", description="Answer at once")(_ping)
        self.tree.command(name="clips", description="Make and post four clips")(_clips)
        await self.tree.sync()


async def _ping(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("pong")


async def _clips(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("four clips, coming up")
    assert interaction.channel_id is not None
    channel = interaction.client.get_partial_messageable(interaction.channel_id)
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    base_url = os.environ["OPENAI_BASE_URL"] + "/"
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as api:
        await asyncio.gather(*(_clip(api, channel) for _ in range(4)))


async def _clip(api: httpx.AsyncClient, channel: discord.PartialMessageable) -> None:
    """Make, download and post one clip as a naive bot does, with the whole file in memory."""
    form = {"prompt": "a cat", "model": "sora-2", "seconds": "4", "size": "1280x720"}
    created = await api.post("videos", files={k: (None, v) for k, v in form.items()})
    video = created.raise_for_status().json()
    while video["status"] != "completed":
        await asyncio.sleep(1)
        video = (await api.get(f"videos/{video['id']}")).raise_for_status().json()
    content = (await api.get(f"videos/{video['id']}/content")).raise_for_status().content
    await channel.send(file=discord.File(io.BytesIO(content), filename="clip.mp4"))


def main() -> None:
    Route.BASE = os.environ["DISCORD_API_URL"]
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
    BaselineBot().run(os.environ["DISCORD_TOKEN"], log_handler=None)


if __name__ == "__main__":
    main()
