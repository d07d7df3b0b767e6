"""Adds the commands of all cogs to the groups `/sora` and `/sora-mod`."""

from __future__ import annotations

from collections.abc import Iterable

import discord
from discord import app_commands
from discord.ext import commands


async def install_cogs(
    client: commands.Bot, cogs: Iterable[commands.Cog], moderator_cogs: Iterable[commands.Cog]
) -> None:
    """Add the cogs' commands, menus and listeners to the client.

    cogs            their commands become subcommands of `/sora`.
    moderator_cogs  their commands become subcommands of `/sora-mod`: Discord sets permissions only
                    for a whole group.
    """
    sora = app_commands.Group(name="sora", description="Make short AI video clips")
    for cog in cogs:
        _add_cog(client, cog, sora)
    client.tree.add_command(sora)
    moderation = app_commands.Group(
        name="sora-mod",
        description="Keep order",
        default_permissions=discord.Permissions(manage_guild=True),
        allowed_contexts=app_commands.AppCommandContext(guild=True),
    )
    for cog in moderator_cogs:
        _add_cog(client, cog, moderation)
    client.tree.add_command(moderation)


def _add_cog(client: commands.Bot, cog: commands.Cog, group: app_commands.Group) -> None:
    for command in cog.get_app_commands():
        group.add_command(command)
    for menu in getattr(cog, "menus", ()):
        client.tree.add_command(menu)
    for name, listener in cog.get_listeners():
        client.add_listener(listener, name)
