"""Posts cards and clips with the bot's own token, since an interaction's expires too soon."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import discord

from bot.chat.clips.clip_message import build_clip_view, clip_nonce, file_name
from bot.chat.clips.clip_text import clip_message_text, mirror_message_text, request_text
from bot.chat.clips.places import check_history_readable, direct_message_place
from bot.chat.clips.status_embeds import build_card_message
from bot.chat.text import jump_url
from bot.chat.transport.error_codes import ErrorCode
from bot.chat.transport.error_mapping import (
    delivery_error,
    discord_code,
    map_discord_errors,
    retry_unarchived,
)
from bot.clock import Clock
from bot.errors import ClipTooLargeError, DeliveryTroubleError, PlaceClosedError
from bot.jobs.ports import JobStatus, StatusCard
from bot.model import Job, Place

_log = logging.getLogger(__name__)
#: How many messages are searched for a clip that may have been posted.
_FORWARD_LIMIT = 1000
_BACKWARD_LIMIT = 200
#: A client that logged in learns its guilds within seconds, unless the gateway is down.
_GATEWAY_TIMEOUT_S = 20.0
_READY_CHECK_S = 0.1
#: How much the clocks of two machines may differ.
_CLOCK_SKEW = timedelta(minutes=10)
#: 2026-08: edits of older messages have a separate rate limit, about three in twenty seconds.
_FREE_EDIT_AGE = timedelta(minutes=50)


class DiscordClipPublisher:
    """The `jobs.ports.ClipPublisher` over a discord.py client.

    client  returns the current client.
    """

    def __init__(self, client: Callable[[], discord.Client], clock: Clock) -> None:
        self._get_client = client
        self._clock = clock
        self._logged_in = asyncio.Event()

    @property
    def _client(self) -> discord.Client:
        return self._get_client()

    def resume(self) -> None:
        """Start deliveries; called when the client has logged in."""
        self._logged_in.set()

    def pause(self) -> None:
        """Hold deliveries back; called when the client is given up."""
        self._logged_in.clear()

    async def _wait_for_guilds(self) -> None:
        """Wait until the gateway has sent the guilds with their channels, roles and permissions.

        Without them every place looks private, and none can have a thread.
        Raises DeliveryTroubleError after a timeout.
        """
        await self._logged_in.wait()
        try:
            async with asyncio.timeout(_GATEWAY_TIMEOUT_S):
                # Looks at the client anew each time: another may have replaced it meanwhile.
                while not self._client.is_ready():  # noqa: ASYNC110 - no event outlives its client
                    await asyncio.sleep(_READY_CHECK_S)
        except TimeoutError as error:
            late = "the gateway has not sent the guilds yet"
            raise DeliveryTroubleError(late, is_unknown=False) from error

    async def show_card(self, card: StatusCard) -> None:
        message_id = card.request.card_message_id
        if message_id is None:
            return
        await self._logged_in.wait()
        shown = build_card_message(card)
        message = self._channel(card.request.place.channel_id).get_partial_message(message_id)
        try:
            with map_discord_errors():
                # An edit without allowed_mentions is parsed with Discord's defaults.
                await message.edit(
                    embed=shown.embed,
                    view=shown.view,
                    allowed_mentions=discord.AllowedMentions.none(),
                )
        except PlaceClosedError:
            # The card is deleted, archived or unreachable; the clip is delivered independently.
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
        # Given a path, discord.py streams the file instead of holding it in memory.
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
        """Add a variant to the message of its siblings; None if it needs a message of its own."""
        job, message_id = status.job, others[0].job.message_id or 0
        try:
            with map_discord_errors():
                place = self._channel(job.place.channel_id)
                message = await place.fetch_message(message_id)
                if any(each.filename == file_name(job) for each in message.attachments):
                    return message.id
                together = [*others, status]
                # A full message would send its flags, too, and show embeds again (discord.py 2.7.1).
                await place.get_partial_message(message_id).edit(
                    content=clip_message_text(together),
                    attachments=[*message.attachments, _file(job, path)],
                    view=build_clip_view(together),
                    allowed_mentions=discord.AllowedMentions.none(),
                )
        except (PlaceClosedError, ClipTooLargeError) as error:
            # The message is deleted or full, or its thread archived: there the bot can send, not edit.
            if (trouble := delivery_error(error)) is not error:
                raise trouble from error.__cause__
            _log.info("variant %s gets a message of its own: %s", job.id, error)
            return None
        return message.id

    def _is_freely_editable(self, others: Sequence[JobStatus]) -> bool:
        """Return whether the siblings' message is young enough to be edited without a rate limit."""
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
        """Return whether every member of the guild can read where the clip was posted."""
        guild = self._client.get_guild(job.place.guild_id or 0)
        channel = None if guild is None else guild.get_channel(job.place.access_channel_id)
        if guild is None or channel is None:
            return False
        granted = channel.permissions_for(guild.default_role)
        return granted.view_channel and granted.read_message_history

    async def open_thread(self, job: Job, card_message_id: int) -> Place | None:
        await self._wait_for_guilds()
        channel = self._client.get_channel(job.place.channel_id)
        if not isinstance(channel, discord.TextChannel):
            return None
        card = channel.get_partial_message(card_message_id)
        try:
            with map_discord_errors():
                # Without words of the prompt: they would stay when the clip is deleted.
                await card.create_thread(name=f"Clip {job.id}")
        except PlaceClosedError as error:
            if discord_code(error) != ErrorCode.THREAD_EXISTS:
                _log.info("no thread for %s: %s", job.id, error)
                return None
        # A thread that was made from a message has the message's id.
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

        async def detach() -> None:
            channel = self._channel(job.place.channel_id)
            message = await channel.fetch_message(job.message_id or 0)
            await channel.get_partial_message(message.id).edit(
                content=clip_message_text(remaining),
                attachments=[e for e in message.attachments if e.filename != file_name(job)],
                view=build_clip_view(remaining),
                allowed_mentions=discord.AllowedMentions.none(),
            )

        await self._remove_in_channel(job.place.channel_id, detach)

    async def remove_unrecorded_mirror(self, job: Job, channel_id: int) -> None:
        await self._logged_in.wait()
        try:
            found = await self._find_clip_message(job, channel_id)
        except PlaceClosedError as error:
            _log.info("can't look for a mirror of %s: %s", job.id, error)
            return
        if found is not None:
            await self.remove_message(channel_id, found)

    async def remove_message(self, channel_id: int, message_id: int) -> None:
        await self._logged_in.wait()
        message = self._channel(channel_id).get_partial_message(message_id)
        await self._remove_in_channel(channel_id, message.delete)

    async def _remove_in_channel(self, channel_id: int, act: Callable[[], Awaitable[None]]) -> None:
        """Await `act`, which removes something; reopens an archived thread for it."""
        try:
            with map_discord_errors():
                await retry_unarchived(self._client, channel_id, act)
        except PlaceClosedError as error:
            _log.info("nothing to remove, or no way to: %s", error)

    async def find_clip(self, job: Job) -> int | None:
        await self._wait_for_guilds()
        check_history_readable(self._client, job.place)
        try:
            return await self._find_clip_message(job, job.place.channel_id)
        except PlaceClosedError as error:
            if discord_code(error) == ErrorCode.UNKNOWN_CHANNEL:
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
        """Search for a job's clip from the first try on, then from the end of the channel backwards.

        The second search is for the case that this machine's clock was ahead at the first try. It
        goes back to the interaction's id, which is a time by Discord's clock.
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
    """Return a Discord id older than any message that can carry the job's clip.

    It is the interaction's id or, if that is later, the time of the first try to post.
    """
    tried = 0
    if job.posting_at is not None:
        tried = discord.utils.time_snowflake(job.posting_at - _CLOCK_SKEW)
    return discord.Object(max(job.request_id, tried))


def _file(job: Job, path: Path) -> discord.File:
    return discord.File(path, filename=file_name(job), description=request_text(job)[:1000])
