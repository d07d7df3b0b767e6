"""The face of a message: an embed and its buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import discord

from bot.model import State

#: What colour an ended job has.
STATE_COLOURS = {
    State.DONE: 0x2ECC71,
    State.KEPT: 0xE67E22,
    State.FAILED: 0xE74C3C,
    State.CANCELLED: 0x95A5A6,
}
#: What everything else has.
DEFAULT_COLOUR = 0x5865F2


class ViewArguments(TypedDict, total=False):
    """What a send takes beside the embed."""

    view: discord.ui.View


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedMessage:
    """The face of a message: an embed and its buttons."""

    embed: discord.Embed
    view: discord.ui.View | None

    @property
    def view_arguments(self) -> ViewArguments:
        """The keyword arguments that send the buttons along; none where there are none."""
        return ViewArguments() if self.view is None else ViewArguments(view=self.view)
