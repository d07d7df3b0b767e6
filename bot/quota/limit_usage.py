"""The arithmetic of one limit: what is used of it, and when what was asked for will fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.guild import Grant, Limit, Scope, Unit
from bot.model import RenderSpec, Usage
from bot.quota.effective_limits import EffectiveLimit
from bot.storage.base import JobUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUsage:
    """One limit that holds for a member, and what they have used of it."""

    limit: Limit
    #: Whose limit it is: the rule that won for its unit.
    scope: Scope
    #: The user, role or server it was set for; None for the bot's own.
    subject_id: int | None
    #: All that counts, reservations too.
    used: int
    #: The part of `used` whose jobs have not ended.
    reserved: int
    #: One-off extras on top of `limit.amount`.
    granted: int
    #: When the next unit comes back; None while nothing is used.
    next_return_at: datetime | None

    @property
    def allowed(self) -> int:
        """What the limit comes to with the extras."""
        return self.limit.amount + self.granted

    @property
    def left(self) -> int:
        """What may still be asked for; never below 0."""
        return max(0, self.allowed - self.used)


def amount_of(unit: Unit, counted: Usage | JobUsage) -> int:
    """Return the part of `counted` that `unit` names."""
    match unit:
        case Unit.CLIPS:
            return counted.clips
        case Unit.SECONDS:
            return counted.seconds
        case Unit.USD_MICROS:
            return counted.usd_micros


def demand(specs: Sequence[RenderSpec]) -> Usage:
    """Return what `orders` will reserve together."""
    return Usage(
        clips=len(specs),
        seconds=sum(order.seconds for order in specs),
        usd_micros=sum(order.estimate_usd_micros for order in specs),
    )


def limit_usage(
    effective: EffectiveLimit, limit: Limit, job_usages: Sequence[JobUsage], grants: Sequence[Grant]
) -> LimitUsage:
    """Return the reading of one of a ruling's limits.

    spends  those inside the limit's window, oldest first.
    grants  the member's in this server inside the window; those of other units are left out.
    """
    unit = limit.unit
    counting = [spend for spend in job_usages if amount_of(unit, spend) > 0]
    return LimitUsage(
        limit=limit,
        scope=effective.scope,
        subject_id=effective.subject_id,
        used=sum(amount_of(unit, spend) for spend in counting),
        reserved=sum(amount_of(unit, spend) for spend in counting if spend.is_reserved),
        granted=sum(grant.amount for grant in grants if grant.unit is unit),
        next_return_at=counting[0].counts_at + limit.window if counting else None,
    )


def fits_again_at(
    limit: Limit, job_usages: Sequence[JobUsage], grants: Sequence[Grant], wanted: int
) -> datetime | None:
    """Return when `wanted` will fit if nothing else is asked for or given; None when it never can.

    spends, grants  as for `read`. What a grant adds is gone when the window has passed it.
    """
    extras = [grant for grant in grants if grant.unit is limit.unit]
    used = sum(amount_of(limit.unit, spend) for spend in job_usages)
    for spend in job_usages:
        used -= amount_of(limit.unit, spend)
        lasting = sum(grant.amount for grant in extras if grant.at > spend.counts_at)
        if used + wanted <= limit.amount + lasting:
            return spend.counts_at + limit.window
    return None
