"""The message that carries finished clips: its words and its buttons."""

from __future__ import annotations

from collections.abc import Sequence

import discord

from bot.chat.clips.clip_buttons import (
    AgainButton,
    DeleteButton,
    DetailsButton,
    ExtendButton,
    RemixButton,
)
from bot.jobs.ports import JobStatus


def build_clip_view(statuses: Sequence[JobStatus]) -> discord.ui.View:
    """Return the buttons below the clips that one message shows, by variant; at least one."""
    view = discord.ui.View(timeout=None)
    if len(statuses) == 1:
        status = statuses[0]
        view.add_item(RemixButton(status.job.id))
        view.add_item(AgainButton(status.job.id))
        if status.can_extend:
            view.add_item(ExtendButton(status.job.id))
        view.add_item(DeleteButton(status.job.id))
        return view
    for status in statuses:
        view.add_item(RemixButton(status.job.id, named=True, row=0))
        # The rest is behind this one: four of each would bury the clips.
        view.add_item(DetailsButton(status.job.id, named=True, row=1))
    return view
