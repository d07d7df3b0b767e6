"""`/sora-mod provider …`. The services check at each call that the user is a moderator."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.embed_message import respond_ephemerally
from bot.chat.moderation.provider_cards import (
    build_providers_message,
    drain_changed,
    offered_providers,
    preference_changed,
)
from bot.chat.viewers import viewer_of
from bot.jobs.service import JobService


@final
class ModProviderCog(commands.Cog):
    """Shows, prefers, drains and tests providers."""

    provider = app_commands.Group(name="provider", description="Which video service makes clips")

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @provider.command(name="list")
    async def list_(self, interaction: discord.Interaction) -> None:
        """Show how the video services are, and who gets the next clip"""
        await self._respond(interaction, "")

    @provider.command()
    @app_commands.describe(name="Tried before all others; leave it out for the operator's order")
    @app_commands.autocomplete(name=offered_providers)
    async def use(self, interaction: discord.Interaction, name: str | None = None) -> None:
        """Let a video service make this server's clips from now on"""
        by = viewer_of(interaction)
        await self._jobs.provider_admin.use(by, name)
        await self._respond(interaction, await preference_changed(self._jobs, by, name))

    @provider.command()
    @app_commands.describe(
        name="Gets no new clips from here; what it is making is finished",
        back="Give it clips again",
    )
    @app_commands.autocomplete(name=offered_providers)
    async def drain(self, interaction: discord.Interaction, name: str, back: bool = False) -> None:
        """Give a video service no new clips, or some again"""
        by = viewer_of(interaction)
        await self._jobs.provider_admin.drain(by, name, back=back)
        await self._respond(interaction, await drain_changed(self._jobs, by, name, back=back))

    @provider.command()
    @app_commands.describe(name="Asked one thing that costs nothing")
    @app_commands.autocomplete(name=offered_providers)
    async def test(self, interaction: discord.Interaction, name: str) -> None:
        """Ask a video service whether it works; costs nothing"""
        by = viewer_of(interaction)
        # The test can take longer than the three seconds for an answer.
        await interaction.response.defer(ephemeral=True, thinking=True)
        result = await self._jobs.provider_admin.test(by, name)
        message = await build_providers_message(self._jobs, by, interaction.created_at)
        await interaction.edit_original_response(
            content=f"`{name.strip().lower()}`: {result}",
            embed=message.embed,
            allowed_mentions=discord.AllowedMentions.none(),
        )

    async def _respond(self, interaction: discord.Interaction, words: str) -> None:
        by = viewer_of(interaction)
        message = await build_providers_message(self._jobs, by, interaction.created_at)
        await respond_ephemerally(interaction, words, message)
