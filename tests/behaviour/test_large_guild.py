"""In a guild with hundreds of channels and threads, the bot finds the readable channels quickly."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.enums import ChannelType

from bot.chat.viewers import author_of
from tests.behaviour.harness import BotHarness, bot_harness

#: The bot may take this many times as long as discord.py takes to compute the permissions of each
#: channel once.
MOST_TIMES = 2.0


async def build_large_guild(t: BotHarness, roles_each: int, threads: int) -> None:
    """Create 500 channels, visible through roles of alice's, and private threads in them.

    roles_each  how many of alice's 100 roles each channel names in its permissions.
    """
    roles = [t.guild.create_role(f"role-{n}") for n in range(100)]
    for role in roles:
        t.env.backend.add_member_role(t.guild.id, t.alice.id, role.id)
    # A member with the permission "manage threads" also sees the private threads.
    shown = discord.PermissionOverwrite(view_channel=True, manage_threads=True)
    hidden = discord.PermissionOverwrite(view_channel=False)
    opened = dict.fromkeys(roles[:roles_each], shown)
    overwrites: dict[Any, Any] = {t.guild.default_role: hidden, **opened}
    places = [
        t.guild.create_text_channel(f"channel-{n}", overwrites=overwrites) for n in range(500)
    ]
    me = t.guild.me
    assert me is not None
    for n in range(threads):
        parent = places[n % len(places)]
        t.env.backend.create_thread(
            parent.id, f"den-{n}", me.id, type=ChannelType.PRIVATE_THREAD, broadcast=True
        )
    await t.env.settle()


@pytest.mark.parametrize(("roles_each", "threads"), [(5, 0), (50, 1000)])
async def test_finding_all_visible_channels_never_holds_up_the_loop(
    tmp_path: Path, roles_each: int, threads: int
) -> None:
    async with bot_harness(tmp_path) as t:
        await build_large_guild(t, roles_each, threads)
        arriving = asyncio.ensure_future(t.app.client.wait_for("message"))
        await asyncio.sleep(0)
        await t.alice.send(t.channel, "hello")
        message = await arriving
        assert message.guild is not None
        assert isinstance(message.author, discord.Member)
        assert len(message.guild.threads) == threads
        took_s, bare_s = list[float](), list[float]()
        readable_counts: list[int] = []
        for _ in range(5):
            # The CPU time of this thread, so that other processes on the machine don't affect the
            # result.
            began_s = time.thread_time()
            readable_counts.append(len(author_of(message).readable_channel_ids))
            took_s.append(time.thread_time() - began_s)
            began_s = time.thread_time()
            for channel in message.guild.channels:
                channel.permissions_for(message.author)
            bare_s.append(time.thread_time() - began_s)
        assert readable_counts == [501 + threads] * 5
        assert min(took_s) < MOST_TIMES * min(bare_s)
