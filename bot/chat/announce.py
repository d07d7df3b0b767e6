"""Shows a request's card to the channel once the job is accepted, whatever Discord does."""

from __future__ import annotations

import logging
from typing import Any

import aiohttp
import discord

from bot.chat import text
from bot.chat.cards import card_sheet
from bot.jobs.ports import Card

_log = logging.getLogger(__name__)
_TROUBLE = (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError)


async def announce(interaction: discord.Interaction[Any], card: Card) -> int | None:
    """Answer the interaction with `card` and return its message's id; never raises.

    The job is paid for from here on, so a failure must not read like a refusal: the card then goes
    to the channel by itself, and if that fails too, None: the clip still comes.
    """
    try:
        return await _answer(interaction, card)
    except _TROUBLE as error:
        _log.warning("card of request %s not taken as an answer: %s", card.request.id, error)
    channel = interaction.client.get_partial_messageable(card.request.place.channel_id)
    return await _send_alone(channel, card)


async def announce_reply(message: discord.Message, card: Card) -> int | None:
    """Answer a message with `card`, as `announce` does an interaction; never raises."""
    sheet = card_sheet(card)
    try:
        # A message may be delivered twice, after a broken connection; its card comes once.
        sent = await message.reply(
            embed=sheet.embed,
            nonce=f"card-{message.id}",
            allowed_mentions=discord.AllowedMentions.none(),
            **sheet.buttons,
        )
    except _TROUBLE as error:
        _log.warning("card of request %s not taken as a reply: %s", card.request.id, error)
        return await _send_alone(message.channel, card)
    return sent.id


async def _send_alone(channel: discord.abc.Messageable, card: Card) -> int | None:
    sheet = card_sheet(card)
    try:
        message = await channel.send(
            embed=sheet.embed, allowed_mentions=discord.AllowedMentions.none(), **sheet.buttons
        )
    except _TROUBLE as error:
        _log.warning("card of request %s not sent: %s", card.request.id, error)
        return None
    return message.id


async def _answer(interaction: discord.Interaction[Any], card: Card) -> int | None:
    sheet = card_sheet(card)
    if not interaction.response.is_done():
        sent = await interaction.response.send_message(embed=sheet.embed, **sheet.buttons)
        return sent.message_id
    await interaction.edit_original_response(content=text.PICTURE_TAKEN)
    message = await interaction.followup.send(embed=sheet.embed, wait=True, **sheet.buttons)
    return message.id
