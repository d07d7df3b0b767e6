"""How a member stands: all that decides about what they ask for next."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model import Viewer
from bot.quota.budget import BudgetReading
from bot.quota.limits import Reading
from bot.quota.resolution import Ruling
from bot.server import Block
from bot.storage.base import Books


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How many jobs are under way, and how many may be."""

    #: The member's, everywhere.
    active: int
    #: 0 or more.
    max_active: int
    #: The whole server's; None in direct messages, and so is the next.
    active_in_server: int | None = None
    max_active_in_server: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for a member in one place, and what they have used of it."""

    #: Clips, seconds, money; of each unit the shortest window first.
    readings: tuple[Reading, ...]
    #: Units without a limit because a rule says so.
    lifted: tuple[Ruling, ...]
    #: None where the server has none, and in direct messages.
    budget: BudgetReading | None
    caps: Caps
    #: The block in force.
    block: Block | None


def read_caps(books: Books, viewer: Viewer, *, max_active: int, max_active_in_server: int) -> Caps:
    """Return what is under way and may be; a server may allow less than the operator, not more."""
    active = books.active(viewer.user_id)
    if viewer.guild_id is None:
        return Caps(active=active, max_active=max_active)
    rules = books.rules(viewer.guild_id)
    return Caps(
        active=active,
        max_active=_lower(rules.max_active_per_user, max_active),
        active_in_server=books.active_in(viewer.guild_id),
        max_active_in_server=_lower(rules.max_active, max_active_in_server),
    )


def _lower(chosen: int | None, ceiling: int) -> int:
    return ceiling if chosen is None else min(chosen, ceiling)
