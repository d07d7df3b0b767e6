"""`/sora quota`, `/sora help`: what a member has, and what can be done."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.cards import help_sheet
from bot.chat.mod_text import tell
from bot.chat.quota_cards import quota_sheet, roles_in
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class Account(commands.Cog):
    """Answers about the member's own account."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    async def quota(self, interaction: discord.Interaction) -> None:
        """Show what you have left and when more returns"""
        standing = await self._jobs.quota(viewer_of(interaction))
        await tell(interaction, roles_in(standing), quota_sheet(standing))

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what you can do here"""
        await interaction.response.send_message(embed=help_sheet().embed, ephemeral=True)
