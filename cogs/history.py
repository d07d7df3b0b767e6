"""`/sora history`, `/sora gallery`."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.clips.autocomplete import known_models
from bot.chat.embed_message import respond_ephemerally
from bot.chat.lists.gallery import show_gallery
from bot.chat.lists.history import build_history_message
from bot.chat.lists.list_query import ListQuery, model_hash
from bot.chat.viewers import reader_of
from bot.jobs.service import JobService
from bot.storage.clip_search import ClipSort


@final
class HistoryCog(commands.Cog):
    """Shows lists of clips."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    @app_commands.describe(user="Whose clips; leave it out for yours", search="Words of the prompt")
    async def history(
        self,
        interaction: discord.Interaction,
        user: discord.User | None = None,
        search: str | None = None,
    ) -> None:
        """Show your clips here, also those that failed, or somebody else's"""
        viewer = reader_of(interaction)
        whose = viewer.user_id if user is None else user.id
        query = ListQuery.first_page(user_id=whose, search=search)
        await respond_ephemerally(
            interaction, None, await build_history_message(self._jobs, viewer, query)
        )

    @app_commands.command()
    @app_commands.describe(
        user="Only this member's clips",
        model="Only clips of this model",
        search="Words of the prompt",
        sort="Newest first, or those with the most reactions",
    )
    @app_commands.autocomplete(model=known_models)
    async def gallery(
        self,
        interaction: discord.Interaction,
        user: discord.User | None = None,
        model: str | None = None,
        search: str | None = None,
        sort: ClipSort = ClipSort.NEWEST,
    ) -> None:
        """Leaf through the clips of this server"""
        known = None if model is None else model_hash(self._jobs.catalogue.model_named(model).name)
        whose = None if user is None else user.id
        await interaction.response.defer(ephemeral=True, thinking=True)
        query = ListQuery.first_page(user_id=whose, search=search, model=known, sort=sort)
        await show_gallery(interaction, query)
