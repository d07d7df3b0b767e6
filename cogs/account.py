"""`/sora quota`, `/sora help`: what a member has, and what can be done."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.clips.status_embeds import build_help_message
from bot.chat.moderation.moderation_text import respond_ephemerally
from bot.chat.moderation.quota_cards import build_quota_message, role_mentions
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class AccountCog(commands.Cog):
    """Answers about the member's own account."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    async def quota(self, interaction: discord.Interaction) -> None:
        """Show what you have left and when more returns"""
        standing = await self._jobs.quota_status(viewer_of(interaction))
        await respond_ephemerally(
            interaction, role_mentions(standing), build_quota_message(standing)
        )

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what you can do here"""
        await interaction.response.send_message(embed=build_help_message().embed, ephemeral=True)
