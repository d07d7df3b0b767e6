"""`/sora-mod settings`. The panel checks at each use that the user is a moderator."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.moderation.settings_panel import build_settings_panel


@final
class ModSettingsCog(commands.Cog):
    """Opens the settings of a server."""

    @app_commands.command()
    async def settings(self, interaction: discord.Interaction) -> None:
        """Show the settings of this server, and change them"""
        panel = await build_settings_panel(interaction)
        await interaction.response.send_message(
            view=panel, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
        )
