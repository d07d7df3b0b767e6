"""`/sora status`, `/sora cancel`."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import text
from bot.chat.clips.autocomplete import job_choices
from bot.chat.clips.status_embeds import build_running_message, build_status_message
from bot.chat.embed_message import respond_ephemerally
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class StatusCog(commands.Cog):
    """Shows and stops jobs."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    @app_commands.describe(job="A clip's id, such as K7Q2; leave it out for all under way")
    async def status(self, interaction: discord.Interaction, job: str | None = None) -> None:
        """Show your clips under way, or one clip in detail"""
        viewer = viewer_of(interaction)
        if job is not None:
            status = await self._jobs.status(job, viewer)
            note, message = text.owner_note(status.job, viewer), build_status_message(status)
        elif running := await self._jobs.running(viewer):
            note, message = None, build_running_message(running)
        else:
            note, message = text.NOTHING_RUNNING, None
        await respond_ephemerally(interaction, note, message)

    @app_commands.command()
    @app_commands.describe(job="The id of the clip to stop")
    async def cancel(self, interaction: discord.Interaction, job: str) -> None:
        """Stop a clip; a stopped clip is not counted"""
        stopped = await self._jobs.cancel(job, viewer_of(interaction))
        await interaction.response.send_message(text.cancelled([stopped]), ephemeral=True)

    @status.autocomplete("job")
    async def _any_job(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return job_choices(await self._jobs.recent(viewer_of(interaction)), typed)

    @cancel.autocomplete("job")
    async def _open_job(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        running = await self._jobs.running(viewer_of(interaction))
        return job_choices([status.job for status in running], typed)
