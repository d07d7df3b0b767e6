"""The harness of the behaviour tests: the whole bot in a simulated Discord, with a loopback video
API.
"""

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

#: The job engine's timings for tests: much shorter waits than in production.
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
    """The system clock, which a test can move forward."""

    def __init__(self) -> None:
        super().__init__()
        self._ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def forward(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


@dataclass(slots=True, kw_only=True)
class BotHarness:
    """The simulated Discord server, its members, the bot under test, and the loopback video API."""

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
        """Call `what()` repeatedly until its result is true, and return that result.

        Raises AssertionError after `timeout_s` seconds of real time.
        """
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
        """Return every job in the database, oldest first."""
        rows = await self.app.store.database.read(
            lambda conn: [row[0] for row in conn.execute("SELECT id FROM jobs ORDER BY created_at")]
        )
        return [job for each in rows if (job := await self.app.store.job(each)) is not None]

    async def choose_gallery(self, channel: simcord.ChannelHandle | None) -> None:
        """Have the moderator set the guild's gallery channel, or unset it with None."""
        moderation = self.app.jobs.moderation
        mona = Viewer(user_id=self.moderator.id, guild_id=self.guild.id, is_moderator=True)
        seen = await moderation.settings(self.guild.id)
        chosen = replace(seen, gallery_channel_id=None if channel is None else channel.id)
        await moderation.change_settings(mona, chosen, seen=seen)

    async def usage_of(self, user_id: int) -> Usage:
        """Return what counts against a member's quota, in all guilds and since 2020."""
        long_ago = self.clock.now().replace(year=2020)
        return await self.app.store.read_ledger(lambda ledger: ledger.usage(user_id, long_ago))

    async def job(self) -> Job:
        """The only job there is."""
        (only,) = await self.jobs()
        return only

    async def wait_for_state(self, state: State, timeout_s: float = PATIENCE_S) -> Job:
        """Wait until the only job in the database is in `state`, and return the job.

        Raises AssertionError when the job ends in any other state.
        """

        async def there() -> Job | None:
            job = await self.job()
            if job.state.is_final and job.state is not state:
                raise AssertionError(f"ended as {job.state}: {job.error_text}")
            return job if job.state is state else None

        return await self.until(there, timeout_s)

    def clips(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """Return the messages of a channel that carry a file, oldest first."""
        place = self.channel if channel is None else channel
        return [message for message in place.history() if message.attachments]

    def card(self, channel: simcord.ChannelHandle | None = None) -> discord.Message:
        """Return the newest status card in a channel."""
        place = self.channel if channel is None else channel
        return [m for m in place.history() if m.embeds and not m.flags.ephemeral][-1]

    def card_text(self) -> str:
        """Everything the latest card says."""
        return words(self.card().embeds[0])

    async def thread(self, **state: Any) -> simcord.ChannelHandle:
        """Have the bot create a public thread in the test channel.

        state  fields of the thread that the bot edits afterwards, such as `archived=True`.
        """
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
        """Have a member reply to a message, in the channel or DM of that message.

        ping         whether the reply mentions the author of the message. A bot without the message
                     content intent reads only messages that mention it. SimCord's own
                     `send(reply_to=…)` always mentions, so it cannot be used.
        attachments  pairs of file name and content.

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
        """Create a channel that alice and the bot can see; bob and the moderator cannot."""
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
        """Create a second guild with the bot in it; return its only channel and its only member.

        member  the name of a user to create, or a member of the first guild who joins this one.
        """
        guild = self.env.create_guild("Film club")
        user = self.env.create_user(member) if isinstance(member, str) else member.user
        channel, actor = guild.create_text_channel("reels"), guild.add_member(user)
        await self.env.settle()
        return channel, actor

    async def delete_message(self, message: discord.Message) -> None:
        self.env.backend.delete_message(message.channel.id, message.id)
        await self.env.settle()

    async def restart(self, **variables: str) -> None:
        """Stop the bot cleanly and start a new one on the same database.

        variables  environment variables that change for the new bot.
        """
        await self.app.close()
        self.settings = Settings.from_env({**self.settings.others, **variables})
        self.app = await build_app(self.settings, clock=self.clock, timings=FAST_TIMINGS)
        await self.app.start()
        await self.env.restart_bot(self.app.client)


def words(embed: discord.Embed) -> str:
    """Return the text of an embed: title, description, fields and footer."""
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
    """Run the bot in a simulated Discord, with the settings in `environ` and `variables`.

    api  the loopback video API; by default one that finishes a render within milliseconds.
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
