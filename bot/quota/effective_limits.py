"""Finds the limits that decide for a member, among all that moderators and operator set."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from bot.guild import GuildLimit, Limit, Scope, Unit

_DAY = timedelta(days=1)
_MS = timedelta(milliseconds=1)
_UNLIMITED = Fraction(2**63)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLimit:
    """The limits that decide for one unit, and whose limits they are."""

    unit: Unit
    scope: Scope
    #: The user, role or guild that the limits were set for; None for the operator's defaults.
    subject_id: int | None
    #: All of them apply, shortest window first; empty when a moderator lifted the limit of the unit.
    limits: tuple[Limit, ...]

    def within(self, guild_id: int | None) -> int | None:
        """Return the guild in which usage counts; None: usage in all guilds, for the operator's."""
        return None if self.scope is Scope.BOT else guild_id


def resolve(
    set_limits: Sequence[GuildLimit], defaults: Sequence[Limit]
) -> tuple[EffectiveLimit, ...]:
    """Return the effective limit of each unit that has one.

    set_limits  the limits of the member, of their roles and of the guild.
    defaults    the operator's limits, for units without any other limit.

    The first scope with a limit of the unit decides alone: user, role, guild, bot. Of several
    roles the most generous one decides: the role that allows most per day by its tightest limit,
    then the one with the larger amount, then the smaller id. All its windows apply together.
    """
    found = (_effective_limit(unit, set_limits, defaults) for unit in Unit)
    return tuple(each for each in found if each is not None)


def _effective_limit(
    unit: Unit, set_limits: Sequence[GuildLimit], defaults: Sequence[Limit]
) -> EffectiveLimit | None:
    for scope in (Scope.USER, Scope.ROLE, Scope.GUILD):
        rules: defaultdict[int, list[GuildLimit]] = defaultdict(list)
        for each in set_limits:
            if each.unit is unit and each.scope is scope:
                rules[each.subject_id].append(each)
        if rules:
            subject_id = min(rules, key=lambda subject_id: _stinginess(subject_id, rules))
            limits = [
                Limit(unit=unit, amount=each.amount, window=each.window)
                for each in rules[subject_id]
                if each.amount is not None
            ]
            break
    else:
        scope, subject_id = Scope.BOT, None
        limits = [limit for limit in defaults if limit.unit is unit]
        if not limits:
            return None
    limits.sort(key=lambda limit: limit.window)
    return EffectiveLimit(unit=unit, scope=scope, subject_id=subject_id, limits=tuple(limits))


def _stinginess(
    subject_id: int, rules: defaultdict[int, list[GuildLimit]]
) -> tuple[Fraction, Fraction, int]:
    per_day, amount = min(_generosity(each) for each in rules[subject_id])
    return -per_day, -amount, subject_id


def _generosity(limit: GuildLimit) -> tuple[Fraction, Fraction]:
    """Return the exact amount per day of a limit, and its amount; a lifted limit exceeds any other."""
    if limit.amount is None:
        return _UNLIMITED, _UNLIMITED
    per_day = Fraction(limit.amount) * Fraction(_DAY // _MS, limit.window // _MS)
    return per_day, Fraction(limit.amount)
