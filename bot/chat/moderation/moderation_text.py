"""The answers to moderators' commands."""

from collections.abc import Mapping, Sequence

import discord

from bot.chat import text
from bot.guild import Block, Budget, GuildLimit, Scope, Unit
from bot.jobs.budget import BudgetStatus
from bot.quota.budget import BudgetUsage
from bot.quota.quota_status import QuotaStatus
from bot.quota.sentences import (
    amount,
    budget_text,
    limit_text,
    limits_text,
    unit_name,
    window_name,
)

REASON_CHARS = 300


def limits_set(whose: str, set_now: Sequence[GuildLimit], before: Sequence[GuildLimit]) -> str:
    """Return the answer to limits that were set, each with what it replaced."""
    old = {(each.unit, each.window): limit_text(each) for each in before}
    lines = [
        f"- **{limit_text(each)}** (before: {old.get((each.unit, each.window), 'not set')})"
        for each in set_now
    ]
    return "\n".join([f"Set for {whose}:", *lines])


def limits_cleared(whose: str, before: Sequence[GuildLimit]) -> str:
    """Return the answer to limits that were removed."""
    if not before:
        return f"No limits were set for {whose}."
    return f"Removed for {whose}: {limits_text(before)}."


def granted(whose: str, given: Mapping[Unit, int], before: QuotaStatus, after: QuotaStatus) -> str:
    """Return the answer to a grant: what was left and is left now, by limit."""
    lines = [f"{whose} has {', '.join(amount(*each) for each in given.items())} more, once."]
    old = {(each.limit.unit, each.limit.window): each.left for each in before.usages}
    for unit in given:
        usages = [each for each in after.usages if each.limit.unit is unit]
        for each in usages:
            was = amount(unit, old.get((unit, each.limit.window), 0))
            left = f"**{amount(unit, each.left)}** left (before: {was})"
            lines.append(f"- in {window_name(each.limit.window)}: {left}")
        if not usages:
            lines.append(
                f"- no limit of {unit_name(unit)} applies to them, so it changes nothing now"
            )
    return "\n".join(lines)


def budget_set(budget_status: BudgetStatus, before: Budget | None) -> str:
    """Return the answer to a budget that was set or removed: the budget that applies now."""
    was = f"(before: {'none' if before is None else budget_text(before)})"
    if budget_status.own is None:
        return f"This server has **no budget** of its own {was}."
    words = f"This server's budget is **{budget_text(budget_status.own)}** {was}."
    if budget_status.alert_channel_id is None:
        words += " Nobody is warned: name a `channel` for that."
    elif budget_status.own.alert_channel_id is None:
        words += f" Warnings go to the log, <#{budget_status.alert_channel_id}>."
    return words if budget_status.usage is None else f"{words}{_budget_usage(budget_status.usage)}"


def _budget_usage(usage: BudgetUsage) -> str:
    """Return how much of a budget is used and whether the operator's applies, to be appended."""
    limit, spent = (
        amount(Unit.USD_MICROS, each) for each in (usage.limit_usd_micros, usage.spent_usd_micros)
    )
    words = ""
    if usage.scope is Scope.BOT:
        words = f" The operator's budget of {limit} is lower and holds."
    if usage.spent_usd_micros == 0:
        return words
    if usage.left_usd_micros == 0:
        return f"{words} It is **used up**: {spent} was spent in the last 30 days."
    return f"{words} {spent} of it is used."


def blocked(block: Block, before: Block | None) -> str:
    """Return the answer to a block."""
    was = "not blocked" if before is None else block_text(before)
    return f"<@{block.user_id}> can't make clips here {block_text(block)}\n-# before: {was}"


def unblocked(user_id: int, before: Block | None) -> str:
    """Return the answer to a block that was lifted; `before` is None if there was none."""
    if before is None:
        return f"<@{user_id}> is not blocked."
    return f"<@{user_id}> may make clips here again.\n-# before: {block_text(before)}"


def block_text(block: Block, max_chars: int = REASON_CHARS) -> str:
    """Return until when a member is blocked, and why."""
    until = (
        "until a moderator lifts it"
        if block.until is None
        else f"until {discord.utils.format_dt(block.until, 'f')}"
    )
    return until if block.reason is None else f"{until}: {text.escaped(block.reason, max_chars)}"
