"""`/sora-mod block`, `unblock`, `blocks`, `audit`: who may not make clips, and who changed what."""

from __future__ import annotations

from typing import final

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import mod_text
from bot.chat.mod_text import tell
from bot.chat.viewers import viewer_of
from bot.errors import BadOptionError
from bot.jobs.service import JobService
from bot.model import Viewer
from bot.server import Block


@final
class ModOrder(commands.Cog):
    """Blocks members, and shows the trail of changes. The keeper checks who calls."""

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
        mod_text.check_human(user, "user")
        if user.id == by.user_id:
            raise BadOptionError("user", "you can't block yourself.")
        length = mod_text.stretch(lasting)
        block = await self._jobs.keeper.block(by, user.id, length, reason)
        await tell(interaction, mod_text.blocked(block, before))

    @app_commands.command()
    @app_commands.describe(user="Who may make clips here again")
    async def unblock(self, interaction: discord.Interaction, user: discord.User) -> None:
        """Let a blocked member make clips again"""
        by = viewer_of(interaction)
        before = await self._block_of(by, user.id)
        await self._jobs.keeper.unblock(by, user.id)
        await tell(interaction, mod_text.unblocked(user.id, before))

    @app_commands.command()
    async def blocks(self, interaction: discord.Interaction) -> None:
        """Show who is blocked here, until when and why"""
        await tell(
            interaction, *await mod_text.blocks_page(self._jobs.keeper, viewer_of(interaction))
        )

    @app_commands.command()
    @app_commands.describe(user="Only changes by or about this member")
    async def audit(
        self, interaction: discord.Interaction, user: discord.User | None = None
    ) -> None:
        """Show who changed what here, latest first"""
        user_id = None if user is None else user.id
        page = await mod_text.audit_page(self._jobs.keeper, viewer_of(interaction), user_id)
        await tell(interaction, *page)

    async def _block_of(self, by: Viewer, user_id: int) -> Block | None:
        blocks = await self._jobs.keeper.blocks(by)
        return next((each for each in blocks if each.user_id == user_id), None)
