"""A strict simulation of Discord on 127.0.0.1: REST API, gateway and CDN over real sockets.

    async with LoopbackDiscord() as discord_double:
        environ |= {"DISCORD_API_URL": discord_double.api_url, …}
        await discord_double.ready()
        sent = await discord_double.slash("alice", "general", "sora generate", {"prompt": "a cat"})
        await sent.answered()

The simulation has one server with the members owner, alice, bob and moderator, the channels general
and clips, the thread film-club and the DM dm-alice; methods of `world` make more. A request that
Discord's documentation does not allow is recorded in `violations`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.clock import Clock, SystemClock
from tests.patience import PATIENCE_S
from tests.wire.discord_api import PREFIX, ApiCall, RestApi
from tests.wire.discord_commands import CommandRegistry
from tests.wire.discord_faults import DiscordFaults
from tests.wire.discord_gateway import Gateway
from tests.wire.discord_interactions import Interactions
from tests.wire.discord_member_actions import MemberActions
from tests.wire.discord_messages import Messages
from tests.wire.discord_payloads import Payload
from tests.wire.discord_routes import Routes
from tests.wire.discord_uploads import Links, StoredFile
from tests.wire.discord_world import DiscordWorld, Where

BOT_TOKEN = "loopback.bot.token"


class LoopbackDiscord(MemberActions):
    """The simulated Discord, as one bot and its members see it.

    api_url, gateway_url  the values for DISCORD_API_URL and DISCORD_GATEWAY_URL.
    token                 the only token with which a bot can log in.
    world                 members, channels and permissions, which tests may change.
    faults                failures of requests; also as `fail_next`, `cut_next`, `reset_next`,
                          `drip_next` and `delay_next`.
    gateway               the gateway connections; its methods break them in different ways.
    """

    def __init__(self, *, clock: Clock | None = None, token: str = BOT_TOKEN) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="loopback-discord-")
        folder = Path(self._folder.name)
        super().__init__(DiscordWorld(clock or SystemClock(), folder))
        self.token = token
        self.faults = DiscordFaults()
        self.fail_next = self.faults.fail_next
        self.cut_next = self.faults.cut_next
        self.reset_next = self.faults.reset_next
        self.drip_next = self.faults.drip_next
        self.delay_next = self.faults.delay_next
        self.api = RestApi(token, self.world.now, folder, self.faults, self.world.changes.notify)
        self.gateway = Gateway(self.world, token, self.api.violation)
        self.links = Links("")
        self._messages = Messages(self.world, lambda: self.links)
        self._interactions = Interactions(self.world, self._messages)
        self._commands = CommandRegistry(self.world, self.upload)
        self._runner: web.AppRunner | None = None
        self.api_url = ""
        self.gateway_url = ""

    async def __aenter__(self) -> Self:
        routes = Routes(
            self.world,
            self._messages,
            self._interactions,
            self._commands,
            lambda: self.gateway_url,
        )
        # This limits only JSON bodies; multipart bodies of any size are streamed.
        application = web.Application(client_max_size=8 * 1024 * 1024)
        application.add_routes(
            [
                web.get("/gateway", self.gateway.handle),
                web.get("/attachments/{channel}/{file}/{filename}", self._serve_file),
                *self.api.routes(routes.table()),
            ]
        )
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handle_signals=False
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        base = f"http://{host}:{port}"
        self.api_url = base + PREFIX
        self.gateway_url = self.gateway.url = f"ws://{host}:{port}/gateway"
        self.links = Links(base)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.gateway.cut()
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.to_thread(self._folder.cleanup)

    async def ready(self, timeout_s: float = PATIENCE_S, *, times: int = 1) -> None:
        """Wait until a bot is connected and bots have identified `times` times in total.

        Raises TimeoutError after `timeout_s` seconds.
        """
        gateway = self.gateway
        await self.world.changes.until(
            lambda: gateway.identifies >= times and gateway.connected, timeout_s
        )

    async def until(self, check: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Return the first truthy result of `check`, which is called after each change.

        Raises TimeoutError after `timeout_s` seconds.
        """
        return await self.world.changes.until(check, timeout_s)

    # ---- what happened

    @property
    def calls(self) -> list[ApiCall]:
        """All requests to the REST API and the CDN, in order of arrival."""
        return self.api.calls

    def called(self, method: str, template: str) -> list[ApiCall]:
        """Return the requests to one route, such as ("POST", "/channels/{channel}/messages")."""
        return [c for c in self.calls if (c.method, c.template) == (method, template)]

    @property
    def violations(self) -> list[str]:
        """Descriptions of requests that Discord's documentation does not allow."""
        return self.api.violations

    @property
    def messages(self) -> Mapping[str, list[Payload]]:
        """All messages by channel id, oldest first, including ephemeral ones (flag 64)."""
        return self.world.messages

    def posts(self, channel: Where) -> list[Payload]:
        """Return the messages of the channel with this name, oldest first."""
        return self.world.messages[self.world.channel(channel)["id"]]

    @property
    def made_by_nonce(self) -> Counter[str]:
        """For each nonce, the number of messages made with it; 2 or more means posted twice."""
        return self._messages.made

    def stored(self, attachment: Payload) -> StoredFile:
        """Return the stored file of an attachment: its path, size and SHA-256."""
        return self.world.files[attachment["id"]]

    # ---- the CDN

    async def _serve_file(self, request: web.Request) -> web.StreamResponse:
        return await self.api.serve_raw(
            request, "/attachments/{channel}/{file}/{filename}", lambda: self._file(request)
        )

    def _file(self, request: web.Request) -> web.StreamResponse:
        file_id = request.match_info["file"]
        query = request.query
        good = self.links.is_good(
            file_id, query.get("ex", ""), query.get("hm", ""), self.world.now()
        )
        if not good or file_id not in self.world.files:
            return web.Response(status=404, text="This content is no longer available.")
        stored = self.world.files[file_id]
        return web.FileResponse(stored.path, headers={"Content-Type": stored.content_type})
