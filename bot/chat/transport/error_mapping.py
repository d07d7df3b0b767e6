"""What Discord's errors mean for a delivery."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import aiohttp
import discord

from bot.chat.transport.error_codes import ErrorCode
from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError

_ResultT = TypeVar("_ResultT")
#: What discord.py raises when Discord rejects a request, or can't be reached.
REQUEST_ERRORS = (discord.HTTPException, aiohttp.ClientError, TimeoutError, OSError)


@contextmanager
def map_discord_errors() -> Generator[None]:
    """Turn what discord.py raises into the errors that the engine decides by."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status == 413 or error.code == ErrorCode.REQUEST_TOO_LARGE:
            raise ClipTooLargeError(str(error)) from error
        if error.status == 429 or error.status >= 500 or error.status == 401:
            is_unknown = error.status >= 500
            raise DeliveryTroubleError(str(error), is_unknown=is_unknown) from error
        raise PlaceClosedError(str(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError, discord.RateLimited) as error:
        # Nothing was sent if no connection came about, or if discord.py held the request back.
        is_unknown = not isinstance(error, aiohttp.ClientConnectorError | discord.RateLimited)
        trouble = f"{type(error).__name__}: {error}"
        raise DeliveryTroubleError(trouble, is_unknown=is_unknown) from error


def delivery_error(error: PlaceClosedError | ClipTooLargeError) -> Exception:
    """Return `error` if Discord itself said that nothing was posted, else a DeliveryTroubleError.

    An error page of the proxy in front of Discord has no code and proves nothing about the message.
    """
    if isinstance(error, ClipTooLargeError) or discord_code(error) != ErrorCode.NONE:
        return error
    return DeliveryTroubleError(str(error))


def discord_code(error: PlaceClosedError) -> int | None:
    """Return Discord's code for the error; 0 if it sent none, None if Discord sent no error."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else None


async def retry_unarchived(
    client: discord.Client, channel_id: int, act: Callable[[], Awaitable[_ResultT]]
) -> _ResultT:
    """Await `act`; if it fails because its thread is archived, reopen the thread and try once more.

    Raises what discord.py raises.
    """
    try:
        return await act()
    except discord.HTTPException as error:
        if error.code != ErrorCode.THREAD_ARCHIVED:
            raise
    thread = await client.fetch_channel(channel_id)
    if isinstance(thread, discord.Thread):
        await thread.edit(archived=False)
    return await act()
