"""A whole bot in a simulated Discord, with a loopback video API: what behaviour tests drive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import discord
import simcord
from simcord.backend.access import can_access_message
from simcord.backend.errors import SetupError
from simcord.backend.models import AllowedMentions
from simcord.results import to_discord_message

from bot.app import App, build_app
from bot.clock import SystemClock
from bot.jobs.timings import Timings
from bot.model import Job, State, Usage, Viewer
from bot.settings import Settings
from sandbox.live_page import catch_up
from tests.empty_database import copy_empty_database
from tests.patience import PATIENCE_S
from tests.wire.videos_api import VideosApi

#: The same engine as always, with less patience.
FAST_TIMINGS = Timings(
    poll_few_s=0.05,
    poll_many_s=0.05,
    poll_free_s=0.05,
    create_s=2.0,
    quiet_s=0.5,
    post_quiet_s=0.5,
    not_found_gap_s=0.1,
    submit_tries=3,
    download_tries=8,
    post_tries=30,
    late_tries=20,
    backoff_first_s=0.05,
    backoff_last_s=0.2,
    card_gap_s=0.05,
    reconcile_max_gap_s=0.2,
    reconcile_min_gap_s=0.02,
    stop_s=2.0,
)


class MovableClock(SystemClock):
    """The system's clock, that a test can put forward."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class BotHarness:
    """The server, its people, the bot, and the video API behind it."""

    env: simcord.Env
    app: App
    api: VideosApi
    settings: Settings
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    moderator: simcord.MemberActor
    clock: MovableClock

    async def until(
        self, what: Callable[[], Any] | Callable[[], Awaitable[Any]], timeout_s: float = PATIENCE_S
    ) -> Any:
        """Wait in real time until `what()` is true and return it."""
        ends = time.monotonic() + timeout_s
        while True:
            seen = what()
            seen = await seen if asyncio.iscoroutine(seen) else seen
            if seen:
                return seen
            if time.monotonic() > ends:
                raise AssertionError(f"did not come true in {timeout_s} s")
            await asyncio.sleep(0.02)

    async def jobs(self) -> list[Job]:
        """Every job there is, oldest first."""
        rows = await self.app.store.database.read(
            lambda conn: [row[0] for row in conn.execute("SELECT id FROM jobs ORDER BY created_at")]
        )
        return [job for each in rows if (job := await self.app.store.job(each)) is not None]

    async def choose_gallery(self, channel: simcord.ChannelHandle | None) -> None:
        """Have the moderator choose where each clip is shown, too."""
        moderation = self.app.jobs.moderation
        mona = Viewer(user_id=self.moderator.id, guild_id=self.guild.id, is_moderator=True)
        seen = await moderation.settings(self.guild.id)
        chosen = replace(seen, gallery_channel_id=None if channel is None else channel.id)
        await moderation.change_settings(mona, chosen, seen=seen)

    async def usage_of(self, user_id: int) -> Usage:
        """What counts against a member, everywhere and ever."""
        long_ago = self.clock.now().replace(year=2020)
        return await self.app.store.read_ledger(lambda ledger: ledger.usage(user_id, long_ago))

    async def job(self) -> Job:
        """The only job there is."""
        (only,) = await self.jobs()
        return only

    async def wait_for_state(self, state: State, timeout_s: float = PATIENCE_S) -> Job:
        """Wait until the only job is in `state` and return it."""

        async def there() -> Job | None:
            job = await self.job()
            if job.state.is_final and job.state is not state:
                raise AssertionError(f"ended as {job.state}: {job.error_text}")
            return job if job.state is state else None

        return await self.until(there, timeout_s)

    def clips(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """Messages with a file in the channel, oldest first."""
        place = self.channel if channel is None else channel
        return [message for message in place.history() if message.attachments]

    def card(self, channel: simcord.ChannelHandle | None = None) -> discord.Message:
        """The latest public card in the channel."""
        place = self.channel if channel is None else channel
        return [m for m in place.history() if m.embeds and not m.flags.ephemeral][-1]

    def card_text(self) -> str:
        """Everything the latest card says."""
        return words(self.card().embeds[0])

    async def thread(self, **state: Any) -> simcord.ChannelHandle:
        """Let the bot open a thread in the channel; `state` is edited in afterwards."""
        place = self.app.client.get_channel(self.channel.id)
        assert isinstance(place, discord.TextChannel)
        thread = await place.create_thread(name="cats", type=discord.ChannelType.public_thread)
        if state:
            await thread.edit(**state)
        return self.channel.threads[-1]

    async def reply(
        self,
        actor: simcord.MemberActor,
        message: discord.Message,
        text: str,
        *,
        ping: bool = True,
        attachments: Sequence[tuple[str, bytes]] = (),
    ) -> discord.Message:
        """Reply in the message's channel or DM; `ping` is the switch beside the reply.

        attachments  pairs of file name and content.
        SimCord's own `send(reply_to=…)` always pings, and without a ping a bot reads nothing.

        Raises SetupError for a member who doesn't see the message.
        """
        backend = self.env.backend
        place = backend.get_channel(message.channel.id)
        viewer = actor.user if place.guild_id is None else actor
        target = backend.get_message(place.id, message.id)
        if not can_access_message(self.env, place.id, target, viewer):
            raise SetupError(f"{actor.name} does not see that message")
        if place.guild_id is not None:
            sending = "send_messages_in_threads" if place.is_thread else "send_messages"
            needed = (sending, "read_message_history")
            backend.require_permissions(place.guild_id, actor.id, place.id, *needed)
        reply = backend.create_message(
            place.id,
            actor.id,
            text,
            reference={"channel_id": str(place.id), "message_id": str(message.id)},
            allowed_mentions=AllowedMentions(replied_user=ping),
            attachments=backend.store_attachments(place.id, attachments),
        )
        await self.env.settle()
        return to_discord_message(self.env, reply)

    def secret_channel(self, name: str = "backstage") -> simcord.ChannelHandle:
        """Make a channel that alice and the bot see, and bob and the moderator do not."""
        me = self.guild.me
        assert me is not None
        hidden = discord.PermissionOverwrite(view_channel=False)
        shown = discord.PermissionOverwrite(view_channel=True)
        return self.guild.create_text_channel(
            name, overwrites={self.guild.default_role: hidden, self.alice: shown, me: shown}
        )

    async def add_to_another_guild(
        self, member: simcord.MemberActor | str = "carol"
    ) -> tuple[simcord.ChannelHandle, simcord.MemberActor]:
        """Put the bot into another server; return its one channel and its one member.

        member  the name of a user who is in no other guild, or a member of the first guild.
        """
        guild = self.env.create_guild("Film club")
        user = self.env.create_user(member) if isinstance(member, str) else member.user
        channel, actor = guild.create_text_channel("reels"), guild.add_member(user)
        await self.env.settle()
        return channel, actor

    async def delete_message(self, message: discord.Message) -> None:
        """Delete anybody's message, as the owner of the server can."""
        self.env.backend.delete_message(message.channel.id, message.id)
        await self.env.settle()

    async def restart(self, **variables: str) -> None:
        """Stop the bot as SIGTERM does and start one on the same database, with other variables."""
        await self.app.close()
        self.settings = Settings.from_env({**self.settings.others, **variables})
        self.app = await build_app(self.settings, clock=self.clock, timings=FAST_TIMINGS)
        await self.app.start()
        await self.env.restart_bot(self.app.client)


def words(embed: discord.Embed) -> str:
    """Return all that an embed says."""
    fields = [f"{each.name}\n{each.value}" for each in embed.fields]
    return "\n".join([embed.title or "", embed.description or "", *fields, embed.footer.text or ""])


@asynccontextmanager
async def bot_harness(
    folder: Path,
    environ: Mapping[str, str] = MappingProxyType({}),
    *,
    api: VideosApi | None = None,
    timings: Timings = FAST_TIMINGS,
    **variables: str,
) -> AsyncGenerator[BotHarness]:
    """Run a bot with the settings in `environ` and `variables`.

    api  the provider's HTTP API; without it, one that finishes a render within milliseconds.
    """
    async with api or VideosApi(poll_after_ms=20) as videos:
        settings = Settings.from_env(
            {
                "DATA_DIR": str(folder),
                "VIDEO_PROVIDERS": "openai",
                "OPENAI_API_KEY": videos.key,
                "OPENAI_BASE_URL": videos.base_url,
                "MAX_ACTIVE_JOBS_PER_USER": "20",
            }
            | dict(environ)
            | variables
        )
        clock = MovableClock()
        if not (database := folder / "sorabot.db").exists():
            copy_empty_database(database)
        app = await build_app(settings, clock=clock, timings=timings)
        await app.start()
        env = simcord.Env(app.client, check_errors=False)
        await env.start()
        made = _build_harness(env, app, videos, settings, clock)
        try:
            await catch_up(env, made.clock)
            with env.time_context():
                yield made
        finally:
            await env.shutdown()
            await made.app.close()


def _build_harness(
    env: simcord.Env, app: App, api: VideosApi, settings: Settings, clock: MovableClock
) -> BotHarness:
    guild = env.create_guild("Clip club")
    keepers = guild.create_role("Keepers", permissions=discord.Permissions(manage_guild=True))
    return BotHarness(
        env=env,
        app=app,
        api=api,
        settings=settings,
        clock=clock,
        guild=guild,
        channel=guild.create_text_channel("clips"),
        alice=guild.add_member(env.create_user("alice")),
        bob=guild.add_member(env.create_user("bob")),
        moderator=guild.add_member(env.create_user("mona"), roles=[keepers]),
    )
