"""A reply to a clip, with the change as text: one more way to a remix.

Discord shows a bot without the message content intent the text of a reply only when the reply pings
it and its target is a regular message (Discord's documentation, 2026-08); in a direct message always.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import discord

from bot.chat.clips import clip_text
from bot.chat.clips.card_announcement import reply_with_card
from bot.chat.clips.clip_buttons import RemixButton
from bot.chat.clips.pictures import Pictures
from bot.chat.clips.places import place_of_message
from bot.chat.serving import job_service_of
from bot.chat.transport.error_handler import MENTION_REPLIED_USER, SafeItem
from bot.chat.viewers import author_of, reader_of
from bot.errors import RefusedError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.ports import StatusCard
from bot.jobs.service import JobService
from bot.model import Job, Viewer

_log = logging.getLogger(__name__)


async def handle_reply(jobs: JobService, pictures: Pictures, message: discord.Message) -> None:
    """Act on a message if it is a member's reply to a clip; anything else is left alone.

    Raises what `JobService.remix` raises; nothing was charged then.
    """
    target_id = _target_message_id(message)
    if target_id is None:
        return
    viewer = author_of(message)
    clips = await jobs.library.clips_in_message(target_id, viewer)
    if not clips:
        return
    clip, *more = clips
    words = _reply_text(message)
    if not words:
        is_read = message.content or message.attachments
        hint = clip_text.EMPTY_REPLY if is_read else clip_text.UNREADABLE_REPLY
        await _send_hint(message, hint, [RemixButton(each.id, named=bool(more)) for each in clips])
    elif more:
        await _send_hint(
            message, clip_text.WHICH_CLIP, [ChooseClipButton(each.id, message.id) for each in clips]
        )
    else:
        await submit_reply_remix(jobs, pictures, message, viewer, clip)


async def submit_reply_remix(
    jobs: JobService, pictures: Pictures, message: discord.Message, viewer: Viewer, parent: Job
) -> None:
    """Remix `parent` as the reply `message` of `viewer` says, with its picture if it has one."""
    place = place_of_message(message, parent.place.upload_limit_bytes)
    request = jobs.request(message.id, message.author.id, place)
    wish = ClipOptions(prompt=_reply_text(message))
    image = next(iter(message.attachments), None)
    if image is None:
        card = await jobs.remix(parent.id, wish, viewer, request)
    else:
        await jobs.library.parent(parent.id, viewer)
        pictures.check_declared(image)
        async with pictures.fetched(image, request.id) as picture:
            card = await jobs.remix(parent.id, wish.with_image(picture), viewer, request)
    await _announce_accepted(jobs, message, card)


class ChooseClipButton(
    SafeItem[discord.ui.Button[Any]],
    template=r"sora:pick:(?P<job>[0-9A-Z]{4,12}):(?P<reply>\d{1,20})",
):
    """Says which of several clips a reply was about."""

    def __init__(self, job_id: str, reply_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=job_id,
                style=discord.ButtonStyle.primary,
                custom_id=f"sora:pick:{job_id}:{reply_id}",
            )
        )
        self.job_id = job_id
        self.reply_id = reply_id

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["job"], int(match["reply"]))

    async def pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        channel = interaction.channel
        if not isinstance(channel, discord.abc.Messageable):
            raise RefusedError(clip_text.LOST_REPLY)
        try:
            reply = await channel.fetch_message(self.reply_id)
        except (discord.NotFound, discord.Forbidden) as error:
            raise RefusedError(clip_text.LOST_REPLY) from error
        if reply.author.id != interaction.user.id:
            raise RefusedError(clip_text.NOT_YOUR_REPLY)
        if not _reply_text(reply):
            raise RefusedError(clip_text.LOST_REPLY)
        # A message that was fetched tells nothing of its author's roles; the press does.
        jobs, viewer = job_service_of(interaction), reader_of(interaction)
        parent = await jobs.library.clip(self.job_id, viewer)
        pictures = getattr(interaction.client, "pictures", None)
        if not isinstance(pictures, Pictures):
            raise TypeError("the client carries no pictures")
        await submit_reply_remix(jobs, pictures, reply, viewer, parent)
        # The order is accepted: whether the question goes away is no matter any more.
        with suppress(discord.HTTPException):
            await interaction.delete_original_response()


def _target_message_id(message: discord.Message) -> int | None:
    """Return the message that a member's reply is about, if it may be one of ours."""
    reference = message.reference
    if message.author.bot or reference is None or message.type is not discord.MessageType.reply:
        return None
    seen = reference.resolved
    me = message.guild.me.id if message.guild is not None else None
    if isinstance(seen, discord.Message) and me is not None and seen.author.id != me:
        return None
    return reference.message_id


def _reply_text(message: discord.Message) -> str:
    """Return the text of a reply without mentions in front of it."""
    return re.sub(r"^(?:\s*<@[!&]?\d+>)+", "", message.content).strip()


async def _send_hint(
    message: discord.Message, words: str, buttons: Sequence[discord.ui.Item[Any]]
) -> None:
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    nonce = f"hint-{message.id}"
    try:
        await message.reply(words, view=view, nonce=nonce, allowed_mentions=MENTION_REPLIED_USER)
    except discord.HTTPException as error:
        # The reply is gone, or nothing may be written here: there is nobody to ask.
        _log.info("no hint for message %d: %s", message.id, error)


async def _announce_accepted(jobs: JobService, message: discord.Message, card: StatusCard) -> None:
    card_id = await reply_with_card(message, card)
    if card_id is not None:
        await jobs.card_sent(card.request.id, card_id)
    await jobs.check_budget(card.request)
