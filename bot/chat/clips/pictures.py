"""Pictures that members attach to a command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import discord

from bot.errors import BadOptionError
from bot.media.reference_picture import check_picture, check_upload_metadata


class Pictures:
    """Fetches attachments into a folder of this machine.

    folder  made when first needed; the picture of an accepted request stays there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check_declared(self, image: discord.Attachment) -> None:
        """Return if what the attachment says of itself is allowed; no I/O.

        Raises BadOptionError naming the field and what is allowed.
        """
        check_upload_metadata(image.content_type, image.size)

    @asynccontextmanager
    async def fetched(self, image: discord.Attachment, request_id: int) -> AsyncGenerator[Path]:
        """Hold the checked picture on disk; it goes again when the block inside raises.

        Its link expires, so it is fetched at once.
        Raises BadOptionError when it can't be fetched or is not an allowed picture.
        """
        path = self._folder / f"{request_id}.part"
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        try:
            await _save(image, path)
            path = await check_picture(path)
            yield path
        except BaseException:  # whatever it was, a refused picture has no business here
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise


async def _save(image: discord.Attachment, path: Path) -> None:
    try:
        async with asyncio.timeout(60):
            await image.save(path)
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
        problem = "I could not fetch it from Discord."
        raise BadOptionError("image", problem, "Try again.") from error
