"""What moderators type and are told: options read, answers, and the lists of blocks and changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import discord

from bot.chat import text
from bot.chat.lists import PageButton
from bot.chat.serving import jobs_of
from bot.chat.sheet import PLAIN, Sheet
from bot.chat.viewers import viewer_of
from bot.errors import BadOptionError
from bot.jobs.keeper import Keeper
from bot.jobs.treasurer import Purse
from bot.model import Viewer
from bot.quota.budget import BudgetReading
from bot.quota.sentences import amount, relative
from bot.quota.standing import Standing
from bot.server import AuditEntry, Block, Budget, Scope, SetLimit, Unit
from bot.storage import wording

#: What `lift` can name.
LIFTED = {
    "clips": (Unit.CLIPS,),
    "seconds": (Unit.SECONDS,),
    "usd": (Unit.USD_MICROS,),
    "all": tuple(Unit),
}
#: How a unit is called where none of it is counted.
UNITS = {Unit.CLIPS: "clips", Unit.SECONDS: "seconds of video", Unit.USD_MICROS: "money"}
_FIELDS = {Unit.CLIPS: "clips", Unit.SECONDS: "seconds", Unit.USD_MICROS: "usd"}
_MICROS = 1_000_000
_CENT_MICROS = 10_000
_LONGEST = timedelta(weeks=52)
_STRETCHES = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_BLOCKS_LENGTH = 8
#: 2026-11: an embed's description has room for 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 4000
_REASON_CHARS = 300
#: What stays a mention where everything else is made harmless; in an embed it pings nobody.
_MENTION = re.compile(r"(<(?:@[!&]?|#)\d{1,20}>)")
_NOBODY = discord.AllowedMentions.none
_Each = TypeVar("_Each")


async def tell(interaction: discord.Interaction, words: str, sheet: Sheet | None = None) -> None:
    """Answer whoever used `interaction`, to them alone; pings nobody."""
    if sheet is None:
        await interaction.response.send_message(words, ephemeral=True, allowed_mentions=_NOBODY())
    else:
        await interaction.response.send_message(
            words, embed=sheet.embed, ephemeral=True, allowed_mentions=_NOBODY(), **sheet.buttons
        )


def check_human(user: discord.User | discord.Member, field: str) -> None:
    """Return for a person. Raises BadOptionError naming `field` for a bot."""
    if user.bot:
        raise BadOptionError(field, "bots make no clips.")


def amounts(clips: int | None, seconds: int | None, usd: float | None) -> dict[Unit, int]:
    """Return what was named of the three. Raises BadOptionError for parts of a cent."""
    named = {
        Unit.CLIPS: clips,
        Unit.SECONDS: seconds,
        Unit.USD_MICROS: None if usd is None else usd_micros(usd),
    }
    return {unit: value for unit, value in named.items() if value is not None}


def plan(
    named: Mapping[Unit, int], lift: str | None, window: timedelta, before: Sequence[SetLimit]
) -> dict[timedelta, dict[Unit, int | None]]:
    """Return what to set in which window, None for lifted, where a subject has the limits `before`.

    The amounts go into `window`; what is lifted is lifted in each window that has a limit of it.
    Raises BadOptionError where a unit has an amount and is lifted, too.
    """
    units = () if lift is None else LIFTED[lift]
    for unit in units:
        if unit in named:
            field = _FIELDS[unit]
            raise BadOptionError("lift", f"{field} can't have a limit and none; leave one out.")
    changes: dict[timedelta, dict[Unit, int | None]] = {window: dict(named) | dict.fromkeys(units)}
    for each in before:
        if each.unit in units:
            changes.setdefault(each.window, {})[each.unit] = None
    return changes


def usd_micros(usd: float) -> int:
    """Return dollars as they were typed in micros. Raises BadOptionError for parts of a cent."""
    # The shortest decimal that reads as this float is what was typed.
    micros = Decimal(repr(usd)) * _MICROS
    if micros % _CENT_MICROS:
        raise BadOptionError("usd", "whole cents, please, such as `2.50`.")
    return int(micros)


def stretch(words: str | None) -> timedelta | None:
    """Read `30min`, `2h`, `3d`, `1w` or `1d 12h`; None for None.

    Raises BadOptionError for anything else, nothing at all, and more than a year.
    """
    if words is None:
        return None
    allowed = "Try `30min`, `2h`, `3d` or `1w`, up to `52w`; without it, until it is lifted."
    if re.fullmatch(r"(?:\s*\d{1,6}\s*(?:min|h|d|w))+\s*", words, re.ASCII | re.IGNORECASE) is None:
        raise BadOptionError("lasting", "I can't read that as a time.", allowed)
    parts = re.findall(r"(\d+)\s*([a-z]+)", words.casefold())
    lasting = sum((int(count) * _STRETCHES[unit] for count, unit in parts), timedelta())
    if not timedelta() < lasting <= _LONGEST:
        raise BadOptionError("lasting", "too short or too long.", allowed)
    return lasting


def limits_set(whose: str, set_now: Sequence[SetLimit], before: Sequence[SetLimit]) -> str:
    """Return the answer to limits that were set, each with what it replaced."""
    old = {(each.unit, each.window): wording.limit(each) for each in before}
    lines = [
        f"- **{wording.limit(each)}** (before: {old.get((each.unit, each.window), 'not set')})"
        for each in set_now
    ]
    return "\n".join([f"Set for {whose}:", *lines])


def limits_cleared(whose: str, before: Sequence[SetLimit]) -> str:
    """Return the answer to limits that were removed."""
    if not before:
        return f"No limits were set for {whose}."
    return f"Removed for {whose}: {wording.limits(before)}."


def granted(whose: str, given: Mapping[Unit, int], before: Standing, after: Standing) -> str:
    """Return the answer to a grant: what was left, and what is left now."""
    lines = [f"{whose} has {', '.join(amount(*each) for each in given.items())} more, once."]
    old = {(each.limit.unit, each.limit.window): each.left for each in before.readings}
    for unit in given:
        readings = [each for each in after.readings if each.limit.unit is unit]
        for each in readings:
            was = amount(unit, old.get((unit, each.limit.window), 0))
            left = f"**{amount(unit, each.left)}** left (before: {was})"
            lines.append(f"- in {each.limit.window_name}: {left}")
        if not readings:
            lines.append(f"- no limit of {UNITS[unit]} applies to them, so it changes nothing now")
    return "\n".join(lines)


def budget_set(purse: Purse, before: Budget | None) -> str:
    """Return the answer to a budget that was set or removed: what holds now."""
    was = f"(before: {wording.budget(before) or 'none'})"
    if purse.own is None:
        return f"This server has **no budget** of its own {was}."
    words = f"This server's budget is **{wording.budget(purse.own)}** {was}."
    if purse.ear_id is None:
        words += " Nobody is warned: name a `channel` for that."
    elif purse.own.warn_channel_id is None:
        words += f" Warnings go to the log, <#{purse.ear_id}>."
    return words if purse.reading is None else f"{words}{_spent(purse.reading)}"


def _spent(reading: BudgetReading) -> str:
    """Return what follows the sentence about a budget: what is used, and whose holds."""
    limit, spent = (
        amount(Unit.USD_MICROS, each)
        for each in (reading.limit_usd_micros, reading.spent_usd_micros)
    )
    words = ""
    if reading.scope is Scope.BOT:
        words = f" The operator's budget of {limit} is lower and holds."
    if reading.spent_usd_micros == 0:
        return words
    if reading.left_usd_micros == 0:
        return f"{words} It is **used up**: {spent} was spent in the last 30 days."
    return f"{words} {spent} of it is used."


def blocked(block: Block, before: Block | None) -> str:
    """Return the answer to a block."""
    was = "not blocked" if before is None else block_words(before)
    return f"<@{block.user_id}> can't make clips here {block_words(block)}\n-# before: {was}"


def unblocked(user_id: int, before: Block | None) -> str:
    """Return the answer to a block that was lifted; None: there was none."""
    if before is None:
        return f"<@{user_id}> is not blocked."
    return f"<@{user_id}> may make clips here again.\n-# before: {block_words(before)}"


def block_words(block: Block, most_chars: int = _REASON_CHARS) -> str:
    """Return until when somebody is blocked, and why."""
    until = (
        "until a moderator lifts it" if block.until is None else f"until {_instant(block.until)}"
    )
    return until if block.reason is None else f"{until}: {text.escaped(block.reason, most_chars)}"


class BlocksButton(PageButton, template=r"sora:blocks:(?P<look>\d{1,6})"):
    """Another page of those who are blocked; carries its number."""

    word = "blocks"

    async def pressed(self, interaction: discord.Interaction) -> None:
        keeper = jobs_of(interaction).keeper
        await _turn(interaction, *await blocks_page(keeper, viewer_of(interaction), int(self.look)))


class AuditButton(PageButton, template=r"sora:audit:(?P<look>\d{1,20}:\d{1,19})"):
    """Another page of changes; carries the member (0: all) and the change after it (0: none)."""

    word = "audit"

    async def pressed(self, interaction: discord.Interaction) -> None:
        user_id, before_id = (int(number) or None for number in self.look.split(":"))
        keeper = jobs_of(interaction).keeper
        page = await audit_page(keeper, viewer_of(interaction), user_id, before_id)
        await _turn(interaction, *page)


async def blocks_page(keeper: Keeper, by: Viewer, number: int = 0) -> tuple[str, Sheet]:
    """Return a page of the blocks in force and the words above it; the last one beyond it."""
    blocks = await keeper.blocks(by)
    last = max(0, (len(blocks) - 1) // _BLOCKS_LENGTH)
    number = min(number, last)
    shown = blocks[number * _BLOCKS_LENGTH : (number + 1) * _BLOCKS_LENGTH]
    embed = discord.Embed(title="Blocked here", colour=PLAIN)
    embed.description = _fitted(_block_entry, shown) or "Nobody is blocked."
    if last == 0:
        return _people([each.user_id for each in shown]), Sheet(embed=embed, view=None)
    embed.set_footer(text=f"page {number + 1} of {last + 1}")
    view = discord.ui.View(timeout=None)
    view.add_item(BlocksButton(str(max(0, number - 1)), "◀ Back", disabled=number == 0))
    view.add_item(BlocksButton(str(number + 1), "More ▶", disabled=number == last))
    return _people([each.user_id for each in shown]), Sheet(embed=embed, view=view)


async def audit_page(
    keeper: Keeper, by: Viewer, user_id: int | None, before_id: int | None = None
) -> tuple[str, Sheet]:
    """Return a page of changes, latest first, and the words above it."""
    entries = await keeper.audit(by, user_id, before_id=before_id)
    oldest = entries[-1].id if entries else before_id or 0
    has_more = bool(entries) and bool(await keeper.audit(by, user_id, before_id=oldest))
    embed = discord.Embed(title="Changes", colour=PLAIN)
    embed.description = _fitted(_change, entries) or "Nothing was changed yet."
    who = _those_in(entries) if user_id is None else f"By or about <@{user_id}>"
    if before_id is None and not has_more:
        return who, Sheet(embed=embed, view=None)
    view = discord.ui.View(timeout=None)
    view.add_item(AuditButton(f"{user_id or 0}:0", "◀ Latest", disabled=before_id is None))
    view.add_item(AuditButton(f"{user_id or 0}:{oldest}", "Earlier ▶", disabled=not has_more))
    return who, Sheet(embed=embed, view=view)


async def _turn(interaction: discord.Interaction[Any], words: str, sheet: Sheet) -> None:
    await interaction.response.edit_message(
        content=words, embed=sheet.embed, view=sheet.view, allowed_mentions=_NOBODY()
    )


def _fitted(entry: Callable[[_Each, int], str], each: Sequence[_Each]) -> str:
    """Return what `entry` makes of each, the words in them cut as far as a page needs it."""
    page = ""
    for most_chars in (_REASON_CHARS, 100, 40):
        page = "\n\n".join(entry(one, most_chars) for one in each)
        if len(page) <= _DESCRIPTION_CHARS:
            break
    return page


def _change(entry: AuditEntry, most_chars: int) -> str:
    by = "the operator" if entry.by_user_id is None else f"<@{entry.by_user_id}>"
    before, after = (_harmless(each, most_chars) or "none" for each in (entry.before, entry.after))
    head = f"{_instant(entry.at)} · **{entry.what}** · {entry.subject} · by {by}"
    return f"{head}\n{before} → {after}"


def _harmless(words: str, most_chars: int) -> str:
    cut = words if len(words) <= most_chars else words[: most_chars - 1] + "…"
    parts = _MENTION.split(cut)
    return "".join(
        part if number % 2 else text.escaped(part, most_chars) for number, part in enumerate(parts)
    )


def _block_entry(block: Block, most_chars: int) -> str:
    words = block_words(block, most_chars)
    return f"<@{block.user_id}> {words}\nby <@{block.by_user_id}>, {relative(block.at)}"


def _those_in(entries: Sequence[AuditEntry]) -> str:
    words = " ".join(f"{entry.subject} <@{entry.by_user_id}>" for entry in entries)
    return " ".join(dict.fromkeys(_MENTION.findall(words)))


def _people(user_ids: Sequence[int]) -> str:
    # Discord shows names for mentions in a message's words, and for few of those in its embeds.
    return " ".join(f"<@{each}>" for each in user_ids)


def _instant(at: datetime) -> str:
    return f"<t:{int(at.timestamp())}:f>"
