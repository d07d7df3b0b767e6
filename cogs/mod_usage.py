"""`/sora-mod jobs`, `/sora-mod usage`. The moderation service checks the caller."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.moderation.job_list import JobListFilter, JobListQuery, build_job_list
from bot.chat.moderation.usage_report import show_usage
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService

_STATES = [app_commands.Choice(name=str(each), value=str(each)) for each in JobListFilter]


@final
class ModUsageCog(commands.Cog):
    """Shows a server's jobs and usage."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    @app_commands.describe(
        state="Which jobs; those under way if you leave it out", user="Only this member's"
    )
    @app_commands.choices(state=_STATES)
    async def jobs(
        self,
        interaction: discord.Interaction,
        state: str = JobListFilter.UNDER_WAY,
        user: discord.User | None = None,
    ) -> None:
        """List the jobs of this server, and stop those under way"""
        query = JobListQuery(
            job_filter=JobListFilter(state), user_id=None if user is None else user.id
        )
        content, view = await build_job_list(self._jobs, viewer_of(interaction), query)
        await interaction.response.send_message(
            content,
            view=view,
            ephemeral=True,
            allowed_mentions=discord.AllowedMentions.none(),
        )

    @app_commands.command()
    @app_commands.describe(days="1 to 90; 30 if you leave it out")
    async def usage(
        self, interaction: discord.Interaction, days: app_commands.Range[int, 1, 90] = 30
    ) -> None:
        """Show what this server used: clips, seconds, cost, failures, members"""
        # Reading a large ledger and drawing can take longer than the three seconds for an answer.
        await interaction.response.defer(ephemeral=True, thinking=True)
        await show_usage(interaction, days)
