"""The connection to Discord."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.chat.answer import SafeTree
from bot.chat.lasting import BUTTONS, form_sent
from bot.chat.pictures import Pictures
from bot.errors import DeliveryTroubleError, SettingsError
from bot.jobs.service import JobService

_log = logging.getLogger(__name__)


class SorabotClient(commands.Bot):
    """A client with few intents and caches that carries one service: `jobs`.

    guild_ids  servers whose commands are synced at once; empty: everywhere.
    """

    def __init__(self, *, guild_ids: Sequence[int] = ()) -> None:
        # It warns of missing voice libraries at every start; there is no voice here.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        intents = discord.Intents.none()
        intents.guilds = True
        # Replies to clips, and reactions to them; none of these is privileged.
        intents.guild_messages = intents.dm_messages = True
        intents.guild_reactions = intents.dm_reactions = True
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents,
            tree_cls=SafeTree,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            # Commands install into servers, and work in direct messages with the bot.
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
        )
        self._guild_ids = tuple(guild_ids)
        self._installers: list[Callable[[SorabotClient], Awaitable[None]]] = []
        self._on_open: list[Callable[[], None]] = []
        self.jobs: JobService | None = None
        self.pictures: Pictures | None = None

    def use(
        self,
        jobs: JobService,
        pictures: Pictures,
        install: Callable[[SorabotClient], Awaitable[None]],
        on_open: Callable[[], None],
    ) -> None:
        """Give the client its services, its cogs and what waits for the login; before `start`."""
        self.jobs = jobs
        self.pictures = pictures
        self._installers.append(install)
        self._on_open.append(on_open)

    async def start(self, token: str, *, reconnect: bool = True) -> None:
        # Connections stay open between commands: aiohttp drops idle ones after 15 s, and the next
        # answer, with three seconds to come, would pay for a handshake.
        self.http.connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75)
        try:
            await super().start(token, reconnect=reconnect)
        except discord.LoginFailure as error:
            problem = "Discord does not accept it"
            raise SettingsError("DISCORD_TOKEN", problem, "the bot's token") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryTroubleError(f"I can't reach Discord: {error}") from error

    def is_connected(self) -> bool:
        """Whether events arrive now. (`is_ready` stays true after the connection was lost.)"""
        return self.is_ready() and not self.is_closed() and self.ws.open

    async def setup_hook(self) -> None:
        self.add_dynamic_items(*BUTTONS)
        for install in self._installers:
            await install(self)
        await self._sync()
        for on_open in self._on_open:
            on_open()

    async def on_message(self, _message: discord.Message, /) -> None:
        """Look for no prefix commands; replies have a listener of their own."""

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            await form_sent(interaction)

    async def on_ready(self) -> None:
        _log.info("ready as %s in %d servers", self.user, len(self.guilds))

    async def _sync(self) -> None:
        if not self._guild_ids:
            await self.tree.sync()
        for guild_id in self._guild_ids:
            guild = discord.Object(guild_id)
            self.tree.copy_global_to(guild=guild)
            try:
                await self.tree.sync(guild=guild)
            except (discord.Forbidden, discord.NotFound) as error:
                problem = f"I am not a member of server {guild_id}"
                allowed = "servers that I was invited to"
                raise SettingsError("DISCORD_GUILD_IDS", problem, allowed) from error


def point_at(api_url: str | None, gateway_url: str | None) -> None:
    """Send all Discord traffic of this process to other addresses; None leaves Discord's own.

    api_url      REST base including the version path, such as `http://127.0.0.1:9/api/v10`.
    gateway_url  WebSocket address of the gateway.
    """
    if api_url is not None:
        Route.BASE = api_url
    if gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
