"""Limits, budgets and usage in plain text, for a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bot.guild import Block, Grant, GuildLimit, Limit, Scope, Unit
from bot.model import Viewer
from bot.quota.budget import BudgetUsage
from bot.quota.limit_usage import LimitUsage, amount_of
from bot.quota.quota_status import Caps, QuotaStatus
from bot.quota.sentences import amount, limit_text, limits_text, unit_name
from bot.shell.finding import one_line
from bot.storage.guild_settings import DayUsage

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


def guild_report(
    guild_id: int,
    limits: Sequence[GuildLimit],
    defaults: Sequence[Limit],
    budget: BudgetUsage | None,
    recent_usage: Sequence[DayUsage],
) -> str:
    """Return the limits of a guild, the bot's defaults, and the usage of 30 days."""
    sums = {unit: sum(amount_of(unit, day) for day in recent_usage) for unit in Unit}
    words = [amount(unit, used) for unit, used in sums.items()]
    used = ", ".join([*words, f"{sum(day.failed for day in recent_usage)} failed"])
    return "\n".join(
        [
            f"Server {guild_id}",
            "  Set in the server, of one unit the first of user, role, server holds:",
            *_indented(
                f"{_subject_name(each.scope, each.subject_id)}: {limit_text(each)}"
                for each in limits
            ),
            "  The bot's default for all other units:",
            *_indented(limit_text(each) for each in defaults),
            f"  Budget: {'none' if budget is None else _budget(budget)}",
            f"  Last 30 days: {used if recent_usage else 'no clip was asked for; is the id right?'}",
        ]
    )


def member_report(viewer: Viewer, quota_status: QuotaStatus, now: datetime) -> str:
    """Return a member's quota status: each effective limit, where it is set, and what is left."""
    roles = ", ".join(map(str, sorted(viewer.role_ids))) or "none named; --role adds one they have"
    lines = [f"User {viewer.user_id} in server {viewer.guild_id} (roles: {roles})"]
    if quota_status.block is not None:
        lines.append(f"  BLOCKED {_block(quota_status.block)}")
    for usage in quota_status.usages:
        lines += _usage_lines(usage, now)
    for limit in quota_status.lifted:
        lines.append(
            f"  No limit in {unit_name(limit.unit)}: "
            f"lifted for {_subject_name(limit.scope, limit.subject_id)}"
        )
    if not quota_status.usages and not quota_status.lifted:
        lines.append("  No limits")
    if quota_status.budget is not None:
        lines.append(f"  Budget of the server: {_budget(quota_status.budget)}")
    lines.append(f"  Under way: {_caps(quota_status.caps)}")
    return "\n".join(lines)


def change_report(
    scope: Scope,
    subject_id: int,
    guild_id: int,
    before: Sequence[GuildLimit],
    after: Sequence[GuildLimit],
) -> str:
    """Return the limits of a user, a role or a guild before and after a change."""
    was = f"\n  before  {limits_text(before) or 'none'}" if before != after else " nothing changed."
    return (
        f"Limits for {_subject_name(scope, subject_id)} in server {guild_id}:{was}\n"
        f"  now     {limits_text(after) or 'none'}"
    )


def grant_report(grants: Sequence[Grant]) -> str:
    """Return what was given to a member."""
    if not grants:
        return "Nothing was given."
    extras = " and ".join(amount(each.unit, each.amount) for each in grants)
    return f"Given to user {grants[0].user_id} in server {grants[0].guild_id}, once: {extras}."


def _usage_lines(usage: LimitUsage, now: datetime) -> list[str]:
    unit = usage.limit.unit
    used = f"used {amount(unit, usage.used)}"
    if usage.reserved:
        used += f" (of it under way: {amount(unit, usage.reserved)})"
    extra = f", extra {amount(unit, usage.granted)}" if usage.granted else ""
    lines = [
        f"  {limit_text(usage.limit)}, by the limit of {_subject_name(usage.scope, usage.subject_id)}",
        f"    {used}{extra}, left {amount(unit, usage.left)}",
    ]
    if usage.next_return_at is not None:
        lines.append(
            f"    more returns {_datetime(usage.next_return_at)}, {_wait(usage.next_return_at - now)}"
        )
    return lines


def _budget(status: BudgetUsage) -> str:
    whose = "its moderators'" if status.scope is Scope.GUILD else "the bot's"
    amounts = (status.limit_usd_micros, status.spent_usd_micros, status.left_usd_micros)
    limit, spent, left = (amount(Unit.USD_MICROS, each) for each in amounts)
    return f"{limit} in 30 days ({whose}), used {spent}, left {left}"


def _caps(caps: Caps) -> str:
    theirs = f"{caps.active} of {caps.max_active} of the user"
    if caps.active_in_guild is None:
        return theirs
    return f"{theirs}, {caps.active_in_guild} of {caps.max_active_in_guild} of the server"


def _block(block: Block) -> str:
    until = "until it is lifted" if block.until is None else f"until {_datetime(block.until)}"
    reason = "" if block.reason is None else f": {one_line(block.reason)}"
    return f"by user {block.by_user_id} {until}{reason}"


def _subject_name(scope: Scope, subject_id: int | None) -> str:
    match scope:
        case Scope.USER:
            return f"user {subject_id}"
        case Scope.ROLE:
            return f"role {subject_id}"
        case Scope.GUILD:
            return "the server"
        case Scope.BOT:
            return "the bot"


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {line}" for line in lines] or ["    nothing"]


def _datetime(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _wait(time: timedelta) -> str:
    """Return `in 5 h 10 min`, to the minute, rounded up."""
    minutes = max(0, -(-time // _MINUTE))
    days, minutes = divmod(minutes, _DAY // _MINUTE)
    hours, minutes = divmod(minutes, _HOUR // _MINUTE)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return "in " + (" ".join(f"{count} {unit}" for count, unit in parts if count) or "no time")
