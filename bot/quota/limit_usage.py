"""Arithmetic of one quota limit: how much is used, and when a request will fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.guild import Grant, Limit, Scope, Unit
from bot.model import RenderSpec, Usage
from bot.quota.effective_limits import EffectiveLimit
from bot.storage.base import JobUsage
from bot.storage.guild_settings import DayUsage, MemberUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitUsage:
    """One limit that holds for a member, and how much of it they have used."""

    limit: Limit
    #: The scope whose limit decides for this unit.
    scope: Scope
    #: The user, role or guild that the limit was set for; None for the operator's default.
    subject_id: int | None
    #: Usage inside the window, reservations included.
    used: int
    #: The part of `used` that belongs to jobs which have not ended.
    reserved: int
    #: The sum of grants on top of `limit.amount`.
    granted: int
    #: When the oldest usage leaves the window; None while nothing is used.
    next_return_at: datetime | None

    @property
    def allowed(self) -> int:
        """The limit's amount and the grants on top of it."""
        return self.limit.amount + self.granted

    @property
    def left(self) -> int:
        """How much more the member may request; never below 0."""
        return max(0, self.allowed - self.used)


def amount_of(unit: Unit, counted: Usage | JobUsage | DayUsage | MemberUsage) -> int:
    """Return how much of `unit` a member, a job, a day or a request used."""
    match unit:
        case Unit.CLIPS:
            return counted.clips
        case Unit.SECONDS:
            return counted.seconds
        case Unit.USD_MICROS:
            return counted.usd_micros


def demand(specs: Sequence[RenderSpec]) -> Usage:
    """Return what the jobs of `specs` will reserve together."""
    return Usage(
        clips=len(specs),
        seconds=sum(spec.seconds for spec in specs),
        usd_micros=sum(spec.estimate_usd_micros for spec in specs),
    )


def limit_usage(
    effective: EffectiveLimit, limit: Limit, job_usages: Sequence[JobUsage], grants: Sequence[Grant]
) -> LimitUsage:
    """Return how much of one limit a member has used.

    job_usages  the member's jobs inside the limit's window, oldest first.
    grants      the member's grants inside the window; grants of other units don't count.
    """
    unit = limit.unit
    counting = [job for job in job_usages if amount_of(unit, job) > 0]
    return LimitUsage(
        limit=limit,
        scope=effective.scope,
        subject_id=effective.subject_id,
        used=sum(amount_of(unit, job) for job in counting),
        reserved=sum(amount_of(unit, job) for job in counting if job.is_reserved),
        granted=sum(grant.amount for grant in grants if grant.unit is unit),
        next_return_at=counting[0].counts_at + limit.window if counting else None,
    )


def fits_again_at(
    limit: Limit, job_usages: Sequence[JobUsage], grants: Sequence[Grant], wanted: int
) -> datetime | None:
    """Return when `wanted` more will fit into a limit; None when the limit is too small for it.

    job_usages, grants  what the member used and was granted inside the limit's window, oldest first.
    A grant stops counting when the window has passed it.
    """
    extras = [grant for grant in grants if grant.unit is limit.unit]
    used = sum(amount_of(limit.unit, job) for job in job_usages)
    for job in job_usages:
        used -= amount_of(limit.unit, job)
        lasting = sum(grant.amount for grant in extras if grant.at > job.counts_at)
        if used + wanted <= limit.amount + lasting:
            return job.counts_at + limit.window
    return None
