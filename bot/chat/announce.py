"""Shows a request's card to the channel once the job is accepted, whatever Discord does."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import aiohttp
import discord

from bot.chat import text
from bot.chat.cards import card_sheet
from bot.jobs.ports import Card

_log = logging.getLogger(__name__)
#: A card comes within seconds of its command: no more messages than this can stand between.
_LOOKED_THROUGH = 100
_TROUBLE = (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError)


async def announce(interaction: discord.Interaction[Any], card: Card) -> int | None:
    """Answer the interaction with `card` and return its message's id; never raises.

    The job is paid for from here on, so a failure must not read like a refusal: the card then goes
    to the channel by itself, and if that fails too, None: the clip still comes.
    """
    channel = interaction.client.get_partial_messageable(card.request.place.channel_id)
    if interaction.response.is_done():
        send = partial(_follow_up, interaction, card)
        look = partial(_followed_up_after_all, interaction, channel)
    else:
        send = partial(_answer, interaction, card)
        look = partial(_answered_after_all, interaction, card)
    for attempt in (send, look):
        try:
            message_id = await attempt()
        except _TROUBLE as error:
            _log.info("card of request %s not taken: %s", card.request.id, error)
        else:
            if message_id is not None:
                return message_id
    return await _send_alone(channel, card)


async def announce_reply(message: discord.Message, card: Card) -> int | None:
    """Answer a message with `card`, as `announce` does an interaction; never raises."""
    sheet = card_sheet(card)
    try:
        # A message may be delivered twice, after a broken connection; its card comes once.
        sent = await message.reply(
            embed=sheet.embed,
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **sheet.buttons,
        )
    except _TROUBLE as error:
        _log.info("card of request %s not taken as a reply: %s", card.request.id, error)
        return await _send_alone(message.channel, card)
    return sent.id


async def _send_alone(channel: discord.abc.Messageable, card: Card) -> int | None:
    sheet = card_sheet(card)
    try:
        message = await channel.send(
            embed=sheet.embed,
            # As a reply's: if that got through with its receipt lost, this finds it.
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **sheet.buttons,
        )
    except _TROUBLE as error:
        _log.warning("request %s goes on without a card: %s", card.request.id, error)
        return None
    return message.id


def _nonce(card: Card) -> str:
    return f"card-{card.request.id}"


async def _answer(interaction: discord.Interaction[Any], card: Card) -> int:
    sheet = card_sheet(card)
    sent = await interaction.response.send_message(embed=sheet.embed, **sheet.buttons)
    # None when Discord's receipt got lost.
    return sent.message_id or (await interaction.original_response()).id


async def _answered_after_all(interaction: discord.Interaction[Any], card: Card) -> int:
    """Return the answer that stands there although ours seemed to be refused.

    One of unknown fate may have been taken: the next try is then "already acknowledged", or, three
    seconds later, "unknown". A second card would have buttons that nobody keeps true.
    """
    sheet = card_sheet(card)
    message = await interaction.edit_original_response(
        embed=sheet.embed, view=sheet.view, allowed_mentions=discord.AllowedMentions.none()
    )
    return message.id


async def _follow_up(interaction: discord.Interaction[Any], card: Card) -> int:
    """Show the card to everybody where so far the member alone was answered."""
    sheet = card_sheet(card)
    await interaction.edit_original_response(
        content=text.PICTURE_TAKEN, allowed_mentions=discord.AllowedMentions.none()
    )
    message = await interaction.followup.send(embed=sheet.embed, wait=True, **sheet.buttons)
    return message.id


async def _followed_up_after_all(
    interaction: discord.Interaction[Any], channel: discord.abc.Messageable
) -> int | None:
    """Return the card that stands in the channel although its receipt got lost.

    A followup has no nonce that would hold off a second one. The answer to the member alone is not
    among what the channel shows.
    """
    since = discord.Object(interaction.id)
    async for message in channel.history(limit=_LOOKED_THROUGH, after=since, oldest_first=True):
        about = message.interaction_metadata
        if about is not None and about.id == interaction.id:
            return message.id
    return None
