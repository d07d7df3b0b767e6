"""Reads the gauges of a metrics page from database and disk, at most once in five seconds."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clock import Clock
from bot.errors import StorageError
from bot.obs.metrics import Gauges, TableGauges

_log = logging.getLogger(__name__)
_MAX_AGE = timedelta(seconds=5)


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
    #: A read of the database that takes longer is left to the next scrape; Prometheus waits 10 s.
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
