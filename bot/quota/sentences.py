"""Amounts, limits, budgets and blocks in words, for members, moderators and operators."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.guild import BUDGET_WINDOW, Block, Budget, GuildLimit, Limit, Scope, Unit
from bot.quota.budget import BudgetUsage
from bot.quota.limit_usage import LimitUsage
from bot.settings import Settings

_FREE_OF_CHARGE = "Nothing was charged."


def amount(unit: Unit, value: int) -> str:
    """Return `value` of `unit` in words: `1 clip`, `12 s of video`, `$0.40`, `$0`."""
    match unit:
        case Unit.CLIPS:
            return clips(value)
        case Unit.SECONDS:
            return f"{value} s of video"
        case Unit.USD_MICROS:
            return dollars(value) if value else "$0"


def unit_name(unit: Unit) -> str:
    """Return the name of a unit whose limit a moderator lifted: `clips`, `money`."""
    return _unit_words(unit)[0]


def _unit_words(unit: Unit) -> tuple[str, str]:
    """Return the name of a unit, and the words for any amount of the unit."""
    match unit:
        case Unit.CLIPS:
            return "clips", "any number of clips"
        case Unit.SECONDS:
            return "seconds of video", "any length of video"
        case Unit.USD_MICROS:
            return "money", "any cost"


def units_named(option: str) -> tuple[Unit, ...]:
    """Return the units that an option names: one unit by its own option, or every unit by `all`."""
    return tuple(unit for unit in Unit if option in (unit.option, "all"))


def clips(count: int) -> str:
    """Return a number of clips: `1 clip`, `4 clips`."""
    return f"{count} clip{'' if count == 1 else 's'}"


def dollars(usd_micros: int) -> str:
    """Return millionths of a dollar as dollars with two to six decimals; `free` for 0."""
    if usd_micros == 0:
        return "free"
    whole, micros = divmod(usd_micros, 1_000_000)
    digits = f"{micros:06d}"
    return f"${whole}.{digits[:2]}{digits[2:].rstrip('0')}"


def relative(at: datetime) -> str:
    """Return an instant that chat shows as "in 3 hours" in the reader's own time zone."""
    return f"<t:{int(at.timestamp())}:R>"


def limit_text(limit: Limit | GuildLimit) -> str:
    """Return `5 clips in 24 hours`, or `any number of clips in 24 hours` for a lifted limit."""
    most = _unit_words(limit.unit)[1] if limit.amount is None else amount(limit.unit, limit.amount)
    return f"{most} in {window_name(limit.window)}"


def limits_text(limits: Iterable[Limit | GuildLimit]) -> str:
    """Return limits in one line, with commas between them; empty without limits."""
    return ", ".join(map(limit_text, limits))


def budget_text(budget: Budget) -> str:
    """Return `$20.00 in 30 days, warnings in <#5>`."""
    channel_id = budget.alert_channel_id
    warnings = "" if channel_id is None else f", warnings in <#{channel_id}>"
    return f"{amount(Unit.USD_MICROS, budget.usd_micros)} in {BUDGET_WINDOW.days} days{warnings}"


def window_name(window: timedelta) -> str:
    """Return the length of a window, such as `24 hours` or `7 days`; hours up to one day."""
    hours = int(window.total_seconds() // 3600)
    return f"{hours} hours" if hours <= 24 else f"{hours // 24} days"


def owner(scope: Scope, subject_id: int | None) -> str:
    """Return the owner of a limit, as chat shows it: `<@1>`, `<@&2>`, `everybody here`, `the bot`."""
    match scope:
        case Scope.USER:
            return f"<@{subject_id}>"
        case Scope.ROLE:
            return f"<@&{subject_id}>"
        case Scope.GUILD:
            return "everybody here"
        case Scope.BOT:
            return "the bot"


def used_up(usage: LimitUsage, asked: int, fits_at: datetime | None) -> str:
    """Return the sentences that a member reads when a request exceeds one of their limits."""
    unit = usage.limit.unit
    extra = f", plus {amount(unit, usage.granted)} extra" if usage.granted else ""
    return (
        f"{_whose_limit(usage)} is {limit_text(usage.limit)}{extra}; this asks for "
        f"{amount(unit, asked)} and you have {amount(unit, usage.left)} left. "
        f"{_when(usage, fits_at)}{_FREE_OF_CHARGE}"
    )


def _whose_limit(usage: LimitUsage) -> str:
    match usage.scope:
        case Scope.USER:
            return "Your own limit in this server"
        case Scope.ROLE:
            return f"Your limit as {owner(usage.scope, usage.subject_id)}"
        case Scope.GUILD:
            return "The limit for members of this server"
        case Scope.BOT:
            return "The bot's limit for everybody"


def _when(usage: LimitUsage, fits_at: datetime | None) -> str:
    if fits_at is not None:
        return f"It will fit {relative(fits_at)}. "
    if usage.allowed == 0:
        return ""
    if usage.left == 0 and usage.next_return_at is not None:
        return f"It can't fit: ask for less. More returns {relative(usage.next_return_at)}. "
    return "It can't fit: ask for less. "


def over_budget(usage: BudgetUsage, asked_usd_micros: int, fits_at: datetime | None) -> str:
    """Return the sentences that a member reads when a request exceeds the guild's budget."""
    usd = Unit.USD_MICROS
    is_own = usage.scope is not Scope.BOT
    whose = "This server's budget" if is_own else "The bot's budget for this server"
    when = "It can't fit: ask for less." if fits_at is None else f"It will fit {relative(fits_at)}."
    return (
        f"{whose} is {amount(usd, usage.limit_usd_micros)} in 30 days for all members together; "
        f"this asks for {amount(usd, asked_usd_micros)} and {amount(usd, usage.left_usd_micros)} "
        f"is left. {when} {_FREE_OF_CHARGE}"
    )


def slowed_down(count: int, until: datetime) -> str:
    """Return what a member reads who waits because providers refused their orders."""
    return (
        f"The video services have refused {count} of your clips here within an hour, so I wait "
        f"before I send another: try again {relative(until)}, with other words. {_FREE_OF_CHARGE}"
    )


def refusals_notice(user_id: int) -> str:
    """Return what moderators read about a member whose orders keep being refused."""
    return (
        f"The video services keep refusing clips of <@{user_id}> for their words or pictures. I make "
        "them wait longer each time."
    )


def over_bot_budget(window: timedelta) -> str:
    """Return the sentences that a member reads when the budget of the whole bot is used up."""
    return (
        f"All servers together have used what I may spend in {window_name(window)}. It comes back "
        f"bit by bit: try again later. {_FREE_OF_CHARGE}"
    )


def ceiling(limits: Iterable[Limit]) -> str:
    """Return what moderators read where the operator's limits hold beside their own; else nothing."""
    words = limits_text(limits)
    return words and (
        f"Whoever runs me allows no more than {words} for each member here, whatever this server "
        "sets or grants."
    )


def highest_cost(settings: Settings) -> str:
    """Return in words what video APIs can cost at most in 30 days with the operator's budgets."""
    day, month = settings.budget_usd_per_day, settings.budget_usd_per_month
    sums = [each for each in (None if day is None else 30 * day, month) if each is not None]
    if not sums:
        return "no limit: neither BUDGET_USD_PER_DAY nor BUDGET_USD_PER_MONTH is set"
    variable = "BUDGET_USD_PER_MONTH" if month == min(sums) else "BUDGET_USD_PER_DAY"
    return f"{amount(Unit.USD_MICROS, min(sums))} ({variable}), and what has no known price"


def too_many_active(active: int, asked: int, most: int) -> str:
    """Return the sentences that a member reads when they have too many jobs under way."""
    now = "none" if active == 0 else str(active)
    return (
        f"You can have {clips(most)} under way at a time; {now} running, and this asks for "
        f"{asked}. {_when_one_is_done(asked, most)} {_FREE_OF_CHARGE}"
    )


def guild_is_busy(free_slots: int, asked: int, most: int) -> str:
    """Return the sentences that a member reads when the guild has too many jobs under way."""
    free = f"{free_slots or 'none'} {'are' if free_slots > 1 else 'is'} free"
    return (
        f"This server can have {clips(most)} under way at a time; {free}, and this asks for "
        f"{asked}. {_when_one_is_done(asked, most)} {_FREE_OF_CHARGE}"
    )


def _when_one_is_done(asked: int, most: int) -> str:
    return "Ask for fewer." if asked > most else "Try again when one is done."


def blocked(block: Block) -> str:
    """Return what a blocked member reads; the moderator's reason is on a line of its own."""
    end = (
        "It stays so until a moderator lifts it."
        if block.until is None
        else f"It ends {relative(block.until)}."
    )
    reason = "" if block.reason is None else f"\nReason: {' '.join(block.reason.split())}"
    return f"Sorry, a moderator has paused making clips for you in this server. {end}{reason}"


def budget_warning(usage: BudgetUsage, percent: int) -> str:
    """Return the warning for the alert channel when 80 or 100 percent of a budget are used."""
    usd = Unit.USD_MICROS
    spent = amount(usd, usage.spent_usd_micros)
    whole = amount(usd, usage.limit_usd_micros)
    used = f"{spent} of {whole} in 30 days, clips under way counted"
    if percent >= 100:
        return (
            f"**This server's budget for clips is used up:** {used}. Clips that cost something "
            "are refused until some of it returns."
        )
    return (
        f"**{percent} % of this server's budget for clips are used:** {used}; "
        f"{amount(usd, usage.left_usd_micros)} is left."
    )
