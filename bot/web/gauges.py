"""Reads the gauges of a scrape from database and disk, at most once in five seconds."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.clock import Clock
from bot.errors import StorageError
from bot.obs.metrics import Gauges, TableGauges

_log = logging.getLogger(__name__)
_MAX_AGE = timedelta(seconds=5)
#: Prometheus waits ten seconds; a read that takes longer than this is left to the next scrape.
_READ_TIMEOUT_S = 3.0


class GaugeReader:
    """Reads figures from the database, and the free space of its disk.

    read_tables     returns the figures of an instant; raises StorageError.
    database_path   the database file.
    circuit_states  returns the condition of each provider.
    connected       whether the client is connected to Discord's gateway.
    wait_s          without a result in this time the figures are left out.
    """

    def __init__(
        self,
        read_tables: Callable[[datetime], Awaitable[TableGauges]],
        database_path: Path,
        clock: Clock,
        *,
        circuit_states: Callable[[], Mapping[str, str]],
        connected: Callable[[], Awaitable[bool]],
        wait_s: float = _READ_TIMEOUT_S,
    ) -> None:
        self._read_tables = read_tables
        self._database_path = database_path
        self._clock = clock
        self._circuit_states = circuit_states
        self._connected = connected
        self._wait_s = wait_s
        self._read_at: datetime | None = None
        self._reading: asyncio.Task[TableGauges | None] | None = None

    async def read(self) -> Gauges:
        """Return the gauges; figures from the database are up to five seconds old.

        A failure of database or disk gives None for its values and raises nothing.
        """
        tables = await self._cached_table_gauges()
        free_bytes, database_bytes = await asyncio.to_thread(_disk_gauges, self._database_path)
        return Gauges(
            tables=tables,
            disk_free_bytes=free_bytes,
            database_bytes=database_bytes,
            circuit_states=self._circuit_states(),
            is_connected=await self._connected(),
        )

    async def _cached_table_gauges(self) -> TableGauges | None:
        now = self._clock.now()
        reading = self._reading
        # One read at a time, which all concurrent scrapes share.
        if reading is None or (reading.done() and self._is_stale(now)):
            self._read_at = now
            reading = self._reading = asyncio.create_task(self._read_table_gauges(now))
        await asyncio.wait({reading}, timeout=self._wait_s)
        return reading.result() if reading.done() and not reading.cancelled() else None

    def _is_stale(self, now: datetime) -> bool:
        return self._read_at is None or now - self._read_at >= _MAX_AGE

    async def _read_table_gauges(self, now: datetime) -> TableGauges | None:
        try:
            return await self._read_tables(now)
        except StorageError as error:
            _log.warning("metrics: the database can't be read: %s", error)
            return None


def _disk_gauges(path: Path) -> tuple[int | None, int | None]:
    """Return the free bytes of the file's disk, and the file's size with its write-ahead log."""
    try:
        free_bytes = shutil.disk_usage(path.parent).free
    except OSError:
        free_bytes = None
    try:
        log = path.with_name(f"{path.name}-wal")
        size_bytes = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    except OSError:
        size_bytes = None
    return free_bytes, size_bytes
