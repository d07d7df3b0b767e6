"""The HTTP server of the health pages, and the checks of /readyz."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bot.errors import SettingsError, StorageError
from bot.obs.metrics import CONTENT_TYPE
from bot.web.webhooks import Webhooks

_log = logging.getLogger(__name__)

#: A check returns a problem's description, or None without a problem. The page may be public, so
#: the description names no path and quotes no error.
ReadinessCheck: TypeAlias = Callable[[], Awaitable[str | None]]

#: Limit for a check of the database; supervisors wait longer than this for the page.
_CHECK_TIMEOUT_S = 2.0


def database_check(probe: Callable[[], Awaitable[object]]) -> ReadinessCheck:
    """Return a check that `probe`, a read of the database, ends within 2 s."""

    async def check() -> str | None:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                await probe()
        except TimeoutError:
            return f"the database has not answered for {_CHECK_TIMEOUT_S:.0f} s"
        except StorageError:
            return "the database does not answer; the log says why"
        return None

    return check


def disk_check(folder: Path, min_free_bytes: int) -> ReadinessCheck:
    """Return a check that the disk of `folder` has `min_free_bytes` free."""

    async def check() -> str | None:
        try:
            free_bytes = (await asyncio.to_thread(shutil.disk_usage, folder)).free
        except OSError:
            return "the disk with the data can't be read"
        if free_bytes < min_free_bytes:
            left, least = free_bytes >> 20, min_free_bytes >> 20
            return f"the disk with the data has {left} MiB left, and {least} are needed"
        return None

    return check


class HealthServer:
    """Serves GET /livez (the event loop runs), GET /readyz (the bot can work) and GET /metrics.

    host, port  the address to listen on; port 0 takes any free port.
    connected   whether the client is connected to Discord's gateway.
    webhooks    routes that the server adds; the server also stops the webhooks.
    checks      further conditions of /readyz, which answers 503 with the problems that they find.
    metrics     makes the page of /metrics; None: the page answers 404.
    """

    def __init__(
        self,
        host: str,
        port: int,
        connected: Callable[[], Awaitable[bool]],
        webhooks: Webhooks | None = None,
        *,
        checks: Sequence[ReadinessCheck] = (),
        metrics: Callable[[], Awaitable[bytes]] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._connected = connected
        self._checks = tuple(checks)
        self._metrics = metrics
        self._webhooks = webhooks
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics_page)
        if webhooks is not None:
            app.add_routes(webhooks.routes())
        _log.addFilter(_is_no_protocol_error)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_log,
            auto_decompress=False,  # signatures cover the compressed body; a zip bomb stays small
            # Clients that poll a page or post webhooks return within this time or reconnect.
            keepalive_timeout=75.0,
            # A rejected body is read for one more second, so that its sender reads the response.
            lingering_time=1.0,
            shutdown_timeout=5.0,
        )

    async def start(self) -> None:
        """Start to listen. Raises SettingsError when the address is not available."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            problem = f"I can't listen on {self._host}:{self._port}: {error.strerror}"
            raise SettingsError("HTTP_BIND", problem, "a free host:port of this machine") from error

    @property
    def port(self) -> int:
        """The port on which the server listens after `start`."""
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening; idempotent."""
        await self._runner.cleanup()
        if self._webhooks is not None:
            await self._webhooks.stop()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        problems = [None if await self._connected() else "Discord is not connected"]
        problems += await asyncio.gather(*(check() for check in self._checks))
        lines = [f"not ready: {words}\n" for words in problems if words is not None]
        return web.Response(text="".join(lines) or "ready\n", status=503 if lines else 200)

    async def _metrics_page(self, _request: web.Request) -> web.Response:
        if self._metrics is None:
            return web.Response(status=404)
        page = await self._metrics()
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})


def _is_no_protocol_error(record: logging.LogRecord) -> bool:
    """Return False for aiohttp's log records that quote a request which is not HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
