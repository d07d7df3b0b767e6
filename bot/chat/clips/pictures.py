"""Reference images that members attach to a command."""

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

    folder  created when first needed; the image of an accepted request stays in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check_declared(self, image: discord.Attachment) -> None:
        """Raise BadOptionError unless the declared type and size are allowed; no I/O."""
        check_upload_metadata(image.content_type, image.size)

    @asynccontextmanager
    async def fetched(self, image: discord.Attachment, request_id: int) -> AsyncGenerator[Path]:
        """Download and check the image; it is deleted if the block inside raises.

        It is fetched at once because its link expires.
        Raises BadOptionError when it can't be fetched or is not an allowed image.
        """
        path = self._folder / f"{request_id}.part"
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        try:
            await _save(image, path)
            path = await check_picture(path)
            yield path
        except BaseException:  # the image of a refused request is deleted
            await asyncio.to_thread(path.unlink, missing_ok=True)
            raise


async def _save(image: discord.Attachment, path: Path) -> None:
    try:
        async with asyncio.timeout(60):
            await image.save(path)
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
        problem = "I could not fetch it from Discord."
        raise BadOptionError("image", problem, "Try again.") from error
