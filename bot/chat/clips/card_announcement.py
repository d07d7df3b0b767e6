"""Shows the card of an accepted request in the channel, with fallbacks if Discord fails."""

import logging
from functools import partial
from typing import Any

import discord

from bot.chat import text
from bot.chat.clips.status_embeds import build_card_message
from bot.chat.transport.error_mapping import REQUEST_ERRORS
from bot.jobs.ports import StatusCard

_log = logging.getLogger(__name__)
#: A card follows its command within seconds, so few messages come between.
_HISTORY_LIMIT = 100


async def announce_card(interaction: discord.Interaction[Any], card: StatusCard) -> int | None:
    """Answer the interaction with `card` and return its message's id; never raises.

    The request is accepted, so a failure must not look like a refusal: then the card is sent to the
    channel. If that fails, too, None is returned; the clip is posted all the same.
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
        except REQUEST_ERRORS as error:
            _log.info("card of request %s not taken: %s", card.request.id, error)
        else:
            if message_id is not None:
                return message_id
    return await _send_to_channel(channel, card)


async def reply_with_card(message: discord.Message, card: StatusCard) -> int | None:
    """Answer a message with `card`, as `announce_card` does an interaction; never raises."""
    shown = build_card_message(card)
    try:
        # The gateway may deliver a message twice; the nonce keeps its card from being sent twice.
        sent = await message.reply(
            embed=shown.embed,
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **shown.view_arguments,
        )
    except REQUEST_ERRORS as error:
        _log.info("card of request %s not taken as a reply: %s", card.request.id, error)
        return await _send_to_channel(message.channel, card)
    return sent.id


async def _send_to_channel(channel: discord.abc.Messageable, card: StatusCard) -> int | None:
    shown = build_card_message(card)
    try:
        message = await channel.send(
            embed=shown.embed,
            # The same as the reply's, in case the reply was sent but Discord's response got lost.
            nonce=_nonce(card),
            allowed_mentions=discord.AllowedMentions.none(),
            **shown.view_arguments,
        )
    except REQUEST_ERRORS as error:
        _log.warning("request %s goes on without a card: %s", card.request.id, error)
        return None
    return message.id


def _nonce(card: StatusCard) -> str:
    return f"card-{card.request.id}"


async def _respond(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    shown = build_card_message(card)
    sent = await interaction.response.send_message(embed=shown.embed, **shown.view_arguments)
    # None when Discord's response got lost.
    return sent.message_id or (await interaction.original_response()).id


async def _adopt_response(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    """Edit the answer that exists although ours seemed to be rejected; return its id.

    An earlier try may have succeeded; then the next fails with ALREADY_ACKNOWLEDGED or, after three
    seconds, UNKNOWN_INTERACTION. A second card would never be updated.
    """
    shown = build_card_message(card)
    message = await interaction.edit_original_response(
        embed=shown.embed, view=shown.view, allowed_mentions=discord.AllowedMentions.none()
    )
    return message.id


async def _follow_up(interaction: discord.Interaction[Any], card: StatusCard) -> int:
    """Show the card publicly after an ephemeral answer."""
    shown = build_card_message(card)
    await interaction.edit_original_response(
        content=text.PICTURE_RECEIVED, allowed_mentions=discord.AllowedMentions.none()
    )
    message = await interaction.followup.send(embed=shown.embed, wait=True, **shown.view_arguments)
    return message.id


async def _find_follow_up(
    interaction: discord.Interaction[Any], channel: discord.abc.Messageable
) -> int | None:
    """Return the card that was sent to the channel although Discord's response got lost.

    A followup has no nonce against duplicates. The ephemeral answer isn't in the channel's history.
    """
    since = discord.Object(interaction.id)
    async for message in channel.history(limit=_HISTORY_LIMIT, after=since, oldest_first=True):
        about = message.interaction_metadata
        if about is not None and about.id == interaction.id:
            return message.id
    return None
