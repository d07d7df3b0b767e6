"""What the tables hold, counted for a scrape."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import final

from bot.guild import EVERYWHERE
from bot.model import State
from bot.obs.metrics import TableGauges
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import from_ms, to_ms

_DAY = timedelta(hours=24)


@final
class SqliteGauges:
    """Reads along indexes: what it costs does not grow with the history."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def read(self, now: datetime) -> TableGauges:
        """Return the figures as of `now`, all of one instant of the database.

        Raises StorageError.
        """
        return await self._database.read(lambda conn: self._read(conn, now))

    def _read(self, conn: sqlite3.Connection, now: datetime) -> TableGauges:
        opened = self._queries.rows(conn, "open_by_state")
        ended = self._queries.rows(conn, "ended_by_state", since=to_ms(now - _DAY))
        open_jobs = {state.value: 0 for state in State if not state.is_final}
        ended_24h = {state.value: 0 for state in State if state.is_final}
        return TableGauges(
            open_jobs=open_jobs | {row["state"]: row["jobs"] for row in opened},
            ended_24h=ended_24h | {row["state"]: row["jobs"] for row in ended},
            queue_age_s=_queue_age_s(opened, now),
            reserved_usd_micros=self._queries.rows(conn, "open_reservations")[0]["usd_micros"],
            spent_24h_usd_micros=sum(row["usd_micros"] for row in ended),
            outbox_messages=self._queries.rows(conn, "outbox_size")[0]["errands"],
            drained=frozenset(
                SqliteLedgerReader(conn, self._queries).guild_settings(EVERYWHERE).drained_providers
            ),
        )


def _queue_age_s(opened: Sequence[sqlite3.Row], now: datetime) -> float:
    """Return for how long the first of the queued jobs has been due, in seconds; 0 or more."""
    due_ms = [row["due_at"] for row in opened if row["state"] == State.QUEUED.value]
    return max([0.0, *((now - from_ms(each)).total_seconds() for each in due_ms)])
