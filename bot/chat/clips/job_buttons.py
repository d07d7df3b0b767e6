"""Buttons about jobs: the id is in the custom id, everything else in the database."""

from typing import ClassVar

import discord

from bot.chat import text
from bot.chat.clips.places import place_of
from bot.chat.transport.error_handler import SafeButton
from bot.chat.viewers import job_service_of, viewer_of

#: A job's id in the template of a button.
JOB_ID = r"(?P<job>[0-9A-Z]{4,12})"


class CancelButton(SafeButton, template=r"sora:cancel:(?P<request>\d{1,20})"):
    """Cancels the jobs of a request that are under way."""

    def __init__(self, request_id: int | str) -> None:
        super().__init__(f"sora:cancel:{request_id}", "Cancel")
        self.request_id = int(request_id)

    async def pressed(self, interaction: discord.Interaction) -> None:
        jobs = await job_service_of(interaction).cancel_all(self.request_id, viewer_of(interaction))
        await interaction.response.send_message(text.cancelled(jobs), ephemeral=True)


class JobButton(SafeButton, template=rf"sora:job:{JOB_ID}"):
    """A button about one job; the subclasses say what it does.

    named  whether the label says which job; for messages about several jobs.
    """

    #: The second part of the custom id.
    action: ClassVar[str]
    style: ClassVar[discord.ButtonStyle]
    label: ClassVar[str]
    #: The label if `named`; `label` if empty. `{}` becomes the id of the job.
    named_label: ClassVar[str] = ""

    def __init__(self, job_id: str, *, named: bool = False, row: int | None = None) -> None:
        label = (self.named_label or self.label) if named else self.label
        super().__init__(f"sora:{self.action}:{job_id}", label.format(job_id), self.style, row=row)
        self.job_id = job_id


class CancelJobButton(JobButton, template=rf"sora:stop:{JOB_ID}"):
    """Cancels one job, but not the other variants of its request."""

    action, label, style = "stop", "Cancel {}", discord.ButtonStyle.secondary

    async def pressed(self, interaction: discord.Interaction) -> None:
        job = await job_service_of(interaction).cancel(self.job_id, viewer_of(interaction))
        await interaction.response.send_message(text.cancelled([job]), ephemeral=True)


class FetchButton(JobButton, template=rf"sora:fetch:{JOB_ID}"):
    """Posts a kept clip in the channel where it is pressed."""

    action, label, style = "fetch", "Get my clip {}", discord.ButtonStyle.primary

    async def pressed(self, interaction: discord.Interaction) -> None:
        place = place_of(interaction)
        await job_service_of(interaction).fetch(self.job_id, viewer_of(interaction), place)
        await interaction.response.send_message(f"`{self.job_id}` is on its way.", ephemeral=True)
