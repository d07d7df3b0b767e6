"""Decides whether a request fits the limits in the simplest way: from the list of all jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.guild import Scope, Unit
from bot.model import RenderSpec, Viewer
from bot.quota.rule import QuotaRule
from tests.unit.quota.in_memory_ledger import MONTH, InMemoryLedger, LedgerJob

#: Days divisible by every window, so that an amount over this time is a whole number.
_LONG_DAYS = 210


def may(
    ledger: InMemoryLedger, rule: QuotaRule, who: Viewer, specs: Sequence[RenderSpec], now: datetime
) -> bool:
    """Return whether every block, cap, limit and budget allows `specs`."""
    guild_id = who.guild_id
    if guild_id is not None and ledger.block_of(guild_id, who.user_id, now) is not None:
        return False
    under_way = [job for job in ledger.jobs if job.is_open or job.is_fetched]
    own = [job for job in under_way if job.user_id == who.user_id]
    here = [job for job in under_way if job.guild_id == guild_id]
    guild_settings = None if guild_id is None else ledger.settings_by_guild.get(guild_id)
    per_user = [
        rule.max_active,
        *([] if guild_settings is None else [guild_settings.max_active_per_user]),
    ]
    per_guild = [
        rule.max_active_in_guild,
        *([] if guild_settings is None else [guild_settings.max_active]),
    ]
    if len(own) + len(specs) > min(cap for cap in per_user if cap is not None):
        return False
    if guild_id is not None and len(here) + len(specs) > min(
        cap for cap in per_guild if cap is not None
    ):
        return False
    asked = {
        Unit.CLIPS: len(specs),
        Unit.SECONDS: sum(spec.seconds for spec in specs),
        Unit.USD_MICROS: sum(spec.estimate_usd_micros for spec in specs),
    }
    if any(asked[unit] and not _fits(ledger, rule, who, unit, asked[unit], now) for unit in Unit):
        return False
    return _is_affordable(ledger, rule, guild_id, asked[Unit.USD_MICROS], now)


def may_cost_more(
    ledger: InMemoryLedger, rule: QuotaRule, who: Viewer, extra: int, now: datetime
) -> bool:
    """Return whether every limit in US dollars and the budget allow `extra` micro-dollars more."""
    if extra <= 0:
        return True
    return _fits(ledger, rule, who, Unit.USD_MICROS, extra, now) and _is_affordable(
        ledger, rule, who.guild_id, extra, now
    )


def _is_affordable(
    ledger: InMemoryLedger, rule: QuotaRule, guild_id: int | None, asked: int, now: datetime
) -> bool:
    if guild_id is None or asked == 0:
        return True
    budgets = [rule.guild_budget_usd_micros]
    budgets += [ledger.budgets[guild_id].usd_micros] if guild_id in ledger.budgets else []
    spent = sum(
        job.usd_micros for job in ledger.jobs if job.guild_id == guild_id and now - job.at < MONTH
    )
    return all(spent + asked <= budget for budget in budgets if budget is not None)


def _fits(
    ledger: InMemoryLedger, rule: QuotaRule, who: Viewer, unit: Unit, asked: int, now: datetime
) -> bool:
    limits, everywhere = _limits(ledger, rule, who, unit)
    for amount, window in limits:
        used = sum(
            _of(job, unit)
            for job in ledger.jobs
            if job.user_id == who.user_id
            and now - job.at < window
            and (everywhere or job.guild_id == who.guild_id)
        )
        extra = sum(
            grant.amount
            for grant in ledger.given
            if (grant.user_id, grant.guild_id, grant.unit) == (who.user_id, who.guild_id, unit)
            and now - grant.at < window
        )
        if used + asked > amount + extra:
            return False
    return True


def _limits(
    ledger: InMemoryLedger, rule: QuotaRule, who: Viewer, unit: Unit
) -> tuple[list[tuple[int, timedelta]], bool]:
    """Return the amounts and windows for a unit, and whether usage in every guild counts."""
    here = [
        limit
        for (guild_id, *_), limit in ledger.limits.items()
        if guild_id == who.guild_id and limit.unit is unit
    ]
    limits_by_subject = [
        [each for each in here if (each.scope, each.subject_id) == (scope, subject_id)]
        for scope, subject_ids in (
            (Scope.USER, [who.user_id]),
            (Scope.ROLE, sorted(who.role_ids)),
            (Scope.GUILD, [who.guild_id]),
        )
        for subject_id in subject_ids
    ]
    present = [limits for limits in limits_by_subject if limits]
    if not present:
        defaults = [limit for limit in rule.defaults if limit.unit is unit]
        return [(limit.amount, limit.window) for limit in defaults], True
    best = present[0]
    if best[0].scope is Scope.ROLE:
        roles = [limits for limits in present if limits[0].scope is Scope.ROLE]
        # `max` returns the first of equal values, and the roles are sorted by id: the smallest id wins.
        best = max(
            roles,
            key=lambda role: min(
                (2**64, 0)
                if each.amount is None
                else (each.amount * _LONG_DAYS // each.window.days, each.amount)
                for each in role
            ),
        )
    return [(each.amount, each.window) for each in best if each.amount is not None], False


def _of(job: LedgerJob, unit: Unit) -> int:
    return {
        Unit.CLIPS: job.clips,
        Unit.SECONDS: job.seconds,
        Unit.USD_MICROS: job.usd_micros,
    }[unit]
