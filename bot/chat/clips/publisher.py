"""Carries cards and clips into Discord, with the bot's own token: an interaction's dies too soon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import discord

from bot.chat.clip_post import build_clip_view
from bot.chat.clips.clip_message import file_name
from bot.chat.clips.clip_text import clip_message_text, mirror_message_text, request_text
from bot.chat.clips.status_embeds import build_card_message
from bot.chat.text import jump_url
from bot.chat.transport.error_mapping import (
    check_history_readable,
    clip_nonce,
    delivery_error,
    direct_message_place,
    is_channel_deleted,
    retry_unarchived,
)
from bot.clock import Clock
from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError
from bot.jobs.ports import JobStatus, StatusCard
from bot.model import Job, Place

_log = logging.getLogger(__name__)
#: "Request entity too large".
_REQUEST_TOO_LARGE = 40005
#: "Thread is archived".
_THREAD_ARCHIVED = 50083
#: "A thread has already been created for this message".
_THREAD_EXISTS = 160004
#: How many messages are looked through for a clip whose answer was lost.
_FORWARD_LIMIT = 1000
_BACKWARD_LIMIT = 200
#: A client that logged in hears of its servers within seconds, unless the gateway is away.
_GATEWAY_TIMEOUT_S = 20.0
_READY_CHECK_S = 0.1
#: Clocks of two machines may differ by this much.
_CLOCK_SKEW = timedelta(minutes=10)
#: 2026-08: edits of older messages have a limit of their own, about three in twenty seconds.
_FREE_EDIT_AGE = timedelta(minutes=50)


class DiscordClipPublisher:
    """The `jobs.ports.ClipPublisher` over a discord.py client.

    client  returns the one to use now.
    """

    def __init__(self, client: Callable[[], discord.Client], clock: Clock) -> None:
        self._get_client = client
        self._clock = clock
        self._logged_in = asyncio.Event()

    @property
    def _client(self) -> discord.Client:
        return self._get_client()

    def resume(self) -> None:
        """Let deliveries begin; called when the client has logged in."""
        self._logged_in.set()

    def pause(self) -> None:
        """Let deliveries wait; called when the client is given up."""
        self._logged_in.clear()

    async def _wait_for_guilds(self) -> None:
        """Wait for what only the gateway tells: channels, roles and permissions.

        Without it every place looks private, and none can have a thread. Raises DeliveryTroubleError.
        """
        await self._logged_in.wait()
        try:
            async with asyncio.timeout(_GATEWAY_TIMEOUT_S):
                # Not on one client's word: another may have taken its place meanwhile.
                while not self._client.is_ready():  # noqa: ASYNC110 - no event outlives its client
                    await asyncio.sleep(_READY_CHECK_S)
        except TimeoutError as error:
            late = "Discord has not told of its servers yet"
            raise DeliveryTroubleError(late, is_unknown=False) from error

    async def show_card(self, card: StatusCard) -> None:
        message_id = card.request.card_message_id
        if message_id is None:
            return
        await self._logged_in.wait()
        sheet = build_card_message(card)
        message = self._channel(card.request.place.channel_id).get_partial_message(message_id)
        try:
            with map_discord_errors():
                # An edit without allowed_mentions is parsed with Discord's defaults.
                await message.edit(
                    embed=sheet.embed,
                    view=sheet.view,
                    allowed_mentions=discord.AllowedMentions.none(),
                )
        except PlaceClosedError:
            # Deleted, archived or locked away: the clip itself goes its own way.
            return

    async def post_clip(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus] = ()
    ) -> int:
        await self._logged_in.wait()
        if others and self._is_freely_editable(others):
            message_id = await self._append_to_message(status, path, others)
            if message_id is not None:
                return message_id
        job = status.job
        try:
            with map_discord_errors():
                message = await retry_unarchived(
                    self._client, job.place.channel_id, lambda: self._send(status, path)
                )
        except (PlaceClosedError, ClipTooLargeError) as error:
            raise delivery_error(error) from error.__cause__
        return message.id

    async def _send(self, status: JobStatus, path: Path) -> discord.Message:
        job = status.job
        # By path: discord.py then streams it; bytes in memory cost the whole file per upload.
        return await self._channel(job.place.channel_id).send(
            clip_message_text([status]),
            file=_file(job, path),
            view=build_clip_view([status]),
            nonce=clip_nonce(job, is_moved=status.asked_in is not None),
            suppress_embeds=True,
            allowed_mentions=discord.AllowedMentions(
                everyone=False, roles=False, users=[discord.Object(job.user_id)]
            ),
        )

    async def _append_to_message(
        self, status: JobStatus, path: Path, others: Sequence[JobStatus]
    ) -> int | None:
        """Add a variant to the message of its siblings; None when it needs one of its own."""
        job, message_id = status.job, others[0].job.message_id or 0
        try:
            with map_discord_errors():
                place = self._channel(job.place.channel_id)
                message = await place.fetch_message(message_id)
                if any(each.filename == file_name(job) for each in message.attachments):
                    return message.id
                together = [*others, status]
                # Through a partial message: a whole one would send its flags, too, and embeds would
                # be shown again (discord.py 2.7.1).
                await place.get_partial_message(message_id).edit(
                    content=clip_message_text(together),
                    attachments=[*message.attachments, _file(job, path)],
                    view=build_clip_view(together),
                    allowed_mentions=discord.AllowedMentions.none(),
                )
        except (PlaceClosedError, ClipTooLargeError) as error:
            # Deleted, full, or in an archived thread, where a message may be sent but not edited.
            if (trouble := delivery_error(error)) is not error:
                raise trouble from error.__cause__
            _log.info("a message of its own: %s", error)
            return None
        return message.id

    def _is_freely_editable(self, others: Sequence[JobStatus]) -> bool:
        """Return whether the siblings' message may be edited freely: for an hour it may."""
        posted_at = discord.utils.snowflake_time(others[0].job.message_id or 0)
        return self._clock.now() - posted_at < _FREE_EDIT_AGE

    async def mirror_clip(
        self, status: JobStatus, path: Path, channel_id: int, *, may_be_posted: bool
    ) -> int | None:
        await self._wait_for_guilds()
        job = status.job
        if not self._is_public(job):
            return None
        if may_be_posted and (found := await self._find_clip_message(job, channel_id)) is not None:
            return found
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Go to the clip", url=jump_url(job)))
        with map_discord_errors():
            message = await self._channel(channel_id).send(
                mirror_message_text(status),
                file=_file(job, path),
                view=view,
                nonce=f"sora-{job.id}-m",
                suppress_embeds=True,
                allowed_mentions=discord.AllowedMentions.none(),
            )
        return message.id

    def _is_public(self, job: Job) -> bool:
        """Return whether everybody in the server may read where the clip was posted."""
        guild = self._client.get_guild(job.place.guild_id or 0)
        room = None if guild is None else guild.get_channel(job.place.access_channel_id)
        if guild is None or room is None:
            return False
        granted = room.permissions_for(guild.default_role)
        return granted.view_channel and granted.read_message_history

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        await self._wait_for_guilds()
        channel = self._client.get_channel(job.place.channel_id)
        if not isinstance(channel, discord.TextChannel):
            return None
        card = channel.get_partial_message(card_message_id)
        try:
            with map_discord_errors():
                # No words of the prompt: nobody can take them out again when the clip is deleted.
                await card.create_thread(name=f"Clip {job.id}")
        except PlaceClosedError as error:
            cause = error.__cause__
            if not isinstance(cause, discord.HTTPException) or cause.code != _THREAD_EXISTS:
                _log.info("no thread for %s: %s", job.id, error)
                return None
        # A message's thread has the message's id.
        return replace(job.place, channel_id=card_message_id, thread_of=job.place.channel_id)

    async def notify(self, channel_id: int, words: str, *, key: str) -> None:
        await self._logged_in.wait()
        with map_discord_errors():
            await self._channel(channel_id).send(
                words, nonce=key, allowed_mentions=discord.AllowedMentions.none()
            )

    async def remove_clip(self, job: Job, remaining: Sequence[JobStatus]) -> None:
        if not remaining:
            await self.remove_message(job.place.channel_id, job.message_id or 0)
            return
        await self._logged_in.wait()

        async def take_out() -> None:
            channel = self._channel(job.place.channel_id)
            message = await channel.fetch_message(job.message_id or 0)
            await channel.get_partial_message(message.id).edit(
                content=clip_message_text(remaining),
                attachments=[e for e in message.attachments if e.filename != file_name(job)],
                view=build_clip_view(remaining),
                allowed_mentions=discord.AllowedMentions.none(),
            )

        await self._remove_in_channel(job.place.channel_id, take_out)

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        await self._logged_in.wait()
        try:
            found = await self._find_clip_message(job, channel_id)
        except PlaceClosedError as error:
            _log.info("no place to look for a copy: %s", error)
            return
        if found is not None:
            await self.remove_message(channel_id, found)

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        await self._logged_in.wait()
        message = self._channel(channel_id).get_partial_message(message_id)
        await self._remove_in_channel(channel_id, message.delete)

    async def _remove_in_channel(self, channel_id: int, act: Callable[[], Awaitable[None]]) -> None:
        """Do what removes something; in an archived thread after opening it again."""
        try:
            try:
                with map_discord_errors():
                    await act()
            except PlaceClosedError as error:
                cause = error.__cause__
                if not isinstance(cause, discord.HTTPException) or cause.code != _THREAD_ARCHIVED:
                    raise
                with map_discord_errors():
                    thread = await self._client.fetch_channel(channel_id)
                    if isinstance(thread, discord.Thread):
                        await thread.edit(archived=False)
                    await act()
        except PlaceClosedError as error:
            _log.info("nothing to remove, or no way to: %s", error)

    async def find_clip(self, job: Job) -> int | None:
        await self._wait_for_guilds()
        check_history_readable(self._client, job.place)
        try:
            return await self._find_clip_message(job, job.place.channel_id)
        except PlaceClosedError as error:
            if is_channel_deleted(error):
                return None
            raise

    async def direct_messages(self, job: Job) -> Place | None:
        await self._logged_in.wait()
        try:
            with map_discord_errors():
                return await direct_message_place(self._client, job.user_id)
        except PlaceClosedError as error:
            _log.info("no direct messages: %s", error)
            return None

    async def _find_clip_message(self, job: Job, channel_id: int) -> int | None:
        """Look for a job's clip from the first try on, then from the end of the channel backwards.

        The second look is for a clock that was ahead at the first try: the interaction's id is a
        time of Discord's own, whatever ours said.
        """
        asked = discord.Object(job.request_id)
        after, channel = _search_start(job), self._channel(channel_id)
        with map_discord_errors():
            found = await self._first_with_clip(
                job, channel.history(limit=_FORWARD_LIMIT, after=after, oldest_first=True)
            )
            if found is None and after.id > asked.id:
                found = await self._first_with_clip(
                    job, channel.history(limit=_BACKWARD_LIMIT, after=asked, oldest_first=False)
                )
        return found

    async def _first_with_clip(
        self, job: Job, messages: AsyncIterator[discord.Message]
    ) -> int | None:
        me = self._client.user
        async for message in messages:
            if me is None or message.author.id != me.id:
                continue
            if any(each.filename == file_name(job) for each in message.attachments):
                return message.id
        return None

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id)


def _search_start(job: Job) -> discord.Object:
    """Return the point in Discord's time after which the job's clip must have been posted.

    The interaction's id is one whatever the clocks say; the first try to post is a later one.
    """
    tried = 0
    if job.posting_at is not None:
        tried = discord.utils.time_snowflake(job.posting_at - _CLOCK_SKEW)
    return discord.Object(max(job.request_id, tried))


def _file(job: Job, path: Path) -> discord.File:
    return discord.File(path, filename=file_name(job), description=request_text(job)[:1000])


@contextmanager
def map_discord_errors() -> Generator[None]:
    """Turn what discord.py raises into what the engine decides by."""
    try:
        yield
    except discord.HTTPException as error:
        if error.status == 413 or error.code == _REQUEST_TOO_LARGE:
            raise ClipTooLargeError(str(error)) from error
        if error.status == 429 or error.status >= 500 or error.status == 401:
            is_unknown = error.status >= 500
            raise DeliveryTroubleError(str(error), is_unknown=is_unknown) from error
        raise PlaceClosedError(str(error)) from error
    except (aiohttp.ClientError, TimeoutError, OSError, discord.RateLimited) as error:
        # Where no connection came about, or we held back ourselves, nothing was sent.
        is_unknown = not isinstance(error, aiohttp.ClientConnectorError | discord.RateLimited)
        trouble = f"{type(error).__name__}: {error}"
        raise DeliveryTroubleError(trouble, is_unknown=is_unknown) from error
