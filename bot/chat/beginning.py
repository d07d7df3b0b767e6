"""From an interaction to a request, and to its card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.chat.announce import announce
from bot.chat.places import place_of
from bot.chat.serving import jobs_of
from bot.jobs.ports import Card
from bot.model import Request


def request_of(interaction: discord.Interaction[Any]) -> Request:
    """Return the interaction as one use of a command. Raises MissingPermissionError."""
    place = place_of(interaction)
    return jobs_of(interaction).request(interaction.id, interaction.user.id, place)


async def begin(
    interaction: discord.Interaction[Any], order: Callable[[Request], Awaitable[Card]]
) -> None:
    """Let `order` accept the interaction's request, and show its card to the channel.

    Raises what `order` raises: nothing was charged then.
    """
    await show(interaction, await order(request_of(interaction)))


async def show(interaction: discord.Interaction[Any], card: Card) -> None:
    """Show the card of an accepted request; never raises for what Discord does."""
    message_id = await announce(interaction, card)
    if message_id is not None:
        await jobs_of(interaction).card_sent(card.request.id, message_id)
    await jobs_of(interaction).accepted(card.request)
