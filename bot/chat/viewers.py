"""Who asks, and what they can read at this moment; all from the cache, no request is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import discord

from bot.model import Viewer


def viewer_of(interaction: discord.Interaction[Any]) -> Viewer:
    """Return who used the interaction; a moderator is whoever may manage the server.

    Without the rooms that they can read: `reader_of` knows those.
    """
    in_guild = interaction.guild_id is not None
    return Viewer(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        is_moderator=in_guild and interaction.permissions.manage_guild,
        channel_ids=_current_channel_ids(interaction.channel),
        role_ids=_roles(interaction.user),
    )


def reader_of(interaction: discord.Interaction[Any]) -> Viewer:
    """Return who used the interaction, with the rooms that they can read.

    Looks at the permissions of every channel: for whatever shows or uses clips.
    """
    rooms = _readable_channel_ids(interaction.guild, interaction.user, interaction.channel)
    return replace(viewer_of(interaction), readable_channel_ids=rooms)


def author_of(message: discord.Message) -> Viewer:
    """Return who wrote a message, as `reader_of` does."""
    guild, author = message.guild, message.author
    is_keeper = isinstance(author, discord.Member) and author.guild_permissions.manage_guild
    return Viewer(
        user_id=author.id,
        guild_id=None if guild is None else guild.id,
        is_moderator=is_keeper,
        channel_ids=_current_channel_ids(message.channel),
        readable_channel_ids=_readable_channel_ids(guild, author, message.channel),
        role_ids=_roles(author),
    )


def _current_channel_ids(channel: object) -> frozenset[int]:
    if isinstance(channel, discord.Thread):
        return frozenset({channel.id, channel.parent_id})
    return frozenset({channel.id}) if isinstance(channel, discord.abc.Snowflake) else frozenset()


def _readable_channel_ids(
    guild: discord.Guild | None, user: discord.User | discord.Member, here: object
) -> frozenset[int]:
    """Return the channels and private threads that a member can read now."""
    if guild is None or not isinstance(user, discord.Member):
        return frozenset()
    granted = {each.id: each.permissions_for(user) for each in guild.channels}
    rooms = {access_channel_id for access_channel_id, each in granted.items() if _can_read(each)}
    # Whoever writes in a private thread is in it.
    rooms |= {here.id} if isinstance(here, discord.Thread) and here.is_private() else set()
    keeps = {
        access_channel_id
        for access_channel_id in rooms
        if access_channel_id in granted and granted[access_channel_id].manage_threads
    }
    return frozenset(
        rooms.union(
            thread.id
            for thread in guild.threads
            if thread.is_private() and thread.parent_id in keeps
        )
    )


def _roles(user: discord.User | discord.Member) -> frozenset[int]:
    return frozenset(role.id for role in getattr(user, "roles", ()))


def _can_read(granted: discord.Permissions) -> bool:
    return granted.view_channel and granted.read_message_history
