"""The `GuildSettingsStore` on SQLite."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nlargest
from typing import TypeVar, final

from bot.guild import AuditEntry, Block, Budget, Grant, GuildLimit, GuildSettings, Scope
from bot.model import Job, State
from bot.storage.guild_settings import Actor, DayUsage, GuildSettingsStore, MemberUsage
from bot.storage.sqlite.guild_rows import audit_entry_of_row, block_of_row, by_scope, limit_of_row
from bot.storage.sqlite.ledger import SqliteLedgerReader
from bot.storage.sqlite.queries import SqliteStore, Transaction
from bot.storage.sqlite.rows import from_ms, job_of_row, to_ms
from bot.storage.sqlite.unit_of_work import UnitOfWork

_Result = TypeVar("_Result")
_DAY_MS = 86_400_000
_LAST = 2**63 - 1


@final
class SqliteGuildSettingsStore(SqliteStore, GuildSettingsStore):
    """Every change is one transaction that reads the old value and writes the audit entry, too."""

    async def set_limits(self, guild_id: int, limits: Sequence[GuildLimit], actor: Actor) -> None:
        await self._audited(guild_id, actor, lambda change: change.set_limits(limits))

    async def clear_limits(self, guild_id: int, scope: Scope, subject_id: int, actor: Actor) -> int:
        return await self._audited(
            guild_id, actor, lambda change: change.clear_limits(scope, subject_id)
        )

    async def limits(self, guild_id: int) -> tuple[GuildLimit, ...]:
        return by_scope(map(limit_of_row, await self._rows("limits", guild_id=guild_id)))

    async def grant(self, grants: Sequence[Grant], actor: Actor) -> None:
        if grants:
            await self._audited(grants[0].guild_id, actor, lambda change: change.grant(grants))

    async def set_budget(self, guild_id: int, budget: Budget | None, actor: Actor) -> None:
        await self._audited(guild_id, actor, lambda change: change.set_budget(budget))

    async def budget(self, guild_id: int) -> Budget | None:
        return await self._read(lambda tx: SqliteLedgerReader(tx).budget(guild_id))

    async def spent(self, guild_id: int, since: datetime) -> int:
        return await self._number("spent", guild_id=guild_id, since=to_ms(since))

    async def block(self, block: Block, actor: Actor) -> None:
        await self._audited(block.guild_id, actor, lambda change: change.block(block))

    async def unblock(self, guild_id: int, user_id: int, actor: Actor) -> bool:
        return await self._audited(guild_id, actor, lambda change: change.unblock(user_id))

    async def blocks(self, guild_id: int, now: datetime) -> tuple[Block, ...]:
        return tuple(
            map(block_of_row, await self._rows("blocks", guild_id=guild_id, now=to_ms(now)))
        )

    async def guild_settings(self, guild_id: int) -> GuildSettings:
        return await self._read(lambda tx: SqliteLedgerReader(tx).guild_settings(guild_id))

    async def replace_guild_settings(
        self, guild_id: int, settings: GuildSettings, actor: Actor, *, expected: GuildSettings
    ) -> bool:
        return await self._audited(
            guild_id, actor, lambda change: change.replace_guild_settings(settings, expected)
        )

    async def audit_log(
        self, guild_id: int, user_id: int | None, *, before_id: int | None, limit: int
    ) -> tuple[AuditEntry, ...]:
        before = _LAST if before_id is None else before_id
        page: dict[str, object] = {"guild_id": guild_id, "before_id": before, "limit": limit}

        def read(tx: Transaction) -> tuple[AuditEntry, ...]:
            if user_id is None:
                rows = tx.rows("audit", **page)
            else:
                rows = tx.rows("audit_by", user_id=user_id, **page)
                rows += tx.rows("audit_about", user_id=user_id, **page)
            # A change that a member made about themselves is in both lists.
            found = {row["id"]: row for row in rows}
            latest = sorted(found, reverse=True)[:limit]
            return tuple(audit_entry_of_row(found[each]) for each in latest)

        return await self._read(read)

    async def usage_by_day(self, guild_id: int, since: datetime) -> tuple[DayUsage, ...]:
        def read(tx: Transaction) -> tuple[DayUsage, ...]:
            failed = _failures(tx, "day", guild_id, since)
            usage = (
                DayUsage(
                    day=from_ms(row["day"] * _DAY_MS).date(),
                    clips=row["clips"],
                    seconds=row["seconds"],
                    usd_micros=row["usd_micros"],
                    failed=failed[row["day"]],
                )
                for row in tx.rows("usage_by_day", guild_id=guild_id, since=to_ms(since))
            )
            return tuple(sorted(filter(_is_nonzero, usage), key=lambda each: each.day))

        return await self._read(read)

    async def usage_by_member(
        self, guild_id: int, since: datetime, limit: int
    ) -> tuple[MemberUsage, ...]:
        def read(tx: Transaction) -> tuple[MemberUsage, ...]:
            failed = _failures(tx, "user_id", guild_id, since)
            usage = (
                MemberUsage(
                    user_id=row["user_id"],
                    clips=row["clips"],
                    seconds=row["seconds"],
                    usd_micros=row["usd_micros"],
                    failed=failed[row["user_id"]],
                )
                for row in tx.rows("usage_by_member", guild_id=guild_id, since=to_ms(since))
            )
            return tuple(
                nlargest(
                    limit,
                    filter(_is_nonzero, usage),
                    key=lambda each: (each.usd_micros, each.clips, -each.user_id),
                )
            )

        return await self._read(read)

    async def guild_jobs(
        self,
        guild_id: int,
        states: Sequence[State],
        user_id: int | None,
        *,
        before_seq: int | None,
        limit: int,
    ) -> tuple[tuple[int, Job], ...]:
        page: dict[str, object] = {
            "guild_id": guild_id,
            "user_id": user_id,
            "before_seq": _LAST if before_seq is None else before_seq,
            "limit": limit,
        }
        wanted = set(states)
        # A guild may have many final jobs of which few are the member's.
        of_member = set[State]() if user_id is None else {each for each in wanted if each.is_final}

        def read(tx: Transaction) -> tuple[tuple[int, Job], ...]:
            rows = [
                row
                for state in wanted - of_member
                for row in tx.rows("guild_jobs", state=state.value, **page)
            ]
            if of_member:
                names = json.dumps(sorted(of_member))
                rows += tx.rows("guild_jobs_of_member", states=names, **page)
            latest = nlargest(limit, rows, key=lambda row: row["seq"])
            return tuple((row["seq"], job_of_row(row)) for row in latest)

        return await self._read(read)

    async def _audited(
        self, guild_id: int, actor: Actor, change: Callable[[UnitOfWork], _Result]
    ) -> _Result:
        return await self._write(lambda tx: change(UnitOfWork(tx, guild_id, actor)))


def _failures(tx: Transaction, key: str, guild_id: int, since: datetime) -> Counter[int]:
    """Return how many of a guild's jobs failed after `since`, by the column `key`."""
    failed: Counter[int] = Counter()
    for row in tx.rows("failures", guild_id=guild_id, since=to_ms(since)):
        failed[row[key]] += row["failed"]
    return failed


def _is_nonzero(usage: DayUsage | MemberUsage) -> bool:
    return any((usage.clips, usage.seconds, usage.usd_micros, usage.failed))
