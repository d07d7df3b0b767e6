"""Where an interaction came from, who used it, and whether a clip may be posted there."""

from __future__ import annotations

import discord

from bot.chat import text
from bot.errors import MissingPermissionError
from bot.jobs.service import Viewer
from bot.model import Place

#: What posting a clip takes. History is how a clip is found again after a crash, so that it is
#: never posted twice.
_NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}


def place_of(interaction: discord.Interaction) -> Place:
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
    )


def viewer_of(interaction: discord.Interaction) -> Viewer:
    """Return who used the interaction; a moderator is whoever may manage the server."""
    in_guild = interaction.guild_id is not None
    return Viewer(
        user_id=interaction.user.id,
        guild_id=interaction.guild_id,
        is_moderator=in_guild and interaction.permissions.manage_guild,
    )


def _check_permissions(granted: discord.Permissions, channel: object) -> None:
    needed = dict(_NEEDED)
    if isinstance(channel, discord.Thread):
        # Send Messages has no effect in threads (Discord's documentation, 2026-08).
        del needed["send_messages"]
        needed["send_messages_in_threads"] = "Send Messages in Threads"
        if channel.locked and not granted.manage_threads:
            needed["manage_threads"] = "Manage Threads (this thread is locked)"
    missing = [words for name, words in needed.items() if not getattr(granted, name)]
    if missing:
        raise MissingPermissionError(text.missing_permissions(missing))
