"""What a whole server may spend in 30 days."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.guild import BUDGET_WINDOW, Budget, Scope
from bot.storage.base import LedgerReader

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUsage:
    """A server's budget and what all its members together have used of it."""

    limit_usd_micros: int
    #: SERVER: its moderators set it. BOT: the operator's, where it is lower or the only one.
    scope: Scope
    #: Reservations count.
    spent_usd_micros: int

    @property
    def left_usd_micros(self) -> int:
        """What may still be asked for; never below 0."""
        return max(0, self.limit_usd_micros - self.spent_usd_micros)


def budget_usage(
    ledger: LedgerReader, guild_id: int, most_usd_micros: int | None, now: datetime
) -> BudgetUsage | None:
    """Return the lower of a server's own budget and the operator's; None where there is neither.

    most_usd_micros  what the operator allows each server.
    """
    own = ledger.budget(guild_id)
    lower = _lower(own, most_usd_micros)
    if lower is None:
        return None
    limit_usd_micros, scope = lower
    return BudgetUsage(
        limit_usd_micros=limit_usd_micros,
        scope=scope,
        spent_usd_micros=ledger.spent(guild_id, now - BUDGET_WINDOW),
    )


def _lower(own: Budget | None, most_usd_micros: int | None) -> tuple[int, Scope] | None:
    if own is not None and (most_usd_micros is None or own.usd_micros <= most_usd_micros):
        return own.usd_micros, Scope.GUILD
    return None if most_usd_micros is None else (most_usd_micros, Scope.BOT)


def affordable_again_at(
    ledger: LedgerReader, guild_id: int, usage: BudgetUsage, wanted_usd_micros: int, now: datetime
) -> datetime | None:
    """Return an instant by which the server can pay `wanted_usd_micros` if nobody asks for more.

    Late by an hour at most. None when it never can.
    """
    room = usage.limit_usd_micros - wanted_usd_micros
    if room < 0:
        return None
    # Few sums instead of every row of the server: the write lock is held meanwhile.
    oldest = now - BUDGET_WINDOW
    hours = bisect_left(
        range(BUDGET_WINDOW // _HOUR),
        True,
        key=lambda hour: ledger.spent(guild_id, oldest + hour * _HOUR) <= room,
    )
    return now + hours * _HOUR


def warning_percent(spent_usd_micros: int, budget_usd_micros: int) -> Literal[100, 80] | None:
    """Return which of the two marks the spending has reached; None below both, or of nothing."""
    if spent_usd_micros == 0:
        return None
    if spent_usd_micros >= budget_usd_micros:
        return 100
    return 80 if 100 * spent_usd_micros >= 80 * budget_usd_micros else None
