"""What moderators type and are told: options read, answers, and the lists of blocks and changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import discord

from bot.chat import text
from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.lists.gallery import ListPageButton
from bot.chat.moderation.audit_text import audit_text
from bot.chat.serving import job_service_of
from bot.chat.viewers import viewer_of
from bot.errors import BadOptionError
from bot.guild import AuditEntry, Block, Budget, GuildLimit, Scope, Unit
from bot.jobs.budget import BudgetStatus
from bot.jobs.moderation import ModerationService
from bot.model import Viewer
from bot.quota.budget import BudgetUsage
from bot.quota.quota_status import QuotaStatus
from bot.quota.sentences import (
    amount,
    budget_text,
    limit_text,
    limits_text,
    relative,
    unit_name,
    units_named,
    window_name,
)

_MICROS = 1_000_000
_CENT_MICROS = 10_000
_MAX_DURATION = timedelta(weeks=52)
_DURATION_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_BLOCKS_PER_PAGE = 8
#: 2026-11: an embed's description has room for 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 4000
_REASON_CHARS = 300
#: What stays a mention where everything else is made harmless; in an embed it pings nobody.
_MENTION = re.compile(r"(<(?:@[!&]?|#)\d{1,20}>)")
_NO_MENTIONS = discord.AllowedMentions.none
_EntryT = TypeVar("_EntryT")


async def respond_ephemerally(
    interaction: discord.Interaction, words: str, embed_message: EmbedMessage | None = None
) -> None:
    """Answer whoever used `interaction`, to them alone; pings nobody."""
    if embed_message is None:
        await interaction.response.send_message(
            words, ephemeral=True, allowed_mentions=_NO_MENTIONS()
        )
    else:
        await interaction.response.send_message(
            words,
            embed=embed_message.embed,
            ephemeral=True,
            allowed_mentions=_NO_MENTIONS(),
            **embed_message.view_arguments,
        )


def check_human(user: discord.User | discord.Member, field: str) -> None:
    """Return for a person. Raises BadOptionError naming `field` for a bot."""
    if user.bot:
        raise BadOptionError(field, "bots make no clips.")


def parse_amounts(clips: int | None, seconds: int | None, usd: float | None) -> dict[Unit, int]:
    """Return what was named of the three. Raises BadOptionError for parts of a cent."""

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
    """Return what to set in which window, None for lifted, where a subject has the limits `before`.

    The amounts go into `window`; what is lifted is lifted in each window that has a limit of it.
    Raises BadOptionError where a unit has an amount and is lifted, too.
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
    """Return dollars as they were typed in micros. Raises BadOptionError for parts of a cent."""
    # The shortest decimal that reads as this float is what was typed.
    micros = Decimal(repr(usd)) * _MICROS
    if micros % _CENT_MICROS:
        raise BadOptionError("usd", "whole cents, please, such as `2.50`.")
    return int(micros)


def parse_duration(words: str | None) -> timedelta | None:
    """Read `30min`, `2h`, `3d`, `1w` or `1d 12h`; None for None.

    Raises BadOptionError for anything else, nothing at all, and more than a year.
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
    """Return the answer to a grant: what was left, and what is left now."""
    lines = [f"{whose} has {', '.join(amount(*each) for each in given.items())} more, once."]
    old = {(each.limit.unit, each.limit.window): each.left for each in before.usages}
    for unit in given:
        readings = [each for each in after.usages if each.limit.unit is unit]
        for each in readings:
            was = amount(unit, old.get((unit, each.limit.window), 0))
            left = f"**{amount(unit, each.left)}** left (before: {was})"
            lines.append(f"- in {window_name(each.limit.window)}: {left}")
        if not readings:
            lines.append(
                f"- no limit of {unit_name(unit)} applies to them, so it changes nothing now"
            )
    return "\n".join(lines)


def budget_set(budget_status: BudgetStatus, before: Budget | None) -> str:
    """Return the answer to a budget that was set or removed: what holds now."""
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
    """Return what follows the sentence about a budget: what is used, and whose holds."""
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
    """Return the answer to a block that was lifted; None: there was none."""
    if before is None:
        return f"<@{user_id}> is not blocked."
    return f"<@{user_id}> may make clips here again.\n-# before: {block_text(before)}"


def block_text(block: Block, max_chars: int = _REASON_CHARS) -> str:
    """Return until when somebody is blocked, and why."""
    until = (
        "until a moderator lifts it" if block.until is None else f"until {_timestamp(block.until)}"
    )
    return until if block.reason is None else f"{until}: {text.escaped(block.reason, max_chars)}"


class BlocksButton(ListPageButton, template=r"sora:blocks:(?P<look>\d{1,6})"):
    """Another page of those who are blocked; carries its number."""

    list_name = "blocks"

    async def pressed(self, interaction: discord.Interaction) -> None:
        moderation = job_service_of(interaction).moderation
        await _show_page(
            interaction,
            *await build_blocks_page(moderation, viewer_of(interaction), int(self.page_state)),
        )


class AuditButton(ListPageButton, template=r"sora:audit:(?P<look>\d{1,20}:\d{1,19})"):
    """Another page of changes; carries the member (0: all) and the change after it (0: none)."""

    list_name = "audit"

    async def pressed(self, interaction: discord.Interaction) -> None:
        user_id, before_id = (int(number) or None for number in self.page_state.split(":"))
        moderation = job_service_of(interaction).moderation
        page = await build_audit_page(moderation, viewer_of(interaction), user_id, before_id)
        await _show_page(interaction, *page)


async def build_blocks_page(
    moderation: ModerationService, by: Viewer, number: int = 0
) -> tuple[str, EmbedMessage]:
    """Return a page of the blocks in force and the words above it; the last one beyond it."""
    blocks = await moderation.blocks(by)
    last = max(0, (len(blocks) - 1) // _BLOCKS_PER_PAGE)
    number = min(number, last)
    shown = blocks[number * _BLOCKS_PER_PAGE : (number + 1) * _BLOCKS_PER_PAGE]
    embed = discord.Embed(title="Blocked here", colour=DEFAULT_COLOUR)
    embed.description = _fitted_description(_block_entry, shown) or "Nobody is blocked."
    if last == 0:
        return _user_mentions([each.user_id for each in shown]), EmbedMessage(
            embed=embed, view=None
        )
    embed.set_footer(text=f"page {number + 1} of {last + 1}")
    view = discord.ui.View(timeout=None)
    view.add_item(BlocksButton(str(max(0, number - 1)), "◀ Back", disabled=number == 0))
    view.add_item(BlocksButton(str(number + 1), "More ▶", disabled=number == last))
    return _user_mentions([each.user_id for each in shown]), EmbedMessage(embed=embed, view=view)


async def build_audit_page(
    moderation: ModerationService, by: Viewer, user_id: int | None, before_id: int | None = None
) -> tuple[str, EmbedMessage]:
    """Return a page of changes, latest first, and the words above it."""
    entries = await moderation.audit(by, user_id, before_id=before_id)
    oldest = entries[-1].id if entries else before_id or 0
    has_more = bool(entries) and bool(await moderation.audit(by, user_id, before_id=oldest))
    embed = discord.Embed(title="Changes", colour=DEFAULT_COLOUR)
    embed.description = _fitted_description(_audit_entry, entries) or "Nothing was changed yet."
    who = _mentions_in(entries) if user_id is None else f"By or about <@{user_id}>"
    if before_id is None and not has_more:
        return who, EmbedMessage(embed=embed, view=None)
    view = discord.ui.View(timeout=None)
    view.add_item(AuditButton(f"{user_id or 0}:0", "◀ Latest", disabled=before_id is None))
    view.add_item(AuditButton(f"{user_id or 0}:{oldest}", "Earlier ▶", disabled=not has_more))
    return who, EmbedMessage(embed=embed, view=view)


async def _show_page(
    interaction: discord.Interaction[Any], words: str, embed_message: EmbedMessage
) -> None:
    await interaction.response.edit_message(
        content=words,
        embed=embed_message.embed,
        view=embed_message.view,
        allowed_mentions=_NO_MENTIONS(),
    )


def _fitted_description(entry: Callable[[_EntryT, int], str], each: Sequence[_EntryT]) -> str:
    """Return what `entry` makes of each, the words in them cut as far as a page needs it."""
    page = ""
    for most_chars in (_REASON_CHARS, 100, 40):
        page = "\n\n".join(entry(one, most_chars) for one in each)
        if len(page) <= _DESCRIPTION_CHARS:
            break
    return page


def _audit_entry(entry: AuditEntry, max_chars: int) -> str:
    by = "the operator" if entry.by_user_id is None else f"<@{entry.by_user_id}>"
    before, after = (
        _escaped_but_mentions(audit_text(each), max_chars) or "none"
        for each in (entry.before, entry.after)
    )
    head = f"{_timestamp(entry.at)} · **{entry.what}** · {entry.subject} · by {by}"
    return f"{head}\n{before} → {after}"


def _escaped_but_mentions(words: str, max_chars: int) -> str:
    cut = words if len(words) <= max_chars else words[: max_chars - 1] + "…"
    parts = _MENTION.split(cut)
    return "".join(
        part if number % 2 else text.escaped(part, max_chars) for number, part in enumerate(parts)
    )


def _block_entry(block: Block, max_chars: int) -> str:
    words = block_text(block, max_chars)
    return f"<@{block.user_id}> {words}\nby <@{block.by_user_id}>, {relative(block.at)}"


def _mentions_in(entries: Sequence[AuditEntry]) -> str:
    words = " ".join(f"{entry.subject} <@{entry.by_user_id}>" for entry in entries)
    return " ".join(dict.fromkeys(_MENTION.findall(words)))


def _user_mentions(user_ids: Sequence[int]) -> str:
    # Discord shows names for mentions in a message's words, and for few of those in its embeds.
    return " ".join(f"<@{each}>" for each in user_ids)


def _timestamp(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:f>"
