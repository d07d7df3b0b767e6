"""Buttons that work after a restart: the id is in the custom id, everything else in the database."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Self

import discord

from bot.chat import text
from bot.chat.clips.places import place_of
from bot.chat.serving import job_service_of
from bot.chat.transport.error_handler import SafeItem
from bot.chat.viewers import viewer_of


class CancelButton(SafeItem[discord.ui.Button[Any]], template=r"sora:cancel:(?P<request>\d{1,20})"):
    """Cancels what is still under way of a request."""

    def __init__(self, request_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Cancel",
                style=discord.ButtonStyle.secondary,
                custom_id=f"sora:cancel:{request_id}",
            )
        )
        self.request_id = request_id

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(int(match["request"]))

    async def pressed(self, interaction: discord.Interaction) -> None:
        jobs = await job_service_of(interaction).cancel_all(self.request_id, viewer_of(interaction))
        await interaction.response.send_message(text.cancelled(jobs), ephemeral=True)


class JobButton(SafeItem[discord.ui.Button[Any]], template=r"sora:job:(?P<job>[0-9A-Z]{4,12})"):
    """A button about one job; those below say what it does.

    named  whether the label says which job, where a message is about several.
    """

    action: ClassVar[str]
    style: ClassVar[discord.ButtonStyle]
    #: Of a button that stands alone, and of one among others about other jobs.
    label: ClassVar[str]
    named_label: ClassVar[str] = ""

    def __init__(self, job_id: str, *, named: bool = False, row: int | None = None) -> None:
        label = (self.named_label or self.label) if named else self.label
        super().__init__(
            discord.ui.Button(
                label=label.format(job_id),
                style=self.style,
                custom_id=f"sora:{self.action}:{job_id}",
                row=row,
            )
        )
        self.job_id = job_id

    @classmethod
    async def from_custom_id(
        cls,
        _interaction: discord.Interaction,
        _control: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(match["job"])


class CancelJobButton(JobButton, template=r"sora:stop:(?P<job>[0-9A-Z]{4,12})"):
    """Cancels one job, leaving other variants of its request alone."""

    action, label, style = "stop", "Cancel {}", discord.ButtonStyle.secondary

    async def pressed(self, interaction: discord.Interaction) -> None:
        job = await job_service_of(interaction).cancel(self.job_id, viewer_of(interaction))
        await interaction.response.send_message(text.cancelled([job]), ephemeral=True)


class FetchButton(JobButton, template=r"sora:fetch:(?P<job>[0-9A-Z]{4,12})"):
    """Posts a kept clip where it is pressed."""

    action, label, style = "fetch", "Get my clip {}", discord.ButtonStyle.primary

    async def pressed(self, interaction: discord.Interaction) -> None:
        place = place_of(interaction)
        await job_service_of(interaction).fetch(self.job_id, viewer_of(interaction), place)
        await interaction.response.send_message(f"`{self.job_id}` is on its way.", ephemeral=True)
