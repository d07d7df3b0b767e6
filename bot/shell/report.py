"""Limits in plain text, for a terminal at 3 am."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.model import Viewer
from bot.quota.budget import BudgetReading
from bot.quota.limits import Reading
from bot.quota.standing import Caps, Standing
from bot.server import Block, Grant, Limit, Scope, SetLimit, Unit
from bot.shell.arguments import Subject
from bot.storage import wording
from bot.storage.keeping import DayUsage
from bot.storage.wording import amount

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_NAMES = {Unit.CLIPS: "clips", Unit.SECONDS: "seconds of video", Unit.USD_MICROS: "cost"}


def server(
    guild_id: int,
    limits: Sequence[SetLimit],
    defaults: Sequence[Limit],
    budget: BudgetReading | None,
    lately: Sequence[DayUsage],
) -> str:
    """Return what is set in a server, what the settings say beside it, and 30 days of use."""
    clips = sum(day.clips for day in lately)
    seconds = sum(day.seconds for day in lately)
    usd_micros = sum(day.usd_micros for day in lately)
    failed = sum(day.failed for day in lately)
    used = (
        f"{amount(Unit.CLIPS, clips)}, {amount(Unit.SECONDS, seconds)}, "
        f"{wording.dollars(usd_micros)}, {failed} failed"
    )
    return "\n".join(
        [
            f"Server {guild_id}",
            "  Set in the server, of one unit the first of user, role, server holds:",
            *_each(
                f"{_owner(each.scope, each.subject_id)}: {wording.limit(each)}" for each in limits
            ),
            "  The bot's default for all other units:",
            *_each(_limit(each) for each in defaults),
            f"  Budget: {'none' if budget is None else _budget(budget)}",
            f"  Last 30 days: {used if lately else 'no clip was asked for; is the id right?'}",
        ]
    )


def member(viewer: Viewer, standing: Standing, now: datetime) -> str:
    """Return where a member stands: each limit that holds, whose rule it is, and what is left."""
    roles = ", ".join(map(str, sorted(viewer.role_ids))) or "none named; --role adds one they have"
    lines = [f"User {viewer.user_id} in server {viewer.guild_id} (roles: {roles})"]
    if standing.block is not None:
        lines.append(f"  BLOCKED {_block(standing.block)}")
    for reading in standing.readings:
        lines += _reading(reading, now)
    for ruling in standing.lifted:
        lines.append(
            f"  No limit in {_NAMES[ruling.unit]}: lifted for {_owner(ruling.scope, ruling.subject_id)}"
        )
    if not standing.readings and not standing.lifted:
        lines.append("  No limits")
    if standing.budget is not None:
        lines.append(f"  Budget of the server: {_budget(standing.budget)}")
    lines.append(f"  Under way: {_caps(standing.caps)}")
    return "\n".join(lines)


def changed(subject: Subject, before: Sequence[SetLimit], after: Sequence[SetLimit]) -> str:
    """Return what a subject's limits were and are."""
    whose = f"Limits for {_owner(subject.scope, subject.id)} in server {subject.guild_id}"
    if before == after:
        return f"{whose}: nothing changed.\n  now     {wording.limits(after) or 'none'}"
    return "\n".join(
        [
            f"{whose}:",
            f"  before  {wording.limits(before) or 'none'}",
            f"  now     {wording.limits(after) or 'none'}",
        ]
    )


def granted(given: Sequence[Grant]) -> str:
    """Return what was given to a member."""
    if not given:
        return "Nothing was given."
    extras = " and ".join(amount(each.unit, each.amount) for each in given)
    return f"Given to user {given[0].user_id} in server {given[0].guild_id}, once: {extras}."


def _reading(reading: Reading, now: datetime) -> list[str]:
    unit = reading.limit.unit
    used = f"used {amount(unit, reading.used)}"
    if reading.reserved:
        used += f" (of it under way: {amount(unit, reading.reserved)})"
    extra = f", extra {amount(unit, reading.granted)}" if reading.granted else ""
    lines = [
        f"  {_limit(reading.limit)}, by the limit of {_owner(reading.scope, reading.subject_id)}",
        f"    {used}{extra}, left {amount(unit, reading.left)}",
    ]
    if reading.next_return_at is not None:
        lines.append(
            f"    more returns {_instant(reading.next_return_at)}, {_wait(reading.next_return_at - now)}"
        )
    return lines


def _limit(limit: Limit) -> str:
    return f"{amount(limit.unit, limit.amount)} in {limit.window_name}"


def _budget(reading: BudgetReading) -> str:
    whose = "its moderators'" if reading.scope is Scope.SERVER else "the bot's"
    return (
        f"{wording.dollars(reading.limit_usd_micros)} in 30 days ({whose}), "
        f"used {wording.dollars(reading.spent_usd_micros)}, "
        f"left {wording.dollars(reading.left_usd_micros)}"
    )


def _caps(caps: Caps) -> str:
    theirs = f"{caps.active} of {caps.max_active} of the user"
    if caps.active_in_server is None:
        return theirs
    return f"{theirs}, {caps.active_in_server} of {caps.max_active_in_server} of the server"


def _block(block: Block) -> str:
    until = "until it is lifted" if block.until is None else f"until {_instant(block.until)}"
    reason = "" if block.reason is None else f": {_plain(block.reason)}"
    return f"by user {block.by_user_id} {until}{reason}"


def _owner(scope: Scope, subject_id: int | None) -> str:
    match scope:
        case Scope.USER:
            return f"user {subject_id}"
        case Scope.ROLE:
            return f"role {subject_id}"
        case Scope.SERVER:
            return "the server"
        case Scope.BOT:
            return "the bot"


def _each(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines] or ["    nothing"]


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _wait(time: timedelta) -> str:
    """Return `in 5 h 10 min`, to the minute, rounded up."""
    minutes = max(0, -(-time // _MINUTE))
    days, minutes = divmod(minutes, _DAY // _MINUTE)
    hours, minutes = divmod(minutes, _HOUR // _MINUTE)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return "in " + (" ".join(f"{count} {unit}" for count, unit in parts if count) or "no time")


def _plain(text: str) -> str:
    # A moderator wrote it; a terminal obeys what it is sent.
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
