"""A message with an embed and buttons."""

from dataclasses import dataclass
from typing import Any, TypedDict

import discord

from bot.model import State

#: Colours of an ended job.
STATE_COLOURS = {
    State.DONE: 0x2ECC71,
    State.KEPT: 0xE67E22,
    State.FAILED: 0xE74C3C,
    State.CANCELLED: 0x95A5A6,
}
#: The colour of everything else.
DEFAULT_COLOUR = 0x5865F2


class ViewArguments(TypedDict, total=False):
    """Keyword arguments of a send, beside the embed."""

    view: discord.ui.View


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedMessage:
    """An embed and the buttons below it."""

    embed: discord.Embed
    view: discord.ui.View | None

    @property
    def view_arguments(self) -> ViewArguments:
        """The keyword argument that sends the buttons; empty without buttons."""
        return ViewArguments() if self.view is None else ViewArguments(view=self.view)


async def respond_ephemerally(
    interaction: discord.Interaction[Any], words: str | None, message: EmbedMessage | None = None
) -> None:
    """Answer an interaction so that its user alone sees it; pings nobody."""
    silent = discord.AllowedMentions.none()
    respond = interaction.response.send_message
    if message is None:
        await respond(words, ephemeral=True, allowed_mentions=silent)
    else:
        await respond(
            words,
            embed=message.embed,
            ephemeral=True,
            allowed_mentions=silent,
            **message.view_arguments,
        )
