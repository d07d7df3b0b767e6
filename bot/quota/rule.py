"""Whether a member may have what was asked for: decided inside the transaction that reserves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.errors import BlockedError, OverBudgetError, OverQuotaError
from bot.model import Order, Usage, Viewer
from bot.quota import sentences
from bot.quota.budget import BudgetReading, affordable_again_at, read_budget
from bot.quota.limits import Reading, amount_of, demand, fits_again_at, read
from bot.quota.resolution import Ruling, resolve
from bot.quota.standing import Caps, Standing, read_caps
from bot.server import WINDOWS, Block, Grant, Limit, Unit
from bot.settings import Settings
from bot.storage.base import Books, Spend

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
    max_active_in_server: int
    #: What a server may spend in 30 days; None: as much as it likes.
    server_budget_usd_micros: int | None

    @classmethod
    def from_settings(cls, settings: Settings) -> QuotaRule:
        """Return what the settings say of quotas, caps and budgets."""
        wanted = (
            (Unit.CLIPS, settings.quota_clips_per_day, WINDOWS["day"]),
            (Unit.SECONDS, settings.quota_seconds_per_day, WINDOWS["day"]),
            (Unit.USD_MICROS, settings.quota_usd_per_month, WINDOWS["month"]),
        )
        return cls(
            defaults=tuple(
                Limit(unit=unit, amount=amount, window=window)
                for unit, amount, window in wanted
                if amount is not None
            ),
            max_active=settings.max_active_jobs_per_user,
            max_active_in_server=settings.max_active_jobs_per_server,
            server_budget_usd_micros=settings.budget_usd_per_server_per_month,
        )

    def check(self, books: Books, viewer: Viewer, orders: Sequence[Order], now: datetime) -> None:
        """Return if the viewer is welcome and `orders` fit into every cap, limit and budget.

        Raises BlockedError, or OverQuotaError naming the limit, whose it is, what was asked, what
        is left and when more returns; of several limits the one that lets go last.
        """
        block = self._block(books, viewer, now)
        if block is not None:
            raise BlockedError(sentences.blocked(block))
        _check_caps(self._caps(books, viewer), len(orders))
        wanted = demand(orders)
        self._check_limits(books, viewer, wanted, now)
        self._check_budget(books, viewer, wanted.usd_micros, now)

    def check_extra(
        self, books: Books, viewer: Viewer, extra_usd_micros: int, now: datetime
    ) -> None:
        """Return if an accepted job of the viewer's may cost so much more than is reserved for it.

        extra_usd_micros  0 or less always fits.
        Blocks and caps do not matter, nor do limits of other units.
        Raises OverQuotaError for a limit of money and OverBudgetError for the budget, as `check`.
        """
        if extra_usd_micros <= 0:
            return
        self._check_limits(books, viewer, Usage(usd_micros=extra_usd_micros), now)
        self._check_budget(books, viewer, extra_usd_micros, now)

    def standing(self, books: Books, viewer: Viewer, now: datetime) -> Standing:
        """Return what holds for the viewer where they are, and what is used of it."""
        rulings = self._rulings(books, viewer)
        return Standing(
            readings=tuple(
                read(ruling, limit, *_counting(books, viewer, ruling, limit, now))
                for ruling in rulings
                for limit in ruling.limits
            ),
            lifted=tuple(ruling for ruling in rulings if not ruling.limits),
            budget=None if viewer.guild_id is None else self.budget(books, viewer.guild_id, now),
            caps=self._caps(books, viewer),
            block=self._block(books, viewer, now),
        )

    def budget(self, books: Books, guild_id: int, now: datetime) -> BudgetReading | None:
        """Return the budget that holds for a server and what is spent of it; None without one."""
        return read_budget(books, guild_id, self.server_budget_usd_micros, now)

    def _block(self, books: Books, viewer: Viewer, now: datetime) -> Block | None:
        if viewer.guild_id is None:
            return None
        return books.block_of(viewer.guild_id, viewer.user_id, now)

    def _caps(self, books: Books, viewer: Viewer) -> Caps:
        return read_caps(
            books,
            viewer,
            max_active=self.max_active,
            max_active_in_server=self.max_active_in_server,
        )

    def _rulings(self, books: Books, viewer: Viewer) -> tuple[Ruling, ...]:
        if viewer.guild_id is None:
            return resolve((), self.defaults)
        limits = books.limits_for(viewer.guild_id, viewer.user_id, viewer.role_ids)
        return resolve(limits, self.defaults)

    def _check_limits(self, books: Books, viewer: Viewer, wanted: Usage, now: datetime) -> None:
        refusals = [
            refusal
            for ruling in self._rulings(books, viewer)
            for limit in ruling.limits
            if (refusal := _refusal(books, viewer, ruling, limit, wanted, now)) is not None
        ]
        if refusals:
            last = max(refusals, key=lambda refusal: refusal.fits_at or _NEVER)
            raise OverQuotaError(sentences.used_up(last.reading, last.asked, last.fits_at))

    def _check_budget(self, books: Books, viewer: Viewer, asked: int, now: datetime) -> None:
        if viewer.guild_id is None or asked == 0:
            return
        reading = self.budget(books, viewer.guild_id, now)
        if reading is None or asked <= reading.left_usd_micros:
            return
        fits_at = affordable_again_at(books, viewer.guild_id, reading, asked, now)
        raise OverBudgetError(sentences.over_budget(reading, asked, fits_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """A limit that what was asked for does not fit into."""

    reading: Reading
    #: In the limit's unit.
    asked: int
    #: None: it never does.
    fits_at: datetime | None


def _refusal(
    books: Books, viewer: Viewer, ruling: Ruling, limit: Limit, wanted: Usage, now: datetime
) -> _Refusal | None:
    asked = amount_of(limit.unit, wanted)
    if asked == 0:
        return None
    # Most requests fit: for them one sum will do.
    within = ruling.within(viewer.guild_id)
    usage = books.usage(viewer.user_id, now - limit.window, within=within)
    if amount_of(limit.unit, usage) + asked <= limit.amount:
        return None
    spends, grants = _counting(books, viewer, ruling, limit, now)
    reading = read(ruling, limit, spends, grants)
    if asked <= reading.left:
        return None
    fits_at = fits_again_at(limit, spends, grants, asked)
    return _Refusal(reading=reading, asked=asked, fits_at=fits_at)


def _counting(
    books: Books, viewer: Viewer, ruling: Ruling, limit: Limit, now: datetime
) -> tuple[Sequence[Spend], Sequence[Grant]]:
    """Return the spends and grants inside a limit's window, where they count."""
    since = now - limit.window
    spends = books.spends(viewer.user_id, since, within=ruling.within(viewer.guild_id))
    if viewer.guild_id is None:
        return spends, ()
    return spends, books.grants(viewer.guild_id, viewer.user_id, since)


def _check_caps(caps: Caps, asked: int) -> None:
    if caps.active + asked > caps.max_active:
        raise OverQuotaError(sentences.too_many_active(caps.active, asked, caps.max_active))
    if caps.active_in_server is None or caps.max_active_in_server is None:
        return
    if caps.active_in_server + asked > caps.max_active_in_server:
        room = max(0, caps.max_active_in_server - caps.active_in_server)
        raise OverQuotaError(sentences.server_is_busy(room, asked, caps.max_active_in_server))
