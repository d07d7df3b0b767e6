"""Which of the limits that were set are those that hold for a member."""

from __future__ import annotations

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
    """What holds for one unit, and whose rule it is."""

    unit: Unit
    scope: Scope
    #: The user, role or server it was set for; None for the bot's own.
    subject_id: int | None
    #: Each holds by itself, shortest window first; none when the rule lifts the unit.
    limits: tuple[Limit, ...]

    def within(self, guild_id: int | None) -> int | None:
        """Return where use counts: a server's rule counts use in the server, the bot's all use."""
        return None if self.scope is Scope.BOT else guild_id


def resolve(
    set_limits: Sequence[GuildLimit], defaults: Sequence[Limit]
) -> tuple[EffectiveLimit, ...]:
    """Return the ruling on each unit that has one.

    set_limits  those that are for the member: theirs, their roles', the server's.
    defaults    the bot's own, for units that no other limit is about.

    The first scope with a limit of the unit decides alone: user, role, server, bot. Of several
    roles it is the most generous: the one that allows most a day by its tightest limit; then the
    one with the larger amount; then the smaller id. All windows of the winner hold together.
    """
    rulings = [_effective_limit(unit, set_limits, defaults) for unit in Unit]
    return tuple(ruling for ruling in rulings if ruling is not None)


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
            return _by_window(unit, scope, subject_id, limits)
    limits = [limit for limit in defaults if limit.unit is unit]
    return _by_window(unit, Scope.BOT, None, limits) if limits else None


def _by_window(
    unit: Unit, scope: Scope, subject_id: int | None, limits: Sequence[Limit]
) -> EffectiveLimit:
    ordered = tuple(sorted(limits, key=lambda limit: limit.window))
    return EffectiveLimit(unit=unit, scope=scope, subject_id=subject_id, limits=ordered)


def _stinginess(
    subject_id: int, rules: defaultdict[int, list[GuildLimit]]
) -> tuple[Fraction, Fraction, int]:
    per_day, amount = min(_generosity(each) for each in rules[subject_id])
    return -per_day, -amount, subject_id


def _generosity(limit: GuildLimit) -> tuple[Fraction, Fraction]:
    """Return what a limit allows a day, exactly, and its amount; a lifted one beats any other."""
    if limit.amount is None:
        return _UNLIMITED, _UNLIMITED
    per_day = Fraction(limit.amount) * Fraction(_DAY // _MS, limit.window // _MS)
    return per_day, Fraction(limit.amount)
