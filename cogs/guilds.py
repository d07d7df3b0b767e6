"""Leaves the guilds that the operator does not allow."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import final

import discord
from discord.ext import commands

_log = logging.getLogger(__name__)
_GOODBYE = (
    "Whoever runs me has not opened me for this server, so I leave. You can ask them to add it, or "
    "run a bot of your own."
)


@final
class GuildsCog(commands.Cog):
    """Leaves each guild that is not allowed, with a goodbye in its system channel.

    allowed  the ids of the only guilds where the bot stays; empty: all.
    """

    def __init__(self, client: commands.Bot, allowed: Collection[int]) -> None:
        self._client = client
        self._allowed = frozenset(allowed)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Look at all guilds; some may have been joined while the bot was away."""
        for guild in self._client.guilds:
            await self._leave_unless_allowed(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Look at a guild that somebody added the bot to."""
        await self._leave_unless_allowed(guild)

    async def _leave_unless_allowed(self, guild: discord.Guild) -> None:
        if not self._allowed or guild.id in self._allowed:
            return
        _log.warning("leaving guild %d: it is not in ALLOWED_GUILD_IDS", guild.id)
        channel = guild.system_channel
        try:
            if channel is not None and channel.permissions_for(guild.me).send_messages:
                await channel.send(_GOODBYE)
        except discord.HTTPException as error:
            _log.info("no goodbye in guild %d: %s", guild.id, error)
        try:
            await guild.leave()
        except discord.HTTPException as error:
            _log.warning("can't leave guild %d, at the next start again: %s", guild.id, error)
