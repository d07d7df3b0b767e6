"""A minimal discord.py bot in the test's process, connected to the simulated Discord."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.patience import PATIENCE_S
from tests.wire.discord_double import LoopbackDiscord


class Again(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"again:(?P<job>[A-Z0-9]+)"):
    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(discord.ui.Button(label="Again", custom_id=f"again:{job}"))

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _control: Any, match: re.Match[str], /
    ) -> Again:
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(Change(self.job))


class Change(discord.ui.Modal):
    def __init__(self, job: str) -> None:
        super().__init__(title="Remix", custom_id=f"change:{job}")
        self.text = discord.ui.TextInput(custom_id="prompt", default="a cat", max_length=100)
        self.add_item(discord.ui.Label(text="Prompt", component=self.text))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Remixing: {self.text.value}", ephemeral=True)


class Sora(commands.GroupCog, group_name="sora"):
    @app_commands.command(description="Make a clip")
    async def generate(
        self,
        interaction: discord.Interaction,
        prompt: str,
        seconds: app_commands.Range[int, 4, 12] = 8,
        image: discord.Attachment | None = None,
    ) -> None:
        await interaction.response.defer()
        size = 0 if image is None else len(await image.read())
        view = discord.ui.View(timeout=None)
        view.add_item(Again("K7Q2"))
        await interaction.edit_original_response(content=f"{prompt} {seconds} {size}", view=view)
        await interaction.followup.send("Queued", ephemeral=True)

    @app_commands.command(description="Find a clip")
    async def find(self, interaction: discord.Interaction, clip: str) -> None:
        await interaction.response.send_message(clip)

    @find.autocomplete("clip")
    async def _suggest(
        self, _interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{typed} clip", value=typed)]


class BareBot(commands.Bot):
    """A bot that records the messages it receives; tests call its methods for everything else."""

    def __init__(
        self, intents: discord.Intents | None = None, *, heartbeat_timeout: float = 60.0
    ) -> None:
        intents = intents or discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        super().__init__(
            commands.when_mentioned,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            # discord.py would wait two seconds for guilds, which arrive at once in the simulated
            # Discord.
            guild_ready_timeout=0.05,
            heartbeat_timeout=heartbeat_timeout,
        )
        self.heard: list[discord.Message] = []
        self.message_arrived = asyncio.Event()

    async def setup_hook(self) -> None:
        await self.add_cog(Sora(self))
        self.add_dynamic_items(Again)

        @self.tree.context_menu(name="Remix this clip")
        async def _remix(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"Target: {message.content}", ephemeral=True)

        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)
        self.message_arrived.set()

    async def hears(self, text: str) -> discord.Message:
        """Wait until the bot receives a message whose content is `text`; return the message."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self.message_arrived.clear()
                for message in self.heard:
                    if message.content == text:
                        return message
                await self.message_arrived.wait()


class BareBotSession(NamedTuple):
    """A simulated Discord, and a bot that is logged in to it."""

    loopback: LoopbackDiscord
    bot: BareBot

    def channel(self, name: str) -> discord.PartialMessageable:
        """Return the simulated Discord's channel of this name, to which the bot can send."""
        channel_id = int(self.loopback.world.channel(name)["id"])
        return self.bot.get_partial_messageable(channel_id)


@contextlib.contextmanager
def repointed(loopback: LoopbackDiscord) -> Iterator[None]:
    """Point discord.py at the simulated Discord while the block runs, then at the real one."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = loopback.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(loopback.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before


@contextlib.asynccontextmanager
async def logged_in(
    loopback: LoopbackDiscord, intents: discord.Intents | None = None
) -> AsyncIterator[BareBot]:
    """Run a bot until the block ends; another bot may be started after that."""
    bot = BareBot(intents)
    times = loopback.gateway.identifies + 1
    running = asyncio.create_task(bot.start(loopback.token))
    await loopback.ready(times=times)
    await asyncio.wait_for(bot.wait_until_ready(), PATIENCE_S)
    yield bot
    await bot.close()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@contextlib.asynccontextmanager
async def bare_bot_session(intents: discord.Intents | None = None) -> AsyncIterator[BareBotSession]:
    """Log a bare bot in to a simulated Discord; at the end, assert that there was no violation."""
    async with LoopbackDiscord() as loopback:
        with repointed(loopback):
            async with logged_in(loopback, intents) as bot:
                yield BareBotSession(loopback, bot)
        assert not loopback.violations, loopback.violations
