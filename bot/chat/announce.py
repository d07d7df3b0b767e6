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
    sheet = card_sheet(card)
    channel = interaction.client.get_partial_messageable(card.request.place.channel_id)
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
