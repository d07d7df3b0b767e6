"""Where a command, button or reply came from, and whether the bot can post and read there."""

from typing import Any

import discord

from bot.chat import text
from bot.errors import MissingPermissionError, PlaceClosedError
from bot.model import Place

#: Largest upload in direct messages, to which no guild's boosts apply (2026-09-03: Discord's
#: reference page raised it from 10 MiB).
_DIRECT_LIMIT_BYTES = 20 * 1024 * 1024

#: Permissions for posting a clip. After a crash the bot looks for the clip in the history, so that
#: it never posts a clip twice.
_NEEDED_PERMISSIONS = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}


def place_of(interaction: discord.Interaction[Any]) -> Place:
    """Return where the interaction was used.

    Raises MissingPermissionError, naming what is missing, unless the bot may post a clip there.
    """
    channel = interaction.channel
    if channel is None or interaction.channel_id is None:
        raise MissingPermissionError("I can't see where this came from. Try another channel.")
    if interaction.guild_id is not None:
        _check_permissions(interaction.app_permissions, channel)
    return Place(
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        upload_limit_bytes=interaction.filesize_limit,
        thread_of=_thread_of(channel),
    )


def place_of_message(message: discord.Message, upload_limit_bytes: int) -> Place:
    """Return where a message was written.

    upload_limit_bytes  a message doesn't tell the limit of its place, as an interaction does.
    Raises MissingPermissionError, naming what is missing, unless the bot may post a clip there.
    """
    guild, channel = message.guild, message.channel
    if guild is not None and not isinstance(channel, discord.DMChannel | discord.GroupChannel):
        _check_permissions(channel.permissions_for(guild.me), channel)
    return Place(
        guild_id=None if guild is None else guild.id,
        channel_id=channel.id,
        upload_limit_bytes=upload_limit_bytes,
        thread_of=_thread_of(channel),
    )


def check_can_post_clips(channel: discord.TextChannel) -> None:
    """Raise MissingPermissionError unless the bot may post clips in `channel`."""
    _check_permissions(channel.permissions_for(channel.guild.me), channel)


def check_history_readable(client: discord.Client, place: Place) -> None:
    """Raise PlaceClosedError if the bot is known to lack Read Message History at `place`.

    Without that permission Discord shows an empty channel (its documentation, 2026-08), which would
    look as if nothing had been posted.
    """
    channel = client.get_channel(place.access_channel_id)
    if channel is None or isinstance(channel, discord.abc.PrivateChannel):
        return
    try:
        granted = channel.permissions_for(channel.guild.me)
    except discord.ClientException:  # a thread whose parent channel is not in the cache
        return
    if not granted.read_message_history:
        raise PlaceClosedError(f"no Read Message History in {place.access_channel_id}")


async def direct_message_place(client: discord.Client, user_id: int) -> Place:
    """Return the direct messages with a member as a place. Raises what discord.py raises."""
    channel = await client.create_dm(discord.Object(user_id))
    return Place(guild_id=None, channel_id=channel.id, upload_limit_bytes=_DIRECT_LIMIT_BYTES)


def _thread_of(channel: object) -> int | None:
    """Return a public thread's parent, whose readers can read the thread; else None."""
    if isinstance(channel, discord.Thread) and not channel.is_private():
        return channel.parent_id
    return None


def _check_permissions(granted: discord.Permissions, channel: object) -> None:
    needed = dict(_NEEDED_PERMISSIONS)
    if isinstance(channel, discord.Thread):
        # Send Messages has no effect in threads (Discord's documentation, 2026-08).
        del needed["send_messages"]
        needed["send_messages_in_threads"] = "Send Messages in Threads"
        if channel.locked and not granted.manage_threads:
            needed["manage_threads"] = "Manage Threads (this thread is locked)"
    missing = [words for name, words in needed.items() if not getattr(granted, name)]
    if missing:
        raise MissingPermissionError(text.missing_permissions(missing))
