"""Shows a request's card to the channel once the job is accepted, whatever Discord does."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import aiohttp
import discord

from bot.chat import text
from bot.chat.clips.status_embeds import build_card_message
from bot.jobs.ports import StatusCard

_log = logging.getLogger(__name__)
#: A card comes within seconds of its command: no more messages than this can stand between.
_HISTORY_LIMIT = 100
_DISCORD_ERRORS = (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError)


async def announce_card(interaction: discord.Interaction[Any], card: StatusCard) -> int | None:
    """Answer the interaction with `card` and return its message's id; never raises.

    The job is paid for from here on, so a failure must not read like a refusal: the card then goes
    to the channel by itself, and if that fails too, None: the clip still comes.
    """
    channel = interaction.client.get_partial_messageable(card.request.place.channel_id)
    if interaction.response.is_done():
        send = partial(_follow_up, interaction, card)
        look = partial(_find_follow_up, interaction, channel)
    else:
        send = partial(_respond, interaction, card)
        look = partial(_adopt_response, interaction, card)
    for attempt in (send, look):
        try:
            message_id = await attempt()
        except _DISCORD_ERRORS as error:
            _log.info("card of request %s not taken: %s", card.request.id, error)
        else:
            if message_id is not None:
                return message_id
    return await _send_to_channel(channel, card)


async def reply_with_card(message: discord.Message, card: StatusCard) -> int | None:
    """Answer a message with `card`, as `announce_card` does an interaction; never raises."""
    sheet = build_card_message(card)
    try:
        # A message may be delivered twice, after a broken connection; its card comes once.
        sent = await message.reply(
            embed=sheet.embed,
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **sheet.view_arguments,
        )
    except _DISCORD_ERRORS as error:
        _log.info("card of request %s not taken as a reply: %s", card.request.id, error)
        return await _send_to_channel(message.channel, card)
    return sent.id


async def _send_to_channel(channel: discord.abc.Messageable, card: StatusCard) -> int | None:
    sheet = build_card_message(card)
    try:
        message = await channel.send(
            embed=sheet.embed,
            # As a reply's: if that got through with its receipt lost, this finds it.
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **sheet.view_arguments,
        )
    except _DISCORD_ERRORS as error:
        _log.warning("request %s goes on without a card: %s", card.request.id, error)
        return None
    return message.id


def _nonce(card: StatusCard) -> str:
    return f"card-{card.request.id}"


async def _respond(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    sheet = build_card_message(card)
    sent = await interaction.response.send_message(embed=sheet.embed, **sheet.view_arguments)
    # None when Discord's receipt got lost.
    return sent.message_id or (await interaction.original_response()).id


async def _adopt_response(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    """Return the answer that stands there although ours seemed to be refused.

    One of unknown fate may have been taken: the next try is then "already acknowledged", or, three
    seconds later, "unknown". A second card would have buttons that nobody keeps true.
    """
    sheet = build_card_message(card)
    message = await interaction.edit_original_response(
        embed=sheet.embed, view=sheet.view, allowed_mentions=discord.AllowedMentions.none()
    )
    return message.id


async def _follow_up(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    """Show the card to everybody where so far the member alone was answered."""
    sheet = build_card_message(card)
    await interaction.edit_original_response(
        content=text.PICTURE_RECEIVED, allowed_mentions=discord.AllowedMentions.none()
    )
    message = await interaction.followup.send(embed=sheet.embed, wait=True, **sheet.view_arguments)
    return message.id


async def _find_follow_up(
    interaction: discord.Interaction[Any], channel: discord.abc.Messageable
) -> int | None:
    """Return the card that stands in the channel although its receipt got lost.

    A followup has no nonce that would hold off a second one. The answer to the member alone is not
    among what the channel shows.
    """
    since = discord.Object(interaction.id)
    async for message in channel.history(limit=_HISTORY_LIMIT, after=since, oldest_first=True):
        about = message.interaction_metadata
        if about is not None and about.id == interaction.id:
            return message.id
    return None
