"""Tests of the harness itself: the events that it adds to the simulated Discord reach a bot."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest
from simcord.backend.errors import BackendError, SetupError

from tests.behaviour.harness import BotHarness, bot_harness


class RecordingClient(discord.Client):
    """A Discord client without the message content intent; it records the messages it receives."""

    def __init__(self) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none())
        self.heard: list[discord.Message] = []
        self.gone: list[int] = []

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self.heard.append(message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.gone.append(event.message_id)

    async def post(self, channel_id: int, text: str) -> discord.Message:
        return await self.get_partial_messageable(channel_id).send(text)


@asynccontextmanager
async def listening(folder: Path) -> AsyncGenerator[tuple[BotHarness, RecordingClient]]:
    """Run the harness with a client that only records messages, in place of the bot."""
    async with bot_harness(folder) as t:
        ears = RecordingClient()
        await t.env.restart_bot(ears)
        yield t, ears


async def test_a_reply_is_read_with_a_ping_and_not_without(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        clip = await ears.post(t.channel.id, "clip")
        picture = [("hat.png", b"pixels")]
        await t.reply(t.alice, clip, "add a hat", attachments=picture)
        sent = await t.reply(t.alice, clip, "quietly", ping=False, attachments=picture)
        pinged, quiet = ears.heard
        assert (pinged.content, pinged.mentions) == ("add a hat", [ears.user])
        assert await pinged.attachments[0].read() == b"pixels"
        assert (quiet.content, quiet.attachments, quiet.mentions) == ("", [], [])
        assert quiet.reference is not None
        assert quiet.reference.message_id == clip.id
        assert sent.id == quiet.id


async def test_a_reply_in_a_thread_goes_there(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        place = ears.get_channel(t.channel.id)
        assert isinstance(place, discord.TextChannel)
        thread = await place.create_thread(name="cats", type=discord.ChannelType.public_thread)
        await t.reply(t.bob, await thread.send("clip"), "in here")
        assert (ears.heard[-1].content, ears.heard[-1].channel) == ("in here", thread)


async def test_a_reply_in_a_direct_message_is_always_read(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        clip = await ears.post(t.alice.user.dm_channel.id, "clip")
        await t.reply(t.alice, clip, "add a hat", ping=False)
        assert ears.heard[-1].content == "add a hat"
        assert ears.heard[-1].guild is None
        with pytest.raises(SetupError):
            await t.reply(t.bob, clip, "not mine")


async def test_the_secret_channel_is_for_alice_and_the_bot(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        secret = t.secret_channel()
        clip = await ears.post(secret.id, "clip")
        await t.reply(t.alice, clip, "mine")
        assert ears.heard[-1].content == "mine"
        for stranger in (t.bob, t.moderator):
            with pytest.raises(SetupError):
                await t.reply(stranger, clip, "what is this?")


async def test_the_other_server_has_members_of_its_own(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        channel, carol = await t.add_to_another_guild()
        also_here, alice = await t.add_to_another_guild(t.alice)
        assert len(ears.guilds) == 3
        await t.reply(carol, await ears.post(channel.id, "clip"), "from afar")
        assert ears.heard[-1].guild != ears.get_guild(t.guild.id)
        with pytest.raises((BackendError, SetupError)):
            await carol.send(t.channel, "hello?")
        await alice.send(also_here, "me again")
        assert ears.heard[-1].author.id == t.alice.id


async def test_an_erased_message_is_gone_and_the_bot_hears_of_it(tmp_path: Path) -> None:
    async with listening(tmp_path) as (t, ears):
        clip = await ears.post(t.channel.id, "clip")
        await t.delete_message(clip)
        assert ears.gone == [clip.id]
        with pytest.raises(discord.NotFound):
            await clip.edit(content="there?")
