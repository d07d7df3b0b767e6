"""`/sora generate`."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.clips.autocomplete import offered_models, offered_seconds, offered_sizes
from bot.chat.clips.pictures import Pictures
from bot.chat.clips.submission import announce_accepted, request_of, submit_and_announce
from bot.chat.viewers import viewer_of
from bot.jobs.catalogue import ClipOptions
from bot.jobs.service import JobService


@final
class GenerateCog(commands.Cog):
    """Makes clips."""

    def __init__(self, jobs: JobService, pictures: Pictures) -> None:
        self._jobs = jobs
        self._pictures = pictures

    @app_commands.command()
    @app_commands.describe(
        prompt="What the clip shall show",
        model="Which model makes it",
        seconds="Length of the clip",
        size="Width and height in pixels",
        image="A picture to start from (PNG, JPEG, WebP or AVIF)",
        count="How many variants, 1 to 4",
    )
    @app_commands.autocomplete(model=offered_models, size=offered_sizes)
    @app_commands.autocomplete(seconds=offered_seconds)
    async def generate(
        self,
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, 4000],
        model: str | None = None,
        seconds: int | None = None,
        size: str | None = None,
        image: discord.Attachment | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
    ) -> None:
        """Make a short video clip from your words"""
        options = ClipOptions(prompt=prompt, model=model, seconds=seconds, size=size, count=count)
        if image is None:
            viewer = viewer_of(interaction)
            await submit_and_announce(
                interaction, lambda request: self._jobs.submit(options, viewer, request)
            )
        else:
            await self._submit_with_picture(interaction, options, image)

    async def _submit_with_picture(
        self, interaction: discord.Interaction, options: ClipOptions, image: discord.Attachment
    ) -> None:
        """Fetch and check the image first, which can take longer than the three seconds for an answer."""
        viewer, request = viewer_of(interaction), request_of(interaction)
        (await self._jobs.catalogue_for(viewer)).resolve(options, options.prompt)
        self._pictures.check_declared(image)
        # Ephemeral, so that a refusal is ephemeral, too; the card follows in public.
        await interaction.response.defer(ephemeral=True, thinking=True)
        async with self._pictures.fetched(image, request.id) as picture:
            card = await self._jobs.submit(options.with_image(picture), viewer, request)
        await announce_accepted(interaction, card)
