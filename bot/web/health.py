"""The HTTP server of the health pages, the checks of /readyz, and the gauges of /metrics."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bot.clock import Clock
from bot.errors import SettingsError, StorageError
from bot.obs.metrics import CONTENT_TYPE, Gauges, TableGauges
from bot.web.webhooks import Webhooks

_log = logging.getLogger(__name__)

#: A check returns a problem's description, or None without a problem. The page may be public, so
#: the description names no path and quotes no error.
ReadinessCheck: TypeAlias = Callable[[], Awaitable[str | None]]

#: Limit for a check of the database; supervisors wait longer than this for the page.
_CHECK_TIMEOUT_S = 2.0
#: Figures from the database are read again for a scrape when they are older than this.
_MAX_AGE = timedelta(seconds=5)


async def check_database(probe: Callable[[], Awaitable[object]]) -> str | None:
    """Return a problem if `probe`, a read of the database, fails or takes longer than 2 s."""
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await probe()
    except TimeoutError:
        return f"the database has not answered for {_CHECK_TIMEOUT_S:.0f} s"
    except StorageError:
        return "the database does not answer; the log says why"
    return None


async def check_disk(folder: Path, min_free_bytes: int) -> str | None:
    """Return a problem if the disk of `folder` has less than `min_free_bytes` free."""
    try:
        free_bytes = (await asyncio.to_thread(shutil.disk_usage, folder)).free
    except OSError:
        return "the disk with the data can't be read"
    if free_bytes < min_free_bytes:
        left, least = free_bytes >> 20, min_free_bytes >> 20
        return f"the disk with the data has {left} MiB left, and {least} are needed"
    return None


@dataclass(eq=False)
class HealthServer:
    """Serves GET /livez (the event loop runs), GET /readyz (the bot can work) and GET /metrics."""

    host: str
    #: The port to listen on; 0 takes any free port.
    bind_port: int
    #: Whether the client is connected to Discord's gateway.
    connected: Callable[[], Awaitable[bool]]
    #: Routes that the server adds; the server also stops the webhooks.
    webhooks: Webhooks | None = None
    _: KW_ONLY
    #: Further conditions of /readyz, which answers 503 with the problems that they find.
    checks: Sequence[ReadinessCheck] = ()
    #: Makes the page of /metrics; None: the page answers 404.
    metrics: Callable[[], Awaitable[bytes]] | None = None

    def __post_init__(self) -> None:
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics_page)
        if self.webhooks is not None:
            app.router.add_post("/webhooks/{provider}", self.webhooks.receive)
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
            await web.TCPSite(self._runner, self.host, self.bind_port).start()
        except OSError as error:
            await self._runner.cleanup()
            problem = f"I can't listen on {self.host}:{self.bind_port}: {error.strerror}"
            raise SettingsError("HTTP_BIND", problem, "a free host:port of this machine") from error

    @property
    def port(self) -> int:
        """The port on which the server listens after `start`."""
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening; idempotent."""
        await self._runner.cleanup()
        if self.webhooks is not None:
            await self.webhooks.stop()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        problems = [None if await self.connected() else "Discord is not connected"]
        problems += await asyncio.gather(*(check() for check in self.checks))
        lines = [f"not ready: {words}\n" for words in problems if words is not None]
        return web.Response(text="".join(lines) or "ready\n", status=503 if lines else 200)

    async def _metrics_page(self, _request: web.Request) -> web.Response:
        if self.metrics is None:
            return web.Response(status=404)
        page = await self.metrics()
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE})


def _is_no_protocol_error(record: logging.LogRecord) -> bool:
    """Return False for aiohttp's log records that quote a request which is not HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


@dataclass(eq=False)
class GaugeReader:
    """Reads figures from the database, and the free space of the disk that holds the database."""

    #: Returns the database's figures of an instant; raises StorageError.
    read_tables: Callable[[datetime], Awaitable[TableGauges]]
    database_path: Path
    clock: Clock
    _: KW_ONLY
    #: Returns the condition of each provider.
    circuit_states: Callable[[], Mapping[str, str]]
    #: Whether the client is connected to Discord's gateway.
    connected: Callable[[], Awaitable[bool]]
    #: After this many seconds a read of the database is left to the next scrape of Prometheus,
    #: which waits ten seconds for a page.
    wait_s: float = 3.0
    _read_at: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    _reading: asyncio.Task[TableGauges | None] | None = field(default=None, init=False)

    async def read(self) -> Gauges:
        """Return the gauges, with figures from the database up to five seconds old.

        Values that cannot be read from database or disk are None.
        """
        tables = await self._cached_table_gauges()
        free_bytes, database_bytes = await asyncio.to_thread(_disk_gauges, self.database_path)
        return Gauges(
            tables=tables,
            disk_free_bytes=free_bytes,
            database_bytes=database_bytes,
            circuit_states=self.circuit_states(),
            is_connected=await self.connected(),
        )

    async def _cached_table_gauges(self) -> TableGauges | None:
        now, reading = self.clock.now(), self._reading
        # All concurrent scrapes share one read of the database.
        if reading is None or (reading.done() and now - self._read_at >= _MAX_AGE):
            self._read_at = now
            reading = self._reading = asyncio.create_task(self._read_table_gauges(now))
        await asyncio.wait({reading}, timeout=self.wait_s)
        return reading.result() if reading.done() and not reading.cancelled() else None

    async def _read_table_gauges(self, now: datetime) -> TableGauges | None:
        try:
            return await self.read_tables(now)
        except StorageError as error:
            _log.warning("metrics: the database can't be read: %s", error)
            return None


def _disk_gauges(path: Path) -> tuple[int | None, int | None]:
    """Return the free bytes of a file's disk, and the file's size with its write-ahead log.

    A value that cannot be read is None.
    """
    free_bytes = size_bytes = None
    with suppress(OSError):
        free_bytes = shutil.disk_usage(path.parent).free
    with suppress(OSError):
        log = path.with_name(f"{path.name}-wal")
        size_bytes = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return free_bytes, size_bytes
