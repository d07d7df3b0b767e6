"""The lists of blocked members and of moderators' changes; their buttons work after a restart."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import discord

from bot.chat import text
from bot.chat.embed_message import DEFAULT_COLOUR, EmbedMessage
from bot.chat.lists.page_button import ListPageButton
from bot.chat.moderation.audit_text import audit_text
from bot.chat.moderation.moderation_text import REASON_CHARS, block_text
from bot.chat.viewers import job_service_of, viewer_of
from bot.guild import AuditEntry, Block
from bot.jobs.moderation import ModerationService
from bot.model import Viewer
from bot.quota.sentences import relative

_BLOCKS_PER_PAGE = 8
#: 2026-11: an embed's description holds 4096 characters (Discord's documentation).
_DESCRIPTION_CHARS = 4000
#: Mentions stay as they are while everything else is escaped; in an embed they ping nobody.
_MENTION = re.compile(r"(<(?:@[!&]?|#)\d{1,20}>)")
_EntryT = TypeVar("_EntryT")


class BlocksButton(ListPageButton, template=r"sora:blocks:(?P<look>\d{1,6})"):
    """Shows another page of blocked members; carries its number."""

    list_name = "blocks"

    async def pressed(self, interaction: discord.Interaction) -> None:
        moderation = job_service_of(interaction).moderation
        await _show_page(
            interaction,
            *await build_blocks_page(moderation, viewer_of(interaction), int(self.page_state)),
        )


class AuditButton(ListPageButton, template=r"sora:audit:(?P<look>\d{1,20}:\d{1,19})"):
    """Shows another page of changes; carries the member (0: all) and the change after it (0: none)."""

    list_name = "audit"

    async def pressed(self, interaction: discord.Interaction) -> None:
        user_id, before_id = (int(number) or None for number in self.page_state.split(":"))
        moderation = job_service_of(interaction).moderation
        page = await build_audit_page(moderation, viewer_of(interaction), user_id, before_id)
        await _show_page(interaction, *page)


async def build_blocks_page(
    moderation: ModerationService, by: Viewer, number: int = 0
) -> tuple[str, EmbedMessage]:
    """Return a page of the blocks in force, and the mentions above it; at most the last page."""
    blocks = await moderation.blocks(by)
    last = max(0, (len(blocks) - 1) // _BLOCKS_PER_PAGE)
    number = min(number, last)
    shown = blocks[number * _BLOCKS_PER_PAGE : (number + 1) * _BLOCKS_PER_PAGE]
    embed = discord.Embed(title="Blocked here", colour=DEFAULT_COLOUR)
    embed.description = _description(_block_entry, shown) or "Nobody is blocked."
    # Discord shows names for mentions in a message's content, but for few of those in its embeds.
    mentions = " ".join(f"<@{each.user_id}>" for each in shown)
    if last == 0:
        return mentions, EmbedMessage(embed=embed, view=None)
    embed.set_footer(text=f"page {number + 1} of {last + 1}")
    view = discord.ui.View(timeout=None)
    view.add_item(BlocksButton(str(max(0, number - 1)), "◀ Back", disabled=number == 0))
    view.add_item(BlocksButton(str(number + 1), "More ▶", disabled=number == last))
    return mentions, EmbedMessage(embed=embed, view=view)


async def build_audit_page(
    moderation: ModerationService, by: Viewer, user_id: int | None, before_id: int | None = None
) -> tuple[str, EmbedMessage]:
    """Return a page of changes, latest first, and the mentions above it."""
    entries = await moderation.audit(by, user_id, before_id=before_id)
    oldest = entries[-1].id if entries else before_id or 0
    has_more = bool(entries) and bool(await moderation.audit(by, user_id, before_id=oldest))
    embed = discord.Embed(title="Changes", colour=DEFAULT_COLOUR)
    embed.description = _description(_audit_entry, entries) or "Nothing was changed yet."
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
        allowed_mentions=discord.AllowedMentions.none(),
    )


def _description(entry: Callable[[_EntryT, int], str], entries: Sequence[_EntryT]) -> str:
    return text.fitted(
        lambda max_chars: "\n\n".join(entry(each, max_chars) for each in entries),
        _DESCRIPTION_CHARS,
        (REASON_CHARS, 100, 40),
    )


def _audit_entry(entry: AuditEntry, max_chars: int) -> str:
    by = "the operator" if entry.by_user_id is None else f"<@{entry.by_user_id}>"
    before, after = (
        _escaped_but_mentions(audit_text(each), max_chars) or "none"
        for each in (entry.before, entry.after)
    )
    head = (
        f"{discord.utils.format_dt(entry.at, 'f')} · **{entry.what}** · {entry.subject} · by {by}"
    )
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
