"""`/sora-mod`: what those who may manage the server decide. Checked again at each use."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import gallery_text
from bot.chat.places import check_gallery
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class Moderation(commands.Cog):
    """Takes a server's choices."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    @app_commands.describe(channel="Where each clip is shown, too; leave it out to stop that")
    async def gallery(
        self, interaction: discord.Interaction, channel: discord.TextChannel | None = None
    ) -> None:
        """Show every clip of this server in one channel, too"""
        if channel is not None:
            check_gallery(channel)
        channel_id = None if channel is None else channel.id
        await self._jobs.library.set_gallery(viewer_of(interaction), channel_id)
        await interaction.response.send_message(
            gallery_text.gallery_chosen(channel_id), ephemeral=True
        )
