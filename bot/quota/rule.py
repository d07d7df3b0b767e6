"""Whether a member may have what was asked for: decided inside the transaction that reserves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.errors import BlockedError, OverBudgetError, OverQuotaError
from bot.guild import WINDOWS, Block, Grant, Limit, Unit
from bot.model import RenderSpec, Usage, Viewer
from bot.quota import sentences
from bot.quota.budget import BudgetUsage, affordable_again_at, budget_usage
from bot.quota.effective_limits import EffectiveLimit, resolve
from bot.quota.limit_usage import LimitUsage, amount_of, demand, fits_again_at, limit_usage
from bot.quota.quota_status import Caps, QuotaStatus, read_caps
from bot.settings import Settings
from bot.storage.base import JobUsage, LedgerReader

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRule:
    """What the operator allows, and the reading of what a server makes of it.

    Its methods are synchronous, read the books only, and run where the books do: inside a
    transaction, on the database's thread.
    """

    #: For units that no limit of the server is about; all use everywhere counts.
    defaults: tuple[Limit, ...]
    #: Jobs of one member under way at a time; 1 or more.
    max_active: int
    #: Jobs of one server under way at a time; 1 or more.
    max_active_in_guild: int
    #: What a server may spend in 30 days; None: as much as it likes.
    guild_budget_usd_micros: int | None

    @classmethod
    def from_settings(cls, settings: Settings) -> QuotaRule:
        """Return what the settings say of quotas, caps and budgets."""
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
        )

    def check(
        self, ledger: LedgerReader, viewer: Viewer, specs: Sequence[RenderSpec], now: datetime
    ) -> None:
        """Check that the viewer is not blocked and `specs` fit into every cap, limit and budget.

        Raises BlockedError, or OverQuotaError naming the limit, whose it is, what was asked, what
        is left and when more returns; of several limits the one that lets go last.
        """
        block = self._block(ledger, viewer, now)
        if block is not None:
            raise BlockedError(sentences.blocked(block))
        _check_caps(self._caps(ledger, viewer), len(specs))
        wanted = demand(specs)
        self._check_limits(ledger, viewer, wanted, now)
        self._check_budget(ledger, viewer, wanted.usd_micros, now)

    def check_increase(
        self, ledger: LedgerReader, viewer: Viewer, extra_usd_micros: int, now: datetime
    ) -> None:
        """Check that an accepted job may cost so much more than is reserved for it.

        extra_usd_micros  0 or less always fits.
        Blocks and caps do not matter, nor do limits of other units.
        Raises OverQuotaError for a limit of money and OverBudgetError for the budget, as `check`.
        """
        if extra_usd_micros <= 0:
            return
        self._check_limits(ledger, viewer, Usage(usd_micros=extra_usd_micros), now)
        self._check_budget(ledger, viewer, extra_usd_micros, now)

    def status(self, ledger: LedgerReader, viewer: Viewer, now: datetime) -> QuotaStatus:
        """Return what holds for the viewer where they are, and what is used of it."""
        rulings = self._effective_limits(ledger, viewer)
        return QuotaStatus(
            usages=tuple(
                limit_usage(ruling, limit, *_usage_in_window(ledger, viewer, ruling, limit, now))
                for ruling in rulings
                for limit in ruling.limits
            ),
            lifted=tuple(ruling for ruling in rulings if not ruling.limits),
            budget=None if viewer.guild_id is None else self.budget(ledger, viewer.guild_id, now),
            caps=self._caps(ledger, viewer),
            block=self._block(ledger, viewer, now),
        )

    def budget(self, ledger: LedgerReader, guild_id: int, now: datetime) -> BudgetUsage | None:
        """Return the budget that holds for a server and what is spent of it; None without one."""
        return budget_usage(ledger, guild_id, self.guild_budget_usd_micros, now)

    def _block(self, ledger: LedgerReader, viewer: Viewer, now: datetime) -> Block | None:
        if viewer.guild_id is None:
            return None
        return ledger.block_of(viewer.guild_id, viewer.user_id, now)

    def _caps(self, ledger: LedgerReader, viewer: Viewer) -> Caps:
        return read_caps(
            ledger,
            viewer,
            max_active=self.max_active,
            max_active_in_guild=self.max_active_in_guild,
        )

    def _effective_limits(self, ledger: LedgerReader, viewer: Viewer) -> tuple[EffectiveLimit, ...]:
        if viewer.guild_id is None:
            return resolve((), self.defaults)
        limits = ledger.limits_for(viewer.guild_id, viewer.user_id, viewer.role_ids)
        return resolve(limits, self.defaults)

    def _check_limits(
        self, ledger: LedgerReader, viewer: Viewer, wanted: Usage, now: datetime
    ) -> None:
        refusals = [
            refusal
            for ruling in self._effective_limits(ledger, viewer)
            for limit in ruling.limits
            if (refusal := _refusal(ledger, viewer, ruling, limit, wanted, now)) is not None
        ]
        if refusals:
            last = max(refusals, key=lambda refusal: refusal.fits_at or _NEVER)
            raise OverQuotaError(sentences.used_up(last.usage, last.asked, last.fits_at))

    def _check_budget(
        self, ledger: LedgerReader, viewer: Viewer, asked: int, now: datetime
    ) -> None:
        if viewer.guild_id is None or asked == 0:
            return
        reading = self.budget(ledger, viewer.guild_id, now)
        if reading is None or asked <= reading.left_usd_micros:
            return
        fits_at = affordable_again_at(ledger, viewer.guild_id, reading, asked, now)
        raise OverBudgetError(sentences.over_budget(reading, asked, fits_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A limit that what was asked for does not fit into."""

    usage: LimitUsage
    #: In the limit's unit.
    asked: int
    #: None: it never does.
    fits_at: datetime | None


def _refusal(
    ledger: LedgerReader,
    viewer: Viewer,
    effective: EffectiveLimit,
    limit: Limit,
    wanted: Usage,
    now: datetime,
) -> _Refusal | None:
    asked = amount_of(limit.unit, wanted)
    if asked == 0:
        return None
    # Most requests fit: for them one sum will do.
    within = effective.within(viewer.guild_id)
    usage = ledger.usage(viewer.user_id, now - limit.window, within=within)
    if amount_of(limit.unit, usage) + asked <= limit.amount:
        return None
    spends, grants = _usage_in_window(ledger, viewer, effective, limit, now)
    reading = limit_usage(effective, limit, spends, grants)
    if asked <= reading.left:
        return None
    fits_at = fits_again_at(limit, spends, grants, asked)
    return _Refusal(usage=reading, asked=asked, fits_at=fits_at)


def _usage_in_window(
    ledger: LedgerReader, viewer: Viewer, effective: EffectiveLimit, limit: Limit, now: datetime
) -> tuple[Sequence[JobUsage], Sequence[Grant]]:
    """Return the spends and grants inside a limit's window, where they count."""
    since = now - limit.window
    spends = ledger.usage_by_job(viewer.user_id, since, within=effective.within(viewer.guild_id))
    if viewer.guild_id is None:
        return spends, ()
    return spends, ledger.grants(viewer.guild_id, viewer.user_id, since)


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
