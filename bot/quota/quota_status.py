"""How a member stands: all that decides about what they ask for next."""

from __future__ import annotations

from dataclasses import dataclass

from bot.guild import Block
from bot.model import Viewer
from bot.quota.budget import BudgetUsage
from bot.quota.effective_limits import EffectiveLimit
from bot.quota.limit_usage import LimitUsage
from bot.storage.base import LedgerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many jobs are under way, and how many may be."""

    #: The member's, everywhere.
    active: int
    #: 0 or more.
    max_active: int
    #: The whole server's; None in direct messages, and so is the next.
    active_in_guild: int | None = None
    max_active_in_guild: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStatus:
    """What holds for a member in one place, and what they have used of it."""

    #: Clips, seconds, money; of each unit the shortest window first.
    usages: tuple[LimitUsage, ...]
    #: Units without a limit because a rule says so.
    lifted: tuple[EffectiveLimit, ...]
    #: None where the server has none, and in direct messages.
    budget: BudgetUsage | None
    caps: Caps
    #: The block in force.
    block: Block | None


def read_caps(
    ledger: LedgerReader, viewer: Viewer, *, max_active: int, max_active_in_guild: int
) -> Caps:
    """Return what is under way and may be; a server may allow less than the operator, not more."""
    active = ledger.active(viewer.user_id)
    if viewer.guild_id is None:
        return Caps(active=active, max_active=max_active)
    rules = ledger.guild_settings(viewer.guild_id)
    return Caps(
        active=active,
        max_active=_lower(rules.max_active_per_user, max_active),
        active_in_guild=ledger.active_in_guild(viewer.guild_id),
        max_active_in_guild=_lower(rules.max_active, max_active_in_guild),
    )


def _lower(chosen: int | None, ceiling: int) -> int:
    return ceiling if chosen is None else min(chosen, ceiling)
