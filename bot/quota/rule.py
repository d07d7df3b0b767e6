"""Whether a member may have what was asked for: decided inside the transaction that reserves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import OverQuotaError
from bot.model import Order
from bot.quota.limits import Limit, Reading, Unit, amount_of, demand, fits_again_at, read
from bot.quota.sentences import too_many_active, used_up
from bot.settings import Settings
from bot.storage.base import Books, Store

_DAY = timedelta(days=1)
_MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRule:
    """The bot's default quota, the same for every member."""

    limits: tuple[Limit, ...]
    #: Jobs of one member under way at a time; 1 or more.
    max_active: int

    @classmethod
    def from_settings(cls, settings: Settings) -> QuotaRule:
        """Return what the QUOTA_* settings say."""
        wanted = (
            (Unit.CLIPS, settings.quota_clips_per_day, _DAY),
            (Unit.SECONDS, settings.quota_seconds_per_day, _DAY),
            (Unit.USD_MICROS, settings.quota_usd_per_month, _MONTH),
        )
        limits = tuple(
            Limit(unit=unit, amount=amount, window=window)
            for unit, amount, window in wanted
            if amount is not None
        )
        return cls(limits=limits, max_active=settings.max_active_jobs_per_user)

    def check(self, books: Books, user_id: int, orders: Sequence[Order], now: datetime) -> None:
        """Return if `orders` fit into every limit together.

        Runs inside the accepting transaction; reads only.
        Raises OverQuotaError naming the limit, what was asked, what is left and when it returns.
        """
        active = books.active(user_id)
        if active + len(orders) > self.max_active:
            raise OverQuotaError(too_many_active(active, len(orders), self.max_active))
        wanted = demand(orders)
        for limit in self.limits:
            since = now - limit.window
            asked = amount_of(limit.unit, wanted)
            if (
                asked == 0
                or amount_of(limit.unit, books.usage(user_id, since)) + asked <= limit.amount
            ):
                continue
            spends = books.spends(user_id, since)
            fits_at = fits_again_at(limit, spends, asked)
            raise OverQuotaError(used_up(read(limit, spends), asked, fits_at))

    async def readings(self, store: Store, user_id: int, now: datetime) -> tuple[Reading, ...]:
        """Return each limit with what the member has used of it."""
        return tuple(
            [read(limit, await store.spends(user_id, now - limit.window)) for limit in self.limits]
        )
