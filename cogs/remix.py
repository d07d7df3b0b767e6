"""`/sora remix`, `/sora extend`, and the message menus for remixes and details."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.clips import clip_text
from bot.chat.clips.autocomplete import clip_choices, offered_models, offered_seconds, offered_sizes
from bot.chat.clips.clip_buttons import (
    DetailsButton,
    RemixButton,
    open_remix_modal,
    show_details,
)
from bot.chat.clips.clip_message import clips_in_message
from bot.chat.clips.job_buttons import JobButton
from bot.chat.clips.submission import submit_and_announce
from bot.chat.viewers import reader_of
from bot.errors import RefusedError
from bot.jobs.catalogue import ClipOptions
from bot.jobs.service import JobService
from bot.model import Job


@final
class RemixCog(commands.Cog):
    """Makes clips from other clips."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self.menus = (
            app_commands.ContextMenu(name="Remix this clip", callback=self._remix_menu),
            app_commands.ContextMenu(name="Clip details", callback=self._details_menu),
        )

    @app_commands.command()
    @app_commands.describe(
        clip="Which clip: its id, or words of its prompt",
        prompt="What shall be different",
        seconds="Another length",
        size="Another width and height in pixels",
        model="Another model",
    )
    @app_commands.autocomplete(model=offered_models, size=offered_sizes)
    @app_commands.autocomplete(seconds=offered_seconds)
    async def remix(
        self,
        interaction: discord.Interaction,
        clip: str,
        prompt: app_commands.Range[str, 1, 4000],
        seconds: int | None = None,
        size: str | None = None,
        model: str | None = None,
    ) -> None:
        """Make a clip again with a change"""
        options = ClipOptions(prompt=prompt, model=model, seconds=seconds, size=size)
        viewer = reader_of(interaction)
        await submit_and_announce(
            interaction, lambda request: self._jobs.remix(clip, options, viewer, request)
        )

    @app_commands.command()
    @app_commands.describe(
        clip="Which clip: its id, or words of its prompt",
        prompt="What happens next; leave it out to let the clip go on as it is",
    )
    async def extend(
        self,
        interaction: discord.Interaction,
        clip: str,
        prompt: app_commands.Range[str, 1, 4000] | None = None,
    ) -> None:
        """Let a clip go on"""
        viewer = reader_of(interaction)
        await submit_and_announce(
            interaction, lambda request: self._jobs.extend(clip, prompt, viewer, request)
        )

    @remix.autocomplete("clip")
    @extend.autocomplete("clip")
    async def _clips(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return clip_choices(await self._jobs.library.find(typed, reader_of(interaction)))

    async def _remix_menu(self, interaction: discord.Interaction, message: discord.Message) -> None:
        await self._act_on_clip(interaction, message, open_remix_modal, RemixButton)

    async def _details_menu(
        self, interaction: discord.Interaction, message: discord.Message
    ) -> None:
        await self._act_on_clip(interaction, message, show_details, DetailsButton)

    async def _act_on_clip(
        self,
        interaction: discord.Interaction,
        message: discord.Message,
        act: Callable[[discord.Interaction, str], Awaitable[None]],
        button: type[JobButton],
    ) -> None:
        """Call `act` with the only clip of a message; if it has several, send a button for each."""
        clips = await self._clips_in(interaction, message)
        if len(clips) == 1:
            await act(interaction, clips[0].id)
            return
        view = discord.ui.View(timeout=None)
        for each in clips:
            view.add_item(button(each.id, named=True))
        await interaction.response.send_message(clip_text.WHICH_CLIP, view=view, ephemeral=True)

    async def _clips_in(
        self, interaction: discord.Interaction, message: discord.Message
    ) -> tuple[Job, ...]:
        """Return the clips of a message, which may be a mirror. Raises RefusedError if it has none."""
        viewer, me = reader_of(interaction), interaction.client.user
        clips = await self._jobs.library.clips_in_message(message.id, viewer)
        if not clips and me is not None and message.author.id == me.id:
            clips = await clips_in_message(self._jobs.library, message, viewer)
        if not clips:
            raise RefusedError(clip_text.NO_CLIP)
        return clips
