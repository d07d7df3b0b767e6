"""Listens for replies to clips and for reactions to them."""

from __future__ import annotations

import logging
from typing import final

import discord
from discord.ext import commands

from bot.chat.clips.pictures import Pictures
from bot.chat.clips.replies import handle_reply
from bot.chat.transport.error_handler import reply_with_error
from bot.errors import StorageError
from bot.jobs.service import JobService

_log = logging.getLogger(__name__)


@final
class ListenersCog(commands.Cog):
    """Listens to messages and reactions."""

    def __init__(self, jobs: JobService, pictures: Pictures) -> None:
        self._jobs = jobs
        self._pictures = pictures

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Remix a clip by a reply to it."""
        try:
            await handle_reply(self._jobs, self._pictures, message)
        except Exception as error:  # noqa: BLE001 - every error is answered
            await reply_with_error(message, error)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Count a reaction."""
        await self._react(event.message_id, 1)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Subtract a reaction."""
        await self._react(event.message_id, -1)

    @commands.Cog.listener()
    async def on_raw_reaction_clear(self, event: discord.RawReactionClearEvent) -> None:
        """Forget all reactions to a message."""
        try:
            await self._jobs.library.forget_reactions(event.message_id)
        except StorageError as error:
            _log.warning("reactions to %d not forgotten: %s", event.message_id, error)

    async def _react(self, message_id: int, by: int) -> None:
        try:
            await self._jobs.library.react(message_id, by)
        except StorageError as error:
            # The gallery then sorts by a number that is off by one, which is harmless.
            _log.warning("reaction to %d not counted: %s", message_id, error)
