"""`/sora quota`, `/sora help`."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.clips.status_embeds import build_help_message
from bot.chat.embed_message import respond_ephemerally
from bot.chat.moderation.quota_cards import build_quota_message, role_mentions
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class AccountCog(commands.Cog):
    """Shows a member's quota, and the help."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    async def quota(self, interaction: discord.Interaction) -> None:
        """Show what you have left and when more returns"""
        status = await self._jobs.quota_status(viewer_of(interaction))
        await respond_ephemerally(interaction, role_mentions(status), build_quota_message(status))

    @app_commands.command()
    async def help(self, interaction: discord.Interaction) -> None:
        """Show what you can do here"""
        await respond_ephemerally(interaction, None, build_help_message())
