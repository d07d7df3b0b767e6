"""Remixes a clip when a member replies to it with the change as text.

Without the message content intent a bot gets the text of a reply only if the reply pings it and
answers a regular message (Discord's documentation, 2026-08); in direct messages it always gets it.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import discord

from bot.chat.clips import clip_text
from bot.chat.clips.card_announcement import reply_with_card
from bot.chat.clips.clip_buttons import RemixButton
from bot.chat.clips.job_buttons import JOB_ID
from bot.chat.clips.pictures import Pictures
from bot.chat.clips.places import place_of_message
from bot.chat.transport.error_handler import MENTION_REPLIED_USER, SafeButton
from bot.chat.viewers import author_of, job_service_of, reader_of
from bot.errors import RefusedError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.ports import StatusCard
from bot.jobs.service import JobService
from bot.model import Job, Viewer

_log = logging.getLogger(__name__)


async def handle_reply(jobs: JobService, pictures: Pictures, message: discord.Message) -> None:
    """Remix the clip that a message replies to; ignore any other message.

    Raises what `JobService.remix` raises; then nothing was charged.
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
    """Remix `parent` as the reply `message` of `viewer` says, with its attached image if any."""
    place = place_of_message(message, parent.place.upload_limit_bytes)
    request = jobs.request(message.id, message.author.id, place)
    options = ClipOptions(prompt=_reply_text(message))
    image = next(iter(message.attachments), None)
    if image is None:
        card = await jobs.remix(parent.id, options, viewer, request)
    else:
        await jobs.library.parent(parent.id, viewer)
        pictures.check_declared(image)
        async with pictures.fetched(image, request.id) as picture:
            card = await jobs.remix(parent.id, options.with_image(picture), viewer, request)
    await _announce_accepted(jobs, message, card)


class ChooseClipButton(SafeButton, template=rf"sora:pick:{JOB_ID}:(?P<reply>\d{{1,20}})"):
    """Says which of several clips a reply was about."""

    def __init__(self, job_id: str, reply_id: int | str) -> None:
        super().__init__(f"sora:pick:{job_id}:{reply_id}", job_id, discord.ButtonStyle.primary)
        self.job_id = job_id
        self.reply_id = int(reply_id)

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
        # A fetched message doesn't have its author's roles; the interaction has them.
        jobs, viewer = job_service_of(interaction), reader_of(interaction)
        parent = await jobs.library.clip(self.job_id, viewer)
        pictures = getattr(interaction.client, "pictures", None)
        if not isinstance(pictures, Pictures):
            raise TypeError("the client carries no pictures")
        await submit_reply_remix(jobs, pictures, reply, viewer, parent)
        # The request is accepted, so a failure to remove the question doesn't matter.
        with suppress(discord.HTTPException):
            await interaction.delete_original_response()


def _target_message_id(message: discord.Message) -> int | None:
    """Return the id of the message that a member replies to, if the bot may have written it."""
    reference = message.reference
    if message.author.bot or reference is None or message.type is not discord.MessageType.reply:
        return None
    target = reference.resolved
    me = message.guild.me.id if message.guild is not None else None
    if isinstance(target, discord.Message) and me is not None and target.author.id != me:
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
        # The reply was deleted, or the bot may not write here.
        _log.info("no hint for message %d: %s", message.id, error)


async def _announce_accepted(jobs: JobService, message: discord.Message, card: StatusCard) -> None:
    card_id = await reply_with_card(message, card)
    if card_id is not None:
        await jobs.card_sent(card.request.id, card_id)
    await jobs.check_budget(card.request)
