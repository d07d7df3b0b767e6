"""The quota rule: decides in the reserving transaction whether a member may have new clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter

from bot.errors import (
    BlockedError,
    OverBotBudgetError,
    OverBudgetError,
    OverQuotaError,
    SlowedDownError,
)
from bot.guild import WINDOWS, Block, Grant, Limit, Scope, Unit
from bot.model import RenderSpec, Usage, Viewer
from bot.quota import sentences
from bot.quota.budget import BudgetUsage, affordable_again_at, budget_usage
from bot.quota.effective_limits import EffectiveLimit, resolve
from bot.quota.limit_usage import amount_of, demand, fits_again_at, limit_usage
from bot.quota.quota_status import Caps, QuotaStatus
from bot.settings import Settings
from bot.storage.base import JobUsage, LedgerReader

_DAY, _MONTH = timedelta(days=1), timedelta(days=30)
#: Refusals for content within an hour that a member has free, and the wait after one more.
_FREE_REFUSALS = 2
_REFUSALS_WINDOW, _FIRST_WAIT = timedelta(hours=1), timedelta(minutes=1)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotBudget:
    """What all members of all guilds may spend together in a window."""

    variable: str
    usd_micros: int
    window: timedelta


def bot_budgets(settings: Settings) -> tuple[BotBudget, ...]:
    """Return the operator's budgets for the whole bot, the shortest window first."""
    budgets = (
        ("BUDGET_USD_PER_DAY", settings.budget_usd_per_day, _DAY),
        ("BUDGET_USD_PER_MONTH", settings.budget_usd_per_month, _MONTH),
    )
    return tuple(
        BotBudget(variable=variable, usd_micros=usd_micros, window=window)
        for variable, usd_micros, window in budgets
        if usd_micros is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRule:
    """The operator's limits, caps and budget, and the check of a request against those of a guild.

    The methods only read the ledger. They are synchronous and run inside a transaction, on the
    database's thread.
    """

    #: Limits for units that the guild does not limit; usage in all guilds counts.
    defaults: tuple[Limit, ...]
    #: Jobs of one member under way at a time; 1 or more.
    max_active: int
    #: Jobs of one guild under way at a time; 1 or more.
    max_active_in_guild: int
    #: What all members of a guild may spend in 30 days; None: no budget.
    guild_budget_usd_micros: int | None
    #: Whether moderators of a guild may raise the operator's limits; called on the database's thread.
    trusts: Callable[[int], bool] = field(compare=False)
    #: What all members everywhere may spend together.
    bot_budgets: tuple[BotBudget, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings, trusts: Callable[[int], bool]) -> "QuotaRule":
        """Return the quota rule with the operator's quotas, caps and budgets.

        trusts  tells of a guild whether its moderators may raise the operator's limits.
        """
        defaults = ((unit, *_default_limit(unit, settings)) for unit in Unit)
        return cls(
            defaults=tuple(
                Limit(unit=unit, amount=amount, window=WINDOWS[window])
                for unit, amount, window in defaults
                if amount is not None
            ),
            max_active=settings.max_active_jobs_per_user,
            max_active_in_guild=settings.max_active_jobs_per_server,
            guild_budget_usd_micros=settings.budget_usd_per_server_per_month,
            bot_budgets=bot_budgets(settings),
            trusts=trusts,
        )

    def check(
        self, ledger: LedgerReader, viewer: Viewer, specs: Sequence[RenderSpec], now: datetime
    ) -> None:
        """Check that the viewer is not blocked and `specs` fit into every cap, limit and budget.

        Raises BlockedError, or OverQuotaError that names the limit, its owner, the amount requested,
        the amount left and when more returns; of several limits the one that lets go last.
        """
        block = self._block(ledger, viewer, now)
        if block is not None:
            raise BlockedError(sentences.blocked(block))
        _check_refusals(ledger, viewer, now)
        _check_caps(self._caps(ledger, viewer), len(specs))
        wanted = demand(specs)
        self._check_limits(ledger, viewer, wanted, now)
        self._check_budget(ledger, viewer, wanted.usd_micros, now)

    def check_increase(
        self, ledger: LedgerReader, viewer: Viewer, extra_usd_micros: int, now: datetime
    ) -> None:
        """Check that an accepted job may cost `extra_usd_micros` more than is reserved for it.

        extra_usd_micros  0 or less always fits.
        Blocks, caps and limits of other units are not checked.
        Raises OverQuotaError for a limit in US dollars, and OverBudgetError for the budget.
        """
        if extra_usd_micros <= 0:
            return
        self._check_limits(ledger, viewer, Usage(usd_micros=extra_usd_micros), now)
        self._check_budget(ledger, viewer, extra_usd_micros, now)

    def status(self, ledger: LedgerReader, viewer: Viewer, now: datetime) -> QuotaStatus:
        """Return the limits, caps, budget and block of a viewer, and how much of them is used."""
        effective_limits = self._effective_limits(ledger, viewer)
        return QuotaStatus(
            usages=tuple(
                limit_usage(each, limit, *self._usage_in_window(ledger, viewer, each, limit, now))
                for each in effective_limits
                for limit in each.limits
            ),
            lifted=tuple(each for each in effective_limits if not each.limits),
            budget=None if viewer.guild_id is None else self.budget(ledger, viewer.guild_id, now),
            caps=self._caps(ledger, viewer),
            block=self._block(ledger, viewer, now),
        )

    def budget(self, ledger: LedgerReader, guild_id: int, now: datetime) -> BudgetUsage | None:
        """Return the budget of a guild and how much of it is spent; None without a budget."""
        return budget_usage(ledger, guild_id, self.guild_budget_usd_micros, now)

    def _block(self, ledger: LedgerReader, viewer: Viewer, now: datetime) -> Block | None:
        if viewer.guild_id is None:
            return None
        return ledger.block_of(viewer.guild_id, viewer.user_id, now)

    def _caps(self, ledger: LedgerReader, viewer: Viewer) -> Caps:
        """Return the jobs under way and the caps: a guild may lower the operator's, not raise them."""
        active = ledger.active(viewer.user_id)
        if viewer.guild_id is None:
            return Caps(active=active, max_active=self.max_active)
        chosen = ledger.guild_settings(viewer.guild_id)
        return Caps(
            active=active,
            max_active=_lower(chosen.max_active_per_user, self.max_active),
            active_in_guild=ledger.active_in_guild(viewer.guild_id),
            max_active_in_guild=_lower(chosen.max_active, self.max_active_in_guild),
        )

    def ceiling(self, guild_id: int) -> tuple[Limit, ...]:
        """Return the operator's limits that a guild's moderators can lower, but neither raise nor lift."""
        return () if self.trusts(guild_id) else self.defaults

    def _effective_limits(self, ledger: LedgerReader, viewer: Viewer) -> tuple[EffectiveLimit, ...]:
        if viewer.guild_id is None:
            return resolve((), self.defaults)
        set_limits = ledger.limits_for(viewer.guild_id, viewer.user_id, viewer.role_ids)
        ceiling = resolve((), self.ceiling(viewer.guild_id))
        lowered = [
            each
            for each in resolve(set_limits, self.defaults)
            if not ceiling
            or (each.limits and each.scope is not Scope.BOT)
            or all(each.unit is not most.unit for most in ceiling)
        ]
        return (*lowered, *ceiling)

    def _check_limits(
        self, ledger: LedgerReader, viewer: Viewer, wanted: Usage, now: datetime
    ) -> None:
        """Raise OverQuotaError for the limit, of those that `wanted` exceeds, which lets go last."""
        refusals: list[tuple[datetime, str]] = []
        for effective in self._effective_limits(ledger, viewer):
            within = effective.within(viewer.guild_id)
            for limit in effective.limits:
                asked = amount_of(limit.unit, wanted)
                # Most requests fit: for them one sum is enough.
                if asked == 0 or limit.amount >= asked + amount_of(
                    limit.unit, ledger.usage(viewer.user_id, now - limit.window, within=within)
                ):
                    continue
                jobs, grants = self._usage_in_window(ledger, viewer, effective, limit, now)
                usage = limit_usage(effective, limit, jobs, grants)
                if asked > usage.left:
                    fits_at = fits_again_at(limit, jobs, grants, asked)
                    text = sentences.used_up(usage, asked, fits_at)
                    refusals.append((fits_at or _NEVER, text))
        if refusals:
            raise OverQuotaError(max(refusals, key=itemgetter(0))[1])

    def _check_budget(
        self, ledger: LedgerReader, viewer: Viewer, asked: int, now: datetime
    ) -> None:
        if asked == 0:
            return
        for budget in self.bot_budgets:
            if asked > budget.usd_micros - ledger.spent(None, now - budget.window):
                raise OverBotBudgetError(sentences.over_bot_budget(budget.window), budget.variable)
        if viewer.guild_id is None:
            return
        usage = self.budget(ledger, viewer.guild_id, now)
        if usage is not None and asked > usage.left_usd_micros:
            fits_at = affordable_again_at(ledger, viewer.guild_id, usage, asked, now)
            raise OverBudgetError(sentences.over_budget(usage, asked, fits_at))

    def _usage_in_window(
        self,
        ledger: LedgerReader,
        viewer: Viewer,
        effective: EffectiveLimit,
        limit: Limit,
        now: datetime,
    ) -> tuple[Sequence[JobUsage], Sequence[Grant]]:
        """Return the jobs and grants of a viewer that count for a limit, inside its window."""
        since, guild_id = now - limit.window, viewer.guild_id
        jobs = ledger.usage_by_job(viewer.user_id, since, within=effective.within(guild_id))
        # A grant is a guild's: it does not raise the operator's limit where the guild may not.
        if guild_id is None or (effective.scope is Scope.BOT and not self.trusts(guild_id)):
            return jobs, ()
        return jobs, ledger.grants(guild_id, viewer.user_id, since)


def _lower(chosen: int | None, ceiling: int) -> int:
    return ceiling if chosen is None else min(chosen, ceiling)


def _check_refusals(ledger: LedgerReader, viewer: Viewer, now: datetime) -> None:
    """Raise SlowedDownError while a member waits who keeps ordering what providers refuse.

    Such orders are free: without the wait one member could send hundreds a minute with the
    operator's key, which the provider may close for it. The wait doubles with each refusal.
    """
    count, last_at = ledger.refused_by_moderation(
        viewer.user_id, viewer.guild_id, now - _REFUSALS_WINDOW
    )
    if last_at is None or count <= _FREE_REFUSALS:
        return
    wait = min(_REFUSALS_WINDOW, _FIRST_WAIT * 2 ** min(count - _FREE_REFUSALS - 1, 10))
    if last_at + wait > now:
        raise SlowedDownError(sentences.slowed_down(count, last_at + wait))


def _default_limit(unit: Unit, settings: Settings) -> tuple[int | None, str]:
    match unit:
        case Unit.CLIPS:
            return settings.quota_clips_per_day, "day"
        case Unit.SECONDS:
            return settings.quota_seconds_per_day, "day"
        case Unit.USD_MICROS:
            return settings.quota_usd_per_month, "month"


def _check_caps(caps: Caps, asked: int) -> None:
    if caps.active + asked > caps.max_active:
        raise OverQuotaError(sentences.too_many_active(caps.active, asked, caps.max_active))
    if caps.active_in_guild is None or caps.max_active_in_guild is None:
        return
    if caps.active_in_guild + asked > caps.max_active_in_guild:
        room = max(0, caps.max_active_in_guild - caps.active_in_guild)
        raise OverQuotaError(sentences.guild_is_busy(room, asked, caps.max_active_in_guild))
