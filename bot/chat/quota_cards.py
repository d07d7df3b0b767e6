"""What members and moderators see of limits, budgets, and what is used of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import discord

from bot.chat import mod_text, text
from bot.chat.sheet import PLAIN, Sheet
from bot.jobs.treasurer import Purse
from bot.model import Job
from bot.quota.budget import BudgetReading
from bot.quota.limits import Reading
from bot.quota.sentences import amount, owner, relative, span_of
from bot.quota.standing import Standing
from bot.server import Limit, Scope, SetLimit, Unit
from bot.storage import wording

_FOOTER = (
    "Clips under way are counted; cancelled ones come back, and failed ones unless the video "
    "service charged for them."
)
_WHY = "A member's own limit goes first; then the most generous role; then this server's; then the bot's."
#: From here on members read of a budget that is not theirs alone, in percent.
_SHORT_PERCENT = 80
#: 2026-11: an embed's description has room for 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 3900
#: Mentions of so many fit into a message.
_MOST_LINES = 40


def quota_sheet(standing: Standing) -> Sheet:
    """Return what the reader may use: limits as bars, and plainly whatever else is in the way."""
    embed = discord.Embed(title="Your quota", colour=PLAIN)
    _add_limits(embed, standing, own="your own")
    if not standing.readings and not standing.lifted:
        embed.description = text.NO_LIMITS
    if standing.block is not None:
        embed.description = f"**You can't make clips here** {mod_text.block_words(standing.block)}"
    budget = standing.budget
    if budget is not None and _budget_percent(budget) >= _SHORT_PERCENT:
        left = amount(Unit.USD_MICROS, budget.left_usd_micros)
        embed.add_field(name="This server's budget", value=f"Only {left} is left.", inline=False)
    embed.set_footer(text=_FOOTER)
    return Sheet(embed=embed, view=None)


def standing_sheet(standing: Standing, last: Job | None = None) -> Sheet:
    """Return where a member stands, and what they did last, for a moderator."""
    embed = discord.Embed(title="What applies", colour=PLAIN)
    _add_limits(embed, standing, own="their own")
    if not standing.readings and not standing.lifted:
        embed.description = "No limits apply."
    if standing.block is not None:
        embed.description = f"**Blocked** {mod_text.block_words(standing.block)}"
    if standing.budget is not None:
        _add_budget(embed, standing.budget)
    if last is not None:
        when = relative(last.created_at)
        done = f"`{last.id}` · {text.TITLES[last.state]} · {when}"
        embed.add_field(name="Last use", value=done, inline=False)
    embed.set_footer(text=_WHY)
    return Sheet(embed=embed, view=None)


def roles_in(standing: Standing) -> str:
    """Return mentions of the roles whose rules apply; empty for none."""
    rules = [(each.scope, each.subject_id) for each in (*standing.readings, *standing.lifted)]
    return " ".join(dict.fromkeys(owner(*rule) for rule in rules if rule[0] is Scope.ROLE))


def limits_page(limits: Sequence[SetLimit], defaults: Sequence[Limit]) -> tuple[str, Sheet]:
    """Return limits by whom they are for and the bot's own, and a mention of each of those."""
    by_owner = {
        owner(scope, subject_id): wording.limits(group)
        for (scope, subject_id), group in groupby(limits, lambda one: (one.scope, one.subject_id))
    }
    embed = discord.Embed(title="Limits set here", colour=PLAIN)
    room, lines = _DESCRIPTION_CHARS, list[str]()
    for whose, words in by_owner.items():
        line = f"{whose}: {words}"
        room -= len(line) + 1
        if room < 0 or len(lines) == _MOST_LINES:
            embed.set_footer(
                text=f"… and {len(by_owner) - len(lines)} more: name one as the target"
            )
            break
        lines.append(line)
    embed.description = "\n".join(lines) or "None."
    own = ", ".join(map(span_of, defaults)) or "none"
    name = "The bot's own, for what has no limit here"
    embed.add_field(name=name, value=own, inline=False)
    mentions = " ".join(whose for whose in list(by_owner)[: len(lines)] if whose.startswith("<"))
    return mentions, Sheet(embed=embed, view=None)


def budget_sheet(purse: Purse) -> Sheet:
    """Return what a server spent of its budget."""
    embed = discord.Embed(title="What this server spends", colour=PLAIN)
    if purse.reading is None:
        embed.description = "No budget is set."
        return Sheet(embed=embed, view=None)
    _add_budget(embed, purse.reading)
    if purse.own is not None and purse.reading.scope is Scope.BOT:
        own = wording.dollars(purse.own.usd_micros)
        embed.description = f"You set {own}; the operator's is lower and holds."
    told = "nowhere" if purse.ear_id is None else f"<#{purse.ear_id}>"
    embed.add_field(name="Warnings at 80 and 100 %", value=told, inline=False)
    return Sheet(embed=embed, view=None)


def _add_limits(embed: discord.Embed, standing: Standing, *, own: str) -> None:
    for reading in standing.readings:
        unit = reading.limit.unit
        extra = f", and {amount(unit, reading.granted)} extra" if reading.granted else ""
        name = f"{span_of(reading.limit)}{extra}"
        embed.add_field(name=name, value=_reading_lines(reading, own), inline=False)
    for ruling in standing.lifted:
        rule = _rule(ruling.scope, ruling.subject_id, own)
        name = f"No limit of {mod_text.UNITS[ruling.unit]}"
        embed.add_field(name=name, value=rule, inline=False)
    caps = standing.caps
    under_way = f"{caps.active} of {caps.max_active}"
    if caps.active_in_server is not None and caps.max_active_in_server is not None:
        under_way += f" · whole server: {caps.active_in_server} of {caps.max_active_in_server}"
    embed.add_field(name="Under way now", value=under_way, inline=False)


def _reading_lines(reading: Reading, own: str) -> str:
    unit = reading.limit.unit
    used = f"{amount(unit, reading.used)} used"
    if reading.reserved:
        used += f" ({amount(unit, reading.reserved)} reserved)"
    lines = [
        text.bar(_percent(reading.used, reading.most)),
        f"**{amount(unit, reading.left)}** left · {used}",
        _rule(reading.scope, reading.subject_id, own),
    ]
    # Over the limit, what returns first is not there to be used.
    if reading.next_return_at is not None and reading.used <= reading.most:
        lines.insert(2, f"next returns {relative(reading.next_return_at)}")
    return "\n".join(lines)


def _rule(scope: Scope, subject_id: int | None, own: str) -> str:
    match scope:
        case Scope.USER:
            rule = own
        case Scope.ROLE:
            rule = f"role {owner(scope, subject_id)}"
        case Scope.SERVER:
            rule = "everybody in this server"
        case Scope.BOT:
            rule = "the bot's for everybody"
    return f"rule: {rule}"


def _add_budget(embed: discord.Embed, reading: BudgetReading) -> None:
    spent, left = (
        amount(Unit.USD_MICROS, each)
        for each in (reading.spent_usd_micros, reading.left_usd_micros)
    )
    whose = "the operator" if reading.scope is Scope.BOT else "this server"
    embed.add_field(
        name=f"Budget: {amount(Unit.USD_MICROS, reading.limit_usd_micros)} in 30 days",
        value=(
            f"{text.bar(_budget_percent(reading))}\n**{left}** left · {spent} used\nset by {whose}"
        ),
        inline=False,
    )


def _budget_percent(reading: BudgetReading) -> int:
    return _percent(reading.spent_usd_micros, reading.limit_usd_micros)


def _percent(used: int, most: int) -> int:
    return 100 if most == 0 else min(100, 100 * used // most)
