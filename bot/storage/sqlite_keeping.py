"""The `Keeping` on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, final

from bot.model import Job, State
from bot.server import AuditEntry, Block, Budget, Grant, HouseRules, Scope, SetLimit
from bot.storage import audit, reports
from bot.storage.amendment import Amendment
from bot.storage.books import LedgerBooks
from bot.storage.keeping import Actor, DayUsage, Keeping, MemberUsage
from bot.storage.queries import Queries
from bot.storage.rows import to_ms
from bot.storage.server_rows import block_of_row, by_width, limit_of_row
from bot.storage.sqlite import Database

_Told = TypeVar("_Told")


@final
class SqliteKeeping(Keeping):
    """What was before is read in the transaction that changes it, and told in the same one."""

    def __init__(self, database: Database, queries: Queries) -> None:
        """Work on an open database whose schema is up to date; closing it is up to the store."""
        self._database = database
        self._queries = queries

    async def set_limits(self, guild_id: int, limits: Sequence[SetLimit], actor: Actor) -> None:
        await self._amend(guild_id, actor, lambda change: change.set_limits(limits))

    async def clear_limits(self, guild_id: int, scope: Scope, subject_id: int, actor: Actor) -> int:
        return await self._amend(
            guild_id, actor, lambda change: change.clear_limits(scope, subject_id)
        )

    async def limits(self, guild_id: int) -> tuple[SetLimit, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "limits", guild_id=guild_id)
        )
        return by_width(limit_of_row(row) for row in rows)

    async def grant(self, grants: Sequence[Grant], actor: Actor) -> None:
        if grants:
            await self._amend(grants[0].guild_id, actor, lambda change: change.grant(grants))

    async def set_budget(self, guild_id: int, budget: Budget | None, actor: Actor) -> None:
        await self._amend(guild_id, actor, lambda change: change.set_budget(budget))

    async def budget(self, guild_id: int) -> Budget | None:
        return await self._consult(lambda books: books.budget(guild_id))

    async def spent(self, guild_id: int, since: datetime) -> int:
        return await self._consult(lambda books: books.spent(guild_id, since))

    async def block(self, block: Block, actor: Actor) -> None:
        await self._amend(block.guild_id, actor, lambda change: change.block(block))

    async def unblock(self, guild_id: int, user_id: int, actor: Actor) -> bool:
        return await self._amend(guild_id, actor, lambda change: change.unblock(user_id))

    async def blocks(self, guild_id: int, now: datetime) -> tuple[Block, ...]:
        rows = await self._database.read(
            lambda conn: self._queries.rows(conn, "blocks", guild_id=guild_id, now=to_ms(now))
        )
        return tuple(block_of_row(row) for row in rows)

    async def rules(self, guild_id: int) -> HouseRules:
        return await self._consult(lambda books: books.rules(guild_id))

    async def change_rules(
        self, guild_id: int, rules: HouseRules, actor: Actor, *, seen: HouseRules
    ) -> bool:
        return await self._amend(guild_id, actor, lambda change: change.rules(rules, seen))

    async def audit(
        self, guild_id: int, user_id: int | None, *, before_id: int | None, limit: int
    ) -> tuple[AuditEntry, ...]:
        return await self._database.read(
            lambda conn: audit.entries(
                conn, self._queries, guild_id, user_id, before_id=before_id, limit=limit
            )
        )

    async def usage_by_day(self, guild_id: int, since: datetime) -> tuple[DayUsage, ...]:
        return await self._database.read(
            lambda conn: reports.by_day(conn, self._queries, guild_id, since)
        )

    async def usage_by_member(
        self, guild_id: int, since: datetime, limit: int
    ) -> tuple[MemberUsage, ...]:
        return await self._database.read(
            lambda conn: reports.by_member(conn, self._queries, guild_id, since, limit)
        )

    async def server_jobs(
        self,
        guild_id: int,
        states: Sequence[State],
        user_id: int | None,
        *,
        before_seq: int | None,
        limit: int,
    ) -> tuple[tuple[int, Job], ...]:
        return await self._database.read(
            lambda conn: reports.jobs(
                conn,
                self._queries,
                guild_id,
                states,
                user_id,
                before_seq=before_seq,
                limit=limit,
            )
        )

    async def _amend(
        self, guild_id: int, actor: Actor, change: Callable[[Amendment], _Told]
    ) -> _Told:
        return await self._database.write(
            lambda conn: change(Amendment(conn, self._queries, guild_id, actor))
        )

    async def _consult(self, ask: Callable[[LedgerBooks], _Told]) -> _Told:
        return await self._database.read(lambda conn: ask(LedgerBooks(conn, self._queries)))
