"""The budget of a guild: what all its members together may spend in 30 days."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bot.guild import BUDGET_WINDOW, Scope
from bot.storage.base import LedgerReader

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUsage:
    """The budget of a guild, and how much of it all members together have used."""

    limit_usd_micros: int
    #: GUILD: moderators set the budget. BOT: the operator did, and that one is lower or the only one.
    scope: Scope
    #: Spending in the last 30 days, reservations included.
    spent_usd_micros: int

    @property
    def left_usd_micros(self) -> int:
        """What members may still spend, in millionths of a dollar; never below 0."""
        return max(0, self.limit_usd_micros - self.spent_usd_micros)


def budget_usage(
    ledger: LedgerReader, guild_id: int, most_usd_micros: int | None, now: datetime
) -> BudgetUsage | None:
    """Return the lower of a guild's own budget and the operator's; None where there is neither.

    most_usd_micros  the budget that the operator sets for each guild; None: no budget.
    """
    own = ledger.budget(guild_id)
    limit_usd_micros, scope = most_usd_micros, Scope.BOT
    if own is not None and (most_usd_micros is None or own.usd_micros <= most_usd_micros):
        limit_usd_micros, scope = own.usd_micros, Scope.GUILD
    if limit_usd_micros is None:
        return None
    spent = ledger.spent(guild_id, now - BUDGET_WINDOW)
    return BudgetUsage(limit_usd_micros=limit_usd_micros, scope=scope, spent_usd_micros=spent)


def affordable_again_at(
    ledger: LedgerReader, guild_id: int, usage: BudgetUsage, wanted_usd_micros: int, now: datetime
) -> datetime | None:
    """Return when `wanted_usd_micros` will fit into a guild's budget if nothing else is requested.

    The instant is up to an hour late. None when the whole budget is smaller than the amount.
    """
    room = usage.limit_usd_micros - wanted_usd_micros
    if room < 0:
        return None
    # A binary search reads a few sums, not every row of the guild, while the write lock is held.
    oldest = now - BUDGET_WINDOW
    hours = bisect_left(
        range(BUDGET_WINDOW // _HOUR),
        True,
        key=lambda hour: ledger.spent(guild_id, oldest + hour * _HOUR) <= room,
    )
    return now + hours * _HOUR


def warning_percent(spent_usd_micros: int, budget_usd_micros: int) -> Literal[100, 80] | None:
    """Return 100 or 80 when the spending has reached that percentage of the budget; else None."""
    if spent_usd_micros == 0:
        return None
    if spent_usd_micros >= budget_usd_micros:
        return 100
    return 80 if 100 * spent_usd_micros >= 80 * budget_usd_micros else None
