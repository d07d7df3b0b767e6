"""What Discord's refusals of a post mean, and the last place to post in: the member's own messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.chat.clips.places import DIRECT_LIMIT_BYTES
from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError
from bot.model import Job, Place

_ResultT = TypeVar("_ResultT")

#: "Unknown Channel": whatever was posted there went with it.
_UNKNOWN_CHANNEL = 10003
#: "Thread is archived".
_THREAD_ARCHIVED = 50083
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
#: 2026-08: a nonce has at most so many characters.
_MAX_NONCE_CHARS = 25


def is_channel_deleted(error: PlaceClosedError) -> bool:
    """Return whether a place was deleted with all that was in it."""
    return _discord_code(error) == _UNKNOWN_CHANNEL


def delivery_error(error: PlaceClosedError | ClipTooLargeError) -> Exception:
    """Return `error` if Discord itself said that nothing was posted, else a DeliveryTroubleError.

    A page of the proxy in front of Discord has no code, and says nothing about the message.
    """
    if isinstance(error, ClipTooLargeError) or _discord_code(error) != 0:
        return error
    return DeliveryTroubleError(str(error))


async def retry_unarchived(
    client: discord.Client, channel_id: int, act: Callable[[], Awaitable[_ResultT]]
) -> _ResultT:
    """Do what posts in a channel; in an archived thread that refuses it, once more after opening it.

    Raises what discord.py raises.
    """
    try:
        return await act()
    except discord.HTTPException as error:
        if error.code != _THREAD_ARCHIVED:
            raise
    thread = await client.fetch_channel(channel_id)
    if isinstance(thread, discord.Thread):
        await thread.edit(archived=False)
    return await act()


def check_history_readable(client: discord.Client, place: Place) -> None:
    """Return unless it is known that the bot can't read what was posted at `place`.

    Without the permission Discord shows an empty channel (its documentation, 2026-08), which would
    be taken for one where nothing was posted. Raises PlaceClosedError.
    """
    room = client.get_channel(place.access_channel_id)
    if room is None or isinstance(room, discord.abc.PrivateChannel):
        return
    try:
        granted = room.permissions_for(room.guild.me)
    except discord.ClientException:  # a thread whose channel is not known
        return
    if not granted.read_message_history:
        raise PlaceClosedError(f"no Read Message History in {place.access_channel_id}")


async def direct_message_place(client: discord.Client, user_id: int) -> Place:
    """Return the direct messages with a member as a place. Raises what discord.py raises."""
    channel = await client.create_dm(discord.Object(user_id))
    return Place(guild_id=None, channel_id=channel.id, upload_limit_bytes=DIRECT_LIMIT_BYTES)


def clip_nonce(job: Job, *, is_moved: bool) -> str:
    """Return what holds off a second message with a job's clip at its place.

    is_moved  it is not the place where the clip was asked for: that one has a nonce of its own.
    """
    first = f"sora-{job.id}"
    if not is_moved:
        return first
    # From the end: that is where the ids of two channels differ.
    tail = _base36(job.place.channel_id)
    return f"{first}-{tail[-(_MAX_NONCE_CHARS - len(first) - 1) :]}"


def _base36(number: int) -> str:
    """Return a number in as few letters and digits as can be."""
    signs = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        signs = _DIGITS[digit] + signs
    return signs


def _discord_code(error: PlaceClosedError) -> int | None:
    """Return Discord's own code of a refusal; 0 where it gave none, None for one of ours."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else None
