"""The simulated guild of the sandbox and its members, the same at every start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import discord
import simcord
from discord.ext import commands


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxGuild:
    """The members of the guild, and the channel that the page shows."""

    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    moderator: simcord.MemberActor

    @property
    def viewers(self) -> tuple[simcord.MemberActor, ...]:
        """The members whose view the page can show; the first one is shown at the start."""
        return (self.alice, self.bob, self.moderator)


async def build_guild(env: simcord.Env, *, in_thread: bool = False) -> SandboxGuild:
    """Make the guild, its channel (or a thread in it) and its members.

    Call `build_guild` before the simulated clock moves: ids come from the clock, so a kept database
    finds the same members and channels at the next start.
    """
    guild = env.create_guild("Clip club")
    channel = guild.create_text_channel("clips", topic="Type /sora generate")
    moderators = guild.create_role("Moderators", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(env.create_user("alice", global_name="Alice"))
    bob = guild.add_member(env.create_user("bob", global_name="Bob"))
    mona = guild.add_member(
        env.create_user("mona", global_name="Mona (moderator)"), roles=[moderators]
    )
    with env.time_context():
        await _set_username(env.bot)
        if in_thread:
            await _open_thread(env.bot, channel)
            channel = channel.threads[0]
    return SandboxGuild(channel=channel, alice=alice, bob=bob, moderator=mona)


def restore_error_handler(client: commands.Bot) -> None:
    """Remove the recorder that SimCord puts in front of `tree.on_error`.

    The recorder reports each refusal on the page as a failure. Without the recorder, the tree's own
    handler answers a refusal, and the log shows only real errors.
    """
    vars(client.tree).pop("on_error", None)


async def _set_username(client: discord.Client) -> None:
    if client.user is not None:
        await client.user.edit(username="Sorabot")


async def _open_thread(client: discord.Client, channel: simcord.ChannelHandle) -> None:
    """Let the bot open a thread, because SimCord lets only clients open threads."""
    found: Any = client.get_channel(channel.id)
    if not isinstance(found, discord.TextChannel):
        raise TypeError(f"{channel!r} is no text channel of the client")
    await found.create_thread(name="cats", type=discord.ChannelType.public_thread)
