"""Turns an interaction into a request, and shows the card of the accepted request."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.chat.clips.card_announcement import announce_card
from bot.chat.clips.places import place_of
from bot.chat.viewers import job_service_of
from bot.jobs.ports import StatusCard
from bot.model import Request


def request_of(interaction: discord.Interaction[Any]) -> Request:
    """Return the request that the interaction makes. Raises MissingPermissionError."""
    place = place_of(interaction)
    return job_service_of(interaction).request(interaction.id, interaction.user.id, place)


async def submit_and_announce(
    interaction: discord.Interaction[Any], submit: Callable[[Request], Awaitable[StatusCard]]
) -> None:
    """Call `submit` with the interaction's request and show the card that it returns.

    Raises what `submit` raises; then nothing was charged.
    """
    await announce_accepted(interaction, await submit(request_of(interaction)))


async def announce_accepted(interaction: discord.Interaction[Any], card: StatusCard) -> None:
    """Show the card of an accepted request; never raises for errors of Discord."""
    message_id = await announce_card(interaction, card)
    if message_id is not None:
        await job_service_of(interaction).card_sent(card.request.id, message_id)
    await job_service_of(interaction).check_budget(card.request)
