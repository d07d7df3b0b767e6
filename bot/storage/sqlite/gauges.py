"""Counts of table rows for the metrics endpoint."""

from datetime import datetime, timedelta
from typing import final

from bot.guild import EVERYWHERE
from bot.model import State
from bot.obs.metrics import TableGauges
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import SqliteStore, Transaction
from bot.storage.sqlite.rows import from_ms, to_ms

_DAY = timedelta(hours=24)


@final
class SqliteGauges(SqliteStore):
    """Counts rows by index, so the cost does not grow with the number of finished jobs."""

    async def read(self, now: datetime) -> TableGauges:
        """Return the figures as of `now` from one snapshot of the database. Raises StorageError."""

        def read(tx: Transaction) -> TableGauges:
            opened = tx.rows("open_by_state")
            ended = tx.rows("ended_by_state", since=to_ms(now - _DAY))
            open_jobs = {state.value: 0 for state in State if not state.is_final}
            ended_24h = {state.value: 0 for state in State if state.is_final}
            due_ms = [row["due_at"] for row in opened if row["state"] == State.QUEUED.value]
            drained = SqliteLedgerReader(tx).guild_settings(EVERYWHERE).drained_providers
            return TableGauges(
                open_jobs=open_jobs | {row["state"]: row["jobs"] for row in opened},
                ended_24h=ended_24h | {row["state"]: row["jobs"] for row in ended},
                queue_age_s=max([0.0, *((now - from_ms(ms)).total_seconds() for ms in due_ms)]),
                reserved_usd_micros=tx.number("open_reservations"),
                spent_24h_usd_micros=sum(row["usd_micros"] for row in ended),
                outbox_messages=tx.number("outbox_size"),
                drained=frozenset(drained),
            )

        return await self._read(read)
