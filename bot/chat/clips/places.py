"""Where a command, button or reply came from, and whether a clip may be posted there."""

from __future__ import annotations

from typing import Any

import discord

from bot.chat import text
from bot.errors import MissingPermissionError
from bot.model import Place

#: Largest upload in direct messages, where no server's boosts count (2026-09-03: Discord's reference
#: page raised it from 10 MiB).
DIRECT_LIMIT_BYTES = 20 * 1024 * 1024

#: What posting a clip takes. History is how a clip is found again after a crash, so that it is
#: never posted twice.
_NEEDED_PERMISSIONS = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}


def place_of(interaction: discord.Interaction[Any]) -> Place:
    """Return where the interaction was used, once it is sure that a clip may be posted there.

    Raises MissingPermissionError naming what is missing.
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
    """Return where a message was written, once it is sure that a clip may be posted there.

    upload_limit_bytes  messages do not say what Discord takes there; interactions did.
    Raises MissingPermissionError naming what is missing.
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
    """Return if clips may be posted in `channel`. Raises MissingPermissionError."""
    _check_permissions(channel.permissions_for(channel.guild.me), channel)


def _thread_of(channel: object) -> int | None:
    """Return the channel whose readers read along: a public thread's parent."""
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
