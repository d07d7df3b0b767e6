"""What a scrape reads from the tables and the disk, at most once in five seconds."""

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
#: A scraper waits ten seconds; what takes longer than this is for the next scrape.
_READ_TIMEOUT_S = 3.0


class GaugeReader:
    """Asks for the figures of the tables, and looks at the disk that the database is on.

    tables      returns the figures of an instant; raises StorageError.
    path        the database file.
    conditions  each video API's condition.
    connected   whether Discord's events arrive.
    wait_s      a database that takes longer than this for an answer is left out.
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
        """Return the figures; those of the tables are up to five seconds old.

        Never raises for trouble of database or disk, and never waits long for them.
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
        # One at a time, however many ask and however long it takes.
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
            _log.warning("no figures from the database: %s", error)
            return None


def _disk_gauges(path: Path) -> tuple[int | None, int | None]:
    """Return what is free beside the file at `path`, and its size with its log, in bytes."""
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
