"""What a member may use: limits as values, and the reading of a ledger against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model import Order, Usage
from bot.storage.base import Spend


class Unit(StrEnum):
    """What a limit counts."""

    CLIPS = "clips"
    SECONDS = "seconds"
    #: Millionths of a US dollar.
    USD_MICROS = "usd_micros"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So much of one unit in any stretch of time as long as the window."""

    unit: Unit
    #: 0 or more.
    amount: int
    window: timedelta

    @property
    def window_name(self) -> str:
        """The window in words: `24 hours` up to a day, else days."""
        hours = int(self.window.total_seconds() // 3600)
        return f"{hours} hours" if hours <= 24 else f"{hours // 24} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One limit and what a member has used of it, counting what is reserved."""

    limit: Limit
    used: int
    #: When the next unit comes back; None while nothing is used.
    next_return_at: datetime | None

    @property
    def left(self) -> int:
        """What may still be asked for; never below 0."""
        return max(0, self.limit.amount - self.used)


def amount_of(unit: Unit, counted: Usage | Spend) -> int:
    """Return the part of `counted` that `unit` names."""
    match unit:
        case Unit.CLIPS:
            return counted.clips
        case Unit.SECONDS:
            return counted.seconds
        case Unit.USD_MICROS:
            return counted.usd_micros


def demand(orders: Sequence[Order]) -> Usage:
    """Return what `orders` will reserve together."""
    return Usage(
        clips=len(orders),
        seconds=sum(order.seconds for order in orders),
        usd_micros=sum(order.estimate_usd_micros for order in orders),
    )


def read(limit: Limit, spends: Sequence[Spend]) -> Reading:
    """Return the reading of `limit` over the spends inside its window, oldest first."""
    counting = [spend for spend in spends if amount_of(limit.unit, spend) > 0]
    return Reading(
        limit=limit,
        used=sum(amount_of(limit.unit, spend) for spend in counting),
        next_return_at=counting[0].counts_at + limit.window if counting else None,
    )


def fits_again_at(limit: Limit, spends: Sequence[Spend], wanted: int) -> datetime | None:
    """Return when `wanted` will fit if nothing else is asked for; None when it never can."""
    if wanted > limit.amount:
        return None
    excess = sum(amount_of(limit.unit, spend) for spend in spends) + wanted - limit.amount
    for spend in spends:
        excess -= amount_of(limit.unit, spend)
        if excess <= 0:
            return spend.counts_at + limit.window
    return None
