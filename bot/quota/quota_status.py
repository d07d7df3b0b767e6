"""The quota status of a member: all limits that decide about their next request."""

from dataclasses import dataclass

from bot.guild import Block
from bot.quota.budget import BudgetUsage
from bot.quota.effective_limits import EffectiveLimit
from bot.quota.limit_usage import LimitUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many jobs are under way at a time, and how many may be."""

    #: Jobs of the member under way, in all guilds.
    active: int
    #: Most jobs of the member under way; 0 or more.
    max_active: int
    #: Jobs of the whole guild, and the most that are allowed; both None in direct messages.
    active_in_guild: int | None = None
    max_active_in_guild: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaStatus:
    """All limits of a member in one guild or in direct messages, and how much of them is used."""

    #: By unit in the order of `Unit`; of each unit the shortest window first.
    usages: tuple[LimitUsage, ...]
    #: Units whose limit a moderator lifted.
    lifted: tuple[EffectiveLimit, ...]
    #: None where the guild has no budget, and in direct messages.
    budget: BudgetUsage | None
    caps: Caps
    #: The block in force; None: the member is not blocked.
    block: Block | None
