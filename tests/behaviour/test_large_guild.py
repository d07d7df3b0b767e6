"""In a guild with hundreds of channels and threads the bot still answers every member at once."""

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

#: How often the bare cost, discord.py's own look at each channel's permissions, it may take.
MOST_TIMES = 2.0


async def build_large_guild(t: BotHarness, roles_each: int, threads: int) -> None:
    """Build 500 channels that 100 roles of alice's open, and private threads in them."""
    roles = [t.guild.create_role(f"role-{n}") for n in range(100)]
    for role in roles:
        t.env.backend.add_member_role(t.guild.id, t.alice.id, role.id)
    # Members who manage threads see the private ones, too.
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
            # This thread's own time: what else the machine does is not counted.
            began_s = time.thread_time()
            readable_counts.append(len(author_of(message).readable_channel_ids))
            took_s.append(time.thread_time() - began_s)
            began_s = time.thread_time()
            for channel in message.guild.channels:
                channel.permissions_for(message.author)
            bare_s.append(time.thread_time() - began_s)
        assert readable_counts == [501 + threads] * 5
        assert min(took_s) < MOST_TIMES * min(bare_s)
