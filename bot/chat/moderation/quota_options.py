"""Reads what moderators type into the options of their commands."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import discord

from bot.errors import BadOptionError
from bot.guild import GuildLimit, Unit
from bot.quota.sentences import units_named

_MICROS = 1_000_000
_CENT_MICROS = 10_000
_MAX_DURATION = timedelta(weeks=52)
_DURATION_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def check_human(user: discord.User | discord.Member, field: str) -> None:
    """Raise BadOptionError, naming the option `field`, for a bot."""
    if user.bot:
        raise BadOptionError(field, "bots make no clips.")


def parse_amounts(clips: int | None, seconds: int | None, usd: float | None) -> dict[Unit, int]:
    """Return the amounts that were given, by unit. Raises BadOptionError for fractions of a cent."""

    def option_value(unit: Unit) -> int | None:
        match unit:
            case Unit.CLIPS:
                return clips
            case Unit.SECONDS:
                return seconds
            case Unit.USD_MICROS:
                return None if usd is None else parse_usd_micros(usd)

    return {unit: value for unit in Unit if (value := option_value(unit)) is not None}


def plan_limit_changes(
    named: Mapping[Unit, int], lift: str | None, window: timedelta, before: Sequence[GuildLimit]
) -> dict[timedelta, dict[Unit, int | None]]:
    """Return which amounts to set, by window and unit; None lifts the limit.

    named   the amounts for `window`.
    lift    the units that get no limit, in `window` and in each window of `before`.
    before  the limits that the subject has.
    Raises BadOptionError if a unit is both limited and lifted.
    """
    units = () if lift is None else units_named(lift)
    for unit in units:
        if unit in named:
            raise BadOptionError(
                "lift", f"{unit.option} can't have a limit and none; leave one out."
            )
    changes: dict[timedelta, dict[Unit, int | None]] = {window: dict(named) | dict.fromkeys(units)}
    for each in before:
        if each.unit in units:
            changes.setdefault(each.window, {})[each.unit] = None
    return changes


def parse_usd_micros(usd: float) -> int:
    """Return dollars in micros. Raises BadOptionError for fractions of a cent."""
    # `repr` gives the shortest decimal for this float, which is the one that was typed.
    micros = Decimal(repr(usd)) * _MICROS
    if micros % _CENT_MICROS:
        raise BadOptionError("usd", "whole cents, please, such as `2.50`.")
    return int(micros)


def parse_duration(words: str | None) -> timedelta | None:
    """Read `30min`, `2h`, `3d`, `1w` or `1d 12h`; None for None.

    Raises BadOptionError for anything else, for zero, and for more than 52 weeks.
    """
    if words is None:
        return None
    allowed = "Try `30min`, `2h`, `3d` or `1w`, up to `52w`; without it, until it is lifted."
    if re.fullmatch(r"(?:\s*\d{1,6}\s*(?:min|h|d|w))+\s*", words, re.ASCII | re.IGNORECASE) is None:
        raise BadOptionError("lasting", "I can't read that as a time.", allowed)
    parts = re.findall(r"(\d+)\s*([a-z]+)", words.casefold())
    lasting = sum((int(count) * _DURATION_UNITS[unit] for count, unit in parts), timedelta())
    if not timedelta() < lasting <= _MAX_DURATION:
        raise BadOptionError("lasting", "too short or too long.", allowed)
    return lasting
