"""From an interaction to a request, and to its card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.chat.clips.card_announcement import announce_card
from bot.chat.clips.places import place_of
from bot.chat.viewers import job_service_of
from bot.jobs.ports import StatusCard
from bot.model import Request


def request_of(interaction: discord.Interaction[Any]) -> Request:
    """Return the interaction as one use of a command. Raises MissingPermissionError."""
    place = place_of(interaction)
    return job_service_of(interaction).request(interaction.id, interaction.user.id, place)


async def submit_and_announce(
    interaction: discord.Interaction[Any], submit: Callable[[Request], Awaitable[StatusCard]]
) -> None:
    """Let `order` accept the interaction's request, and show its card to the channel.

    Raises what `order` raises: nothing was charged then.
    """
    await announce_accepted(interaction, await submit(request_of(interaction)))


async def announce_accepted(interaction: discord.Interaction[Any], card: StatusCard) -> None:
    """Show the card of an accepted request; never raises for what Discord does."""
    message_id = await announce_card(interaction, card)
    if message_id is not None:
        await job_service_of(interaction).card_sent(card.request.id, message_id)
    await job_service_of(interaction).check_budget(card.request)
