"""Embeds with limits, budgets and their usage, for members and moderators."""

from collections.abc import Sequence
from itertools import groupby

import discord

from bot.chat import text
from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.moderation import moderation_text
from bot.guild import GuildLimit, Limit, Scope, Unit
from bot.jobs.budget import BudgetStatus
from bot.model import Job
from bot.quota.budget import BudgetUsage
from bot.quota.limit_usage import LimitUsage
from bot.quota.quota_status import QuotaStatus
from bot.quota.sentences import amount, limit_text, limits_text, owner, relative, unit_name

_FOOTER = (
    "Clips under way are counted; cancelled ones come back, and failed ones unless the video "
    "service charged for them."
)
_PRECEDENCE_NOTE = "A member's own limit goes first; then the most generous role; then this server's; then the bot's."
#: From this percentage on, members see that the guild's budget is low.
_LOW_BUDGET_PERCENT = 80
#: 2026-11: an embed's description holds 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 3900
#: A message holds the mentions of this many lines.
_MAX_LINES = 40


def build_quota_message(quota_status: QuotaStatus) -> EmbedMessage:
    """Return the member's own limits with their usage, a block, and a low budget."""
    embed = discord.Embed(title="Your quota", colour=DEFAULT_COLOUR)
    _add_limits(embed, quota_status, own="your own")
    if not quota_status.usages and not quota_status.lifted:
        embed.description = text.NO_LIMITS
    if quota_status.block is not None:
        embed.description = (
            f"**You can't make clips here** {moderation_text.block_text(quota_status.block)}"
        )
    budget = quota_status.budget
    if budget is not None and _budget_percent(budget) >= _LOW_BUDGET_PERCENT:
        left = amount(Unit.USD_MICROS, budget.left_usd_micros)
        embed.add_field(name="This server's budget", value=f"Only {left} is left.", inline=False)
    embed.set_footer(text=_FOOTER)
    return EmbedMessage(embed=embed, view=None)


def build_quota_status_message(quota_status: QuotaStatus, last: Job | None = None) -> EmbedMessage:
    """Return a member's limits, usage and last job, for a moderator."""
    embed = discord.Embed(title="What applies", colour=DEFAULT_COLOUR)
    _add_limits(embed, quota_status, own="their own")
    if not quota_status.usages and not quota_status.lifted:
        embed.description = "No limits apply."
    if quota_status.block is not None:
        embed.description = f"**Blocked** {moderation_text.block_text(quota_status.block)}"
    if quota_status.budget is not None:
        _add_budget(embed, quota_status.budget)
    if last is not None:
        when = relative(last.created_at)
        done = f"`{last.id}` · {text.STATE_TITLES[last.state]} · {when}"
        embed.add_field(name="Last use", value=done, inline=False)
    embed.set_footer(text=_PRECEDENCE_NOTE)
    return EmbedMessage(embed=embed, view=None)


def role_mentions(quota_status: QuotaStatus) -> str:
    """Return mentions of the roles whose limits apply; empty for none."""
    rules = [(each.scope, each.subject_id) for each in (*quota_status.usages, *quota_status.lifted)]
    return " ".join(dict.fromkeys(owner(*rule) for rule in rules if rule[0] is Scope.ROLE))


def build_limits_message(
    limits: Sequence[GuildLimit], defaults: Sequence[Limit]
) -> tuple[str, EmbedMessage]:
    """Return mentions of the subjects shown, and the limits by subject with the bot's defaults."""
    by_owner = {
        owner(scope, subject_id): limits_text(group)
        for (scope, subject_id), group in groupby(limits, lambda one: (one.scope, one.subject_id))
    }
    embed = discord.Embed(title="Limits set here", colour=DEFAULT_COLOUR)
    room, lines = _DESCRIPTION_CHARS, list[str]()
    for whose, words in by_owner.items():
        line = f"{whose}: {words}"
        room -= len(line) + 1
        if room < 0 or len(lines) == _MAX_LINES:
            embed.set_footer(
                text=f"… and {len(by_owner) - len(lines)} more: name one as the target"
            )
            break
        lines.append(line)
    embed.description = "\n".join(lines) or "None."
    own = limits_text(defaults) or "none"
    name = "The bot's own, for what has no limit here"
    embed.add_field(name=name, value=own, inline=False)
    mentions = " ".join(whose for whose in list(by_owner)[: len(lines)] if whose.startswith("<"))
    return mentions, EmbedMessage(embed=embed, view=None)


def build_budget_message(budget_status: BudgetStatus) -> EmbedMessage:
    """Return what a guild spent of its budget."""
    embed = discord.Embed(title="What this server spends", colour=DEFAULT_COLOUR)
    if budget_status.usage is None:
        embed.description = "No budget is set."
        return EmbedMessage(embed=embed, view=None)
    _add_budget(embed, budget_status.usage)
    if budget_status.own is not None and budget_status.usage.scope is Scope.BOT:
        own = amount(Unit.USD_MICROS, budget_status.own.usd_micros)
        embed.description = f"You set {own}; the operator's is lower and holds."
    told = (
        "nowhere"
        if budget_status.alert_channel_id is None
        else f"<#{budget_status.alert_channel_id}>"
    )
    embed.add_field(name="Warnings at 80 and 100 %", value=told, inline=False)
    return EmbedMessage(embed=embed, view=None)


def _add_limits(embed: discord.Embed, quota_status: QuotaStatus, *, own: str) -> None:
    for reading in quota_status.usages:
        unit = reading.limit.unit
        extra = f", and {amount(unit, reading.granted)} extra" if reading.granted else ""
        name = f"{limit_text(reading.limit)}{extra}"
        embed.add_field(name=name, value=_usage_text(reading, own), inline=False)
    for lifted in quota_status.lifted:
        rule = _scope_text(lifted.scope, lifted.subject_id, own)
        name = f"No limit of {unit_name(lifted.unit)}"
        embed.add_field(name=name, value=rule, inline=False)
    caps = quota_status.caps
    under_way = f"{caps.active} of {caps.max_active}"
    if caps.active_in_guild is not None and caps.max_active_in_guild is not None:
        under_way += f" · whole server: {caps.active_in_guild} of {caps.max_active_in_guild}"
    embed.add_field(name="Under way now", value=under_way, inline=False)


def _usage_text(usage: LimitUsage, own: str) -> str:
    unit = usage.limit.unit
    used = f"{amount(unit, usage.used)} used"
    if usage.reserved:
        used += f" ({amount(unit, usage.reserved)} reserved)"
    lines = [
        text.progress_bar(_percent(usage.used, usage.allowed)),
        f"**{amount(unit, usage.left)}** left · {used}",
        _scope_text(usage.scope, usage.subject_id, own),
    ]
    # Over the limit, the first return frees nothing.
    if usage.next_return_at is not None and usage.used <= usage.allowed:
        lines.insert(2, f"next returns {relative(usage.next_return_at)}")
    return "\n".join(lines)


def _scope_text(scope: Scope, subject_id: int | None, own: str) -> str:
    match scope:
        case Scope.USER:
            rule = own
        case Scope.ROLE:
            rule = f"role {owner(scope, subject_id)}"
        case Scope.GUILD:
            rule = "everybody in this server"
        case Scope.BOT:
            rule = "the bot's for everybody"
    return f"rule: {rule}"


def _add_budget(embed: discord.Embed, usage: BudgetUsage) -> None:
    spent, left = (
        amount(Unit.USD_MICROS, each) for each in (usage.spent_usd_micros, usage.left_usd_micros)
    )
    whose = "the operator" if usage.scope is Scope.BOT else "this server"
    embed.add_field(
        name=f"Budget: {amount(Unit.USD_MICROS, usage.limit_usd_micros)} in 30 days",
        value=(
            f"{text.progress_bar(_budget_percent(usage))}\n**{left}** left · {spent} used\nset by {whose}"
        ),
        inline=False,
    )


def _budget_percent(usage: BudgetUsage) -> int:
    return _percent(usage.spent_usd_micros, usage.limit_usd_micros)


def _percent(used: int, most: int) -> int:
    return 100 if most == 0 else min(100, 100 * used // most)
