"""Puts the commands of all cogs under `/sora`."""

from __future__ import annotations

from collections.abc import Iterable

from discord import app_commands
from discord.ext import commands


async def install(client: commands.Bot, cogs: Iterable[commands.Cog]) -> None:
    """Add the cogs' commands to the client's tree as subcommands of `/sora`.

    One group over several cogs keeps each file to one subject; Discord sets permissions on the
    group as a whole.
    """
    sora = app_commands.Group(name="sora", description="Make short AI video clips")
    for cog in cogs:
        for command in cog.get_app_commands():
            sora.add_command(command)
    client.tree.add_command(sora)
