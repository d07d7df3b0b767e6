"""Who asks, and what they can read at this moment; all from the cache, no request is made."""

from __future__ import annotations

from typing import Any

import discord

from bot.model import Viewer


def viewer_of(interaction: discord.Interaction[Any]) -> Viewer:
    """Return who used the interaction; a moderator is whoever may manage the server."""
    in_guild = interaction.guild_id is not None
    return Viewer(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        is_moderator=in_guild and interaction.permissions.manage_guild,
        rooms=_rooms(interaction.guild, interaction.user, interaction.channel),
        role_ids=_roles(interaction.user),
    )


def author_of(message: discord.Message) -> Viewer:
    """Return who wrote a message, as `viewer_of` does."""
    guild, author = message.guild, message.author
    is_keeper = isinstance(author, discord.Member) and author.guild_permissions.manage_guild
    return Viewer(
        user_id=author.id,
        guild_id=None if guild is None else guild.id,
        is_moderator=is_keeper,
        rooms=_rooms(guild, author, message.channel),
        role_ids=_roles(author),
    )


def _rooms(
    guild: discord.Guild | None, user: discord.User | discord.Member, here: object
) -> frozenset[int]:
    """Return the channels and private threads that a member can read now."""
    if guild is None or not isinstance(user, discord.Member):
        return frozenset()
    rooms = {each.id for each in guild.channels if _reads(each.permissions_for(user))}
    # Whoever writes in a private thread is in it.
    rooms |= {here.id} if isinstance(here, discord.Thread) and here.is_private() else set()
    for thread in guild.threads:
        if thread.is_private() and thread.permissions_for(user).manage_threads:
            rooms.add(thread.id)
    return frozenset(rooms)


def _roles(user: discord.User | discord.Member) -> frozenset[int]:
    return frozenset(role.id for role in getattr(user, "roles", ()))


def _reads(granted: discord.Permissions) -> bool:
    return granted.view_channel and granted.read_message_history
