"""Channels in which a member may request a clip; the bot checks them before it charges anything."""

from pathlib import Path

import discord
import pytest
import simcord

from bot.model import State
from tests.behaviour.harness import BotHarness, bot_harness


async def refusal(t: BotHarness, channel: simcord.ChannelHandle) -> str:
    refused = await t.alice.slash(channel, "sora generate", prompt="a cat")
    assert refused.ephemeral
    assert refused.response is not None
    assert await t.jobs() == []
    assert t.api.creates.total() == 0
    return refused.response.content


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        ("send_messages", "Send Messages"),
        ("attach_files", "Attach Files"),
        ("embed_links", "Embed Links"),
        ("read_message_history", "Read Message History"),
    ],
)
async def test_a_missing_permission_is_named_and_nothing_is_charged(
    tmp_path: Path, permission: str, words: str
) -> None:
    async with bot_harness(tmp_path) as t:
        me = t.guild.me
        assert me is not None
        denied = discord.PermissionOverwrite(**{permission: False})
        channel = t.guild.create_text_channel("quiet", overwrites={me: denied})
        assert f"**{words}**" in await refusal(t, channel)


async def test_in_a_thread_another_permission_counts(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        me = t.guild.me
        assert me is not None
        denied = discord.PermissionOverwrite(send_messages_in_threads=False)
        t.channel = t.guild.create_text_channel("talk", overwrites={me: denied})
        thread = await t.thread()
        assert "**Send Messages in Threads**" in await refusal(t, thread)


async def test_a_direct_message_works_and_the_clip_is_posted_there(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as t:
        answered = await t.alice.user.slash("sora generate", prompt="a cat")
        assert answered.response is not None
        assert not answered.ephemeral
        await t.wait_for_state(State.DONE)
        assert len(t.clips(t.alice.user.dm_channel)) == 1
