"""How limits are put into words."""

from __future__ import annotations

from datetime import datetime

from bot.quota.limits import Reading, Unit


def amount(unit: Unit, value: int) -> str:
    """Return `value` of `unit` in words: `1 clip`, `12 s of video`, `$0.40`, `$0`."""
    match unit:
        case Unit.CLIPS:
            return f"{value} clip{'' if value == 1 else 's'}"
        case Unit.SECONDS:
            return f"{value} s of video"
        case Unit.USD_MICROS:
            return dollars(value) if value else "$0"


def dollars(usd_micros: int) -> str:
    """Return an amount of money to the cent, finer where a cent would hide it; `free` for 0."""
    if usd_micros == 0:
        return "free"
    digits = 2 if usd_micros % 10_000 == 0 else 4
    return f"${usd_micros / 1_000_000:.{digits}f}"


def relative(at: datetime) -> str:
    """Return an instant that chat shows as "in 3 hours" in the reader's own time zone."""
    return f"<t:{int(at.timestamp())}:R>"


def used_up(reading: Reading, asked: int, fits_at: datetime | None) -> str:
    """Return the refusal for a limit that `asked` does not fit into."""
    limit = reading.limit
    whole = (
        f"The limit is {amount(limit.unit, limit.amount)} in {limit.window_name}; this asks for "
        f"{amount(limit.unit, asked)} and you have {amount(limit.unit, reading.left)} left."
    )
    if fits_at is None:
        return f"{whole} It can't fit: ask for less. Nothing was charged."
    return f"{whole} It will fit {relative(fits_at)}. Nothing was charged."


def too_many_active(active: int, asked: int, most: int) -> str:
    """Return the refusal for too many jobs at a time."""
    now = "none" if active == 0 else str(active)
    return (
        f"You can have {most} clip{'' if most == 1 else 's'} under way at a time; {now} running, "
        f"and this asks for {asked}. Try again when one is done. Nothing was charged."
    )
