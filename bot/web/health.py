"""A page for whoever watches over the process: is it alive, can it work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.errors import SettingsError, StorageError


class HealthServer:
    """Answers GET /livez (the event loop turns) and GET /readyz (Discord and database answer).

    host, port  where to listen; port 0 takes a free one.
    ready       whether the bot can work; a StorageError counts as no.
    """

    def __init__(self, host: str, port: int, ready: Callable[[], Awaitable[bool]]) -> None:
        self._host = host
        self._port = port
        self._ready = ready
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Listen. Raises SettingsError when the address can't be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            problem = f"I can't listen on {self._host}:{self._port}: {error.strerror}"
            raise SettingsError("HTTP_BIND", problem, "a free host:port of this machine") from error

    @property
    def port(self) -> int:
        """The port it listens on; only after `start`."""
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening; idempotent."""
        await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        try:
            ready = await self._ready()
        except StorageError:
            ready = False
        return web.Response(
            text="ready\n" if ready else "not ready\n", status=200 if ready else 503
        )
