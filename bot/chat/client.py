"""The bot's discord.py client."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from discord.state import ConnectionState

from bot.chat.clips.pictures import Pictures
from bot.chat.persistent_components import DYNAMIC_ITEMS, handle_modal_submit
from bot.chat.transport.command_sync import CommandSync
from bot.chat.transport.error_handler import SafeTree
from bot.chat.transport.instrumentation import RestInstrumentation
from bot.chat.transport.rest import RetryingHttpClient, use_retrying_adapter
from bot.errors import DeliveryTroubleError, SettingsError
from bot.jobs.service import JobService

_log = logging.getLogger(__name__)
#: The gateway's close code "authentication failed": the token became invalid after the login.
_BAD_TOKEN = 4004
#: Errors of Discord or the network; for AttributeError see `_first_cause`.
_CONNECTION_ERRORS = (discord.DiscordException, aiohttp.ClientError, OSError, AttributeError)
#: The start waits this long for the command sync, which then continues in the background.
_SYNC_TIMEOUT_S = 10.0


class SorabotClient(commands.Bot):
    """A client with few intents and caches, which carries the service `jobs`. It is started once.

    sync  registers the commands with Discord.
    """

    def __init__(
        self, sync: CommandSync, instrumentation: RestInstrumentation | None = None
    ) -> None:
        # Set first: the base class calls `_get_state`, which needs it.
        self._instrumentation = instrumentation
        # discord.py warns of missing voice libraries at every start; the bot has no voice.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=needed_intents(),
            tree_cls=SafeTree,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            # Commands are installed in guilds, and work in direct messages with the bot, too.
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
        )
        self._sync = sync
        self._sync_task: asyncio.Task[None] | None = None
        self._installers: list[Callable[[SorabotClient], Awaitable[None]]] = []
        self._on_login: list[Callable[[], None]] = []
        self.jobs: JobService | None = None
        self.pictures: Pictures | None = None
        #: Whether Discord took the token.
        self.has_logged_in = False

    def _get_state(self, **options: Any) -> ConnectionState[Any]:
        # Here discord.py passes its REST client on to its other parts.
        self.http = self._retrying_http = RetryingHttpClient(
            self.loop, instrumentation=self._instrumentation
        )
        return super()._get_state(**options)

    def attach_services(
        self,
        jobs: JobService,
        pictures: Pictures,
        install: Callable[["SorabotClient"], Awaitable[None]],
        on_login: Callable[[], None],
    ) -> None:
        """Give the client its services, its cogs and a login callback; call it before `start`."""
        self.jobs = jobs
        self.pictures = pictures
        self._installers.append(install)
        self._on_login.append(on_login)

    async def start(self, token: str, *, reconnect: bool = True) -> None:
        """Log in and stay connected until `close`.

        Raises SettingsError when Discord rejects the token, and DeliveryTroubleError when Discord
        can't be reached or the connection broke so that another client is needed.
        """
        # aiohttp closes idle connections after 15 s, and the next answer, which has three seconds,
        # would need another handshake.
        self.http.connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75)
        use_retrying_adapter(self._instrumentation)
        try:
            await self.login(token)
            await self.connect(reconnect=reconnect)
        except discord.LoginFailure as error:
            raise _token_error("Discord does not accept it") from error
        except discord.PrivilegedIntentsRequired as error:
            raise _token_error("Discord does not let it have what it asks for") from error
        except SettingsError:
            raise
        except Exception as error:
            if isinstance(error, discord.ConnectionClosed) and error.code == _BAD_TOKEN:
                raise _token_error("Discord does not accept it any more") from error
            # Any exception: discord.py ends the connection over one event that it can't read.
            if not isinstance(error, _CONNECTION_ERRORS):
                _log.exception("the connection broke")
            raise DeliveryTroubleError(f"I can't reach Discord: {_first_cause(error)}") from error

    def dispatch(self, event_name: str, /, *args: Any, **kwargs: Any) -> None:
        # 2026-11, discord.py 2.7.1: it dispatches READY two seconds late, even if the client was
        # closed since and has no loop any more.
        if self.loop is not discord.utils.MISSING:
            super().dispatch(event_name, *args, **kwargs)

    async def leave_gateway(self) -> None:
        """Close the gateway within seconds; running requests go on until `close`."""
        if self._sync_task is not None:
            self._sync_task.cancel()
        # Until the first connection there is none.
        if self.ws and self.ws.open:
            await asyncio.wait({asyncio.create_task(self.ws.close(code=4000))}, timeout=2)

    async def wait_until_idle(self, timeout_s: float) -> None:
        """Return when no request is under way, or after `timeout_s` seconds."""
        await self._retrying_http.wait_until_idle(timeout_s)

    async def close(self) -> None:
        if self._sync_task is not None:
            self._sync_task.cancel()
        await super().close()

    def is_connected(self) -> bool:
        """Whether events arrive now. (`is_ready` stays true after a lost connection.)"""
        return self.is_ready() and not self.is_closed() and self.ws.open

    async def setup_hook(self) -> None:
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        for install in self._installers:
            await install(self)
        self._sync.prepare(self.tree)
        if not await self._sync.sync_once(self.tree, _SYNC_TIMEOUT_S):
            self._sync_task = asyncio.create_task(self._sync.sync_until_done(self.tree))
        self.has_logged_in = True
        for on_login in self._on_login:
            on_login()

    async def on_message(self, _message: discord.Message, /) -> None:
        """Skip discord.py's prefix commands; a cog listens for replies."""

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.modal_submit:
            await handle_modal_submit(interaction)

    async def on_ready(self) -> None:
        _log.info("ready as %s in %d guilds", self.user, len(self.guilds))


def needed_intents() -> discord.Intents:
    """Return the intents of the bot; none of them is privileged."""
    intents = discord.Intents.none()
    intents.guilds = True
    # Replies to clips, and reactions to them.
    intents.guild_messages = intents.dm_messages = True
    intents.guild_reactions = intents.dm_reactions = True
    return intents


def _token_error(problem: str) -> SettingsError:
    return SettingsError("DISCORD_TOKEN", problem, "the bot's token")


def _first_cause(error: BaseException) -> str:
    """Return the first error: after a failed first connection discord.py 2.7.1 raises AttributeError."""
    first = error.__context__ if isinstance(error, AttributeError) else None
    return f"{type(first or error).__name__}: {first or error}"


def set_discord_urls(api_url: str | None, gateway_url: str | None) -> None:
    """Send all Discord traffic of this process to other URLs; None keeps Discord's own.

    api_url      REST base including the version path, such as `http://127.0.0.1:9/api/v10`.
    gateway_url  WebSocket URL of the gateway.
    """
    if api_url is not None:
        Route.BASE = api_url
    if gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
