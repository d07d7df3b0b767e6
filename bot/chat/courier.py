"""Carries cards and clips into Discord, with the bot's own token: an interaction's dies too soon."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import discord

from bot.chat import text
from bot.chat.cards import card_sheet
from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError
from bot.jobs.ports import Card, JobStatus
from bot.model import Job

#: "Request entity too large".
_TOO_LARGE = 40005
#: How many messages are looked through for a clip whose answer was lost.
_HISTORY = 1000
#: Clocks of two machines may differ by this much.
_SKEW = timedelta(minutes=10)


class DiscordCourier:
    """The `jobs.ports.Courier` over a discord.py client."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._ready = asyncio.Event()

    def open(self) -> None:
        """Let deliveries begin; called when the client has logged in."""
        self._ready.set()

    async def show_card(self, card: Card) -> None:
        message_id = card.request.card_message_id
        if message_id is None:
            return
        await self._ready.wait()
        sheet = card_sheet(card)
        message = self._channel(card.request.place.channel_id).get_partial_message(message_id)
        try:
            with _mapped():
                # An edit without allowed_mentions is parsed with Discord's defaults.
                await message.edit(
                    embed=sheet.embed,
                    view=sheet.view,
                    allowed_mentions=discord.AllowedMentions.none(),
                )
        except PlaceClosedError:
            # Deleted, archived or locked away: the clip itself goes its own way.
            return

    async def post_clip(self, status: JobStatus, path: Path) -> int:
        await self._ready.wait()
        job = status.job
        prompt = job.order.prompt
        # By path: discord.py then streams it; bytes in memory cost the whole file per upload.
        with _mapped():
            message = await self._channel(job.place.channel_id).send(
                text.clip_message(status),
                file=discord.File(path, filename=_file_name(job), description=prompt[:1000]),
                nonce=f"sora-{job.id}",
                suppress_embeds=True,
                allowed_mentions=discord.AllowedMentions(
                    everyone=False, roles=False, users=[discord.Object(job.user_id)]
                ),
            )
        return message.id

    async def find_clip(self, job: Job) -> int | None:
        await self._ready.wait()
        me = self._client.user
        channel = self._channel(job.place.channel_id)
        with _mapped():
            async for message in channel.history(
                limit=_HISTORY, after=_earliest(job), oldest_first=True
            ):
                if me is None or message.author.id != me.id:
                    continue
                if any(each.filename == _file_name(job) for each in message.attachments):
                    return message.id
        return None

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id)


def _earliest(job: Job) -> discord.Object:
    """Return the point in Discord's time after which the job's clip must have been posted.

    The interaction's id is one whatever the clocks say; the first try to post is a later one.
    """
    tried = 0
    if job.posting_at is not None:
        tried = discord.utils.time_snowflake(job.posting_at - _SKEW)
    return discord.Object(max(job.request_id, tried))


def _file_name(job: Job) -> str:
    # The ending decides whether Discord plays it; the id is how a clip is found again.
    return f"sora-{job.id}.mp4"


@contextmanager
def _mapped() -> Generator[None]:
    """Turn what discord.py raises into what the engine decides by."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status == 413 or error.code == _TOO_LARGE:
            raise ClipTooLargeError(str(error)) from error
        if error.status == 429 or error.status >= 500 or error.status == 401:
            raise DeliveryTroubleError(str(error)) from error
        raise PlaceClosedError(str(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError, discord.RateLimited) as error:
        raise DeliveryTroubleError(f"{type(error).__name__}: {error}") from error
