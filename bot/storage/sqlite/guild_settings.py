"""The `GuildSettingsStore` on SQLite."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, final

from bot.guild import AuditEntry, Block, Budget, Grant, GuildLimit, GuildSettings, Scope
from bot.model import Job, State
from bot.storage.guild_settings import Actor, DayUsage, GuildSettingsStore, MemberUsage
from bot.storage.sqlite import audit_log, usage_reports
from bot.storage.sqlite.database import Database
from bot.storage.sqlite.guild_rows import block_of_row, by_scope, limit_of_row
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import Queries
from bot.storage.sqlite.rows import to_ms
from bot.storage.sqlite.unit_of_work import UnitOfWork

_Result = TypeVar("_Result")


@final
class SqliteGuildSettingsStore(GuildSettingsStore):
    """What was before is read in the transaction that changes it, and told in the same one."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def set_limits(self, guild_id: int, limits: Sequence[GuildLimit], actor: Actor) -> None:
        await self._change(guild_id, actor, lambda change: change.set_limits(limits))

    async def clear_limits(self, guild_id: int, scope: Scope, subject_id: int, actor: Actor) -> int:
        return await self._change(
            guild_id, actor, lambda change: change.clear_limits(scope, subject_id)
        )

    async def limits(self, guild_id: int) -> tuple[GuildLimit, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "limits", guild_id=guild_id)
        )
        return by_scope(limit_of_row(row) for row in rows)

    async def grant(self, grants: Sequence[Grant], actor: Actor) -> None:
        if grants:
            await self._change(grants[0].guild_id, actor, lambda change: change.grant(grants))

    async def set_budget(self, guild_id: int, budget: Budget | None, actor: Actor) -> None:
        await self._change(guild_id, actor, lambda change: change.set_budget(budget))

    async def budget(self, guild_id: int) -> Budget | None:
        return await self._read_ledger(lambda books: books.budget(guild_id))

    async def spent(self, guild_id: int, since: datetime) -> int:
        return await self._read_ledger(lambda books: books.spent(guild_id, since))

    async def block(self, block: Block, actor: Actor) -> None:
        await self._change(block.guild_id, actor, lambda change: change.block(block))

    async def unblock(self, guild_id: int, user_id: int, actor: Actor) -> bool:
        return await self._change(guild_id, actor, lambda change: change.unblock(user_id))

    async def blocks(self, guild_id: int, now: datetime) -> tuple[Block, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "blocks", guild_id=guild_id, now=to_ms(now))
        )
        return tuple(block_of_row(row) for row in rows)

    async def guild_settings(self, guild_id: int) -> GuildSettings:
        return await self._read_ledger(lambda books: books.guild_settings(guild_id))

    async def replace_guild_settings(
        self, guild_id: int, settings: GuildSettings, actor: Actor, *, expected: GuildSettings
    ) -> bool:
        return await self._change(
            guild_id, actor, lambda change: change.replace_guild_settings(settings, expected)
        )

    async def audit_log(
        self, guild_id: int, user_id: int | None, *, before_id: int | None, limit: int
    ) -> tuple[AuditEntry, ...]:
        return await self._database.read(
            lambda conn: audit_log.entries(
                conn, self._queries, guild_id, user_id, before_id=before_id, limit=limit
            )
        )

    async def usage_by_day(self, guild_id: int, since: datetime) -> tuple[DayUsage, ...]:
        return await self._database.read(
            lambda conn: usage_reports.usage_by_day(conn, self._queries, guild_id, since)
        )

    async def usage_by_member(
        self, guild_id: int, since: datetime, limit: int
    ) -> tuple[MemberUsage, ...]:
        return await self._database.read(
            lambda conn: usage_reports.usage_by_member(conn, self._queries, guild_id, since, limit)
        )

    async def guild_jobs(
        self,
        guild_id: int,
        states: Sequence[State],
        user_id: int | None,
        *,
        before_seq: int | None,
        limit: int,
    ) -> tuple[tuple[int, Job], ...]:
        return await self._database.read(
            lambda conn: usage_reports.guild_jobs(
                conn,
                self._queries,
                guild_id,
                states,
                user_id,
                before_seq=before_seq,
                limit=limit,
            )
        )

    async def _change(
        self, guild_id: int, actor: Actor, change: Callable[[UnitOfWork], _Result]
    ) -> _Result:
        return await self._database.write(
            lambda conn: change(UnitOfWork(conn, self._queries, guild_id, actor))
        )

    async def _read_ledger(self, ask: Callable[[SqliteLedgerReader], _Result]) -> _Result:
        return await self._database.read(lambda conn: ask(SqliteLedgerReader(conn, self._queries)))
