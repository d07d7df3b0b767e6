"""Who uses an interaction, what they can read now, and the service that answers them.

Everything comes from discord.py's cache; no request is made.
"""

from dataclasses import replace
from typing import Any

import discord

from bot.jobs.service import JobService
from bot.model import Viewer


def job_service_of(interaction: discord.Interaction[Any]) -> JobService:
    """Return the service that the interaction's client carries."""
    service = getattr(interaction.client, "jobs", None)
    if not isinstance(service, JobService):
        raise TypeError("the client carries no job service")
    return service


def viewer_of(interaction: discord.Interaction[Any]) -> Viewer:
    """Return who used the interaction; members with Manage Server are moderators.

    `readable_channel_ids` stays empty: see `reader_of`.
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
    """Return who used the interaction, with the channels that they can read.

    For what shows or uses clips: it looks at the permissions of every channel.
    """
    readable = _readable_channel_ids(interaction.guild, interaction.user, interaction.channel)
    return replace(viewer_of(interaction), readable_channel_ids=readable)


def author_of(message: discord.Message) -> Viewer:
    """Return who wrote a message, as `reader_of` does."""
    guild, author = message.guild, message.author
    is_moderator = isinstance(author, discord.Member) and author.guild_permissions.manage_guild
    return Viewer(
        user_id=author.id,
        guild_id=None if guild is None else guild.id,
        is_moderator=is_moderator,
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
    readable = {channel_id for channel_id, each in granted.items() if _can_read(each)}
    managed = {channel_id for channel_id in readable if granted[channel_id].manage_threads}
    # A member who writes in a private thread is in it.
    readable |= {here.id} if isinstance(here, discord.Thread) and here.is_private() else set()
    threads = (each for each in guild.threads if each.is_private() and each.parent_id in managed)
    return frozenset(readable.union(each.id for each in threads))


def _roles(user: discord.User | discord.Member) -> frozenset[int]:
    return frozenset(role.id for role in getattr(user, "roles", ()))


def _can_read(granted: discord.Permissions) -> bool:
    return granted.view_channel and granted.read_message_history
