"""`/sora-mod block`, `unblock`, `blocks`, `audit`."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.embed_message import respond_ephemerally
from bot.chat.moderation import moderation_text
from bot.chat.moderation.audit import build_audit_page, build_blocks_page
from bot.chat.moderation.quota_options import check_human, parse_duration
from bot.chat.viewers import viewer_of
from bot.errors import BadOptionError
from bot.guild import Block
from bot.jobs.service import JobService
from bot.model import Viewer


@final
class ModBlocksCog(commands.Cog):
    """Blocks members and shows the audit log. The moderation service checks the caller."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app_commands.command()
    @app_commands.describe(
        user="Who can't make clips here any more",
        lasting="How long: 30min, 2h, 3d, 1w; leave it out for until it is lifted",
        reason="Why; they read it when they try",
    )
    async def block(
        self,
        interaction: discord.Interaction,
        user: discord.User,
        lasting: str | None = None,
        reason: app_commands.Range[str, 1, 300] | None = None,
    ) -> None:
        """Keep a member from making clips here"""
        by = viewer_of(interaction)
        before = await self._block_of(by, user.id)
        check_human(user, "user")
        if user.id == by.user_id:
            raise BadOptionError("user", "you can't block yourself.")
        length = parse_duration(lasting)
        block = await self._jobs.moderation.block(by, user.id, length, reason)
        await respond_ephemerally(interaction, moderation_text.blocked(block, before))

    @app_commands.command()
    @app_commands.describe(user="Who may make clips here again")
    async def unblock(self, interaction: discord.Interaction, user: discord.User) -> None:
        """Let a blocked member make clips again"""
        by = viewer_of(interaction)
        before = await self._block_of(by, user.id)
        await self._jobs.moderation.unblock(by, user.id)
        await respond_ephemerally(interaction, moderation_text.unblocked(user.id, before))

    @app_commands.command()
    async def blocks(self, interaction: discord.Interaction) -> None:
        """Show who is blocked here, until when and why"""
        page = await build_blocks_page(self._jobs.moderation, viewer_of(interaction))
        await respond_ephemerally(interaction, *page)

    @app_commands.command()
    @app_commands.describe(user="Only changes by or about this member")
    async def audit(
        self, interaction: discord.Interaction, user: discord.User | None = None
    ) -> None:
        """Show who changed what here, latest first"""
        user_id = None if user is None else user.id
        page = await build_audit_page(self._jobs.moderation, viewer_of(interaction), user_id)
        await respond_ephemerally(interaction, *page)

    async def _block_of(self, by: Viewer, user_id: int) -> Block | None:
        blocks = await self._jobs.moderation.blocks(by)
        return next((each for each in blocks if each.user_id == user_id), None)
