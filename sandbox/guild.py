"""The simulated guild of the sandbox and its members, the same at every start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import discord
import simcord
from discord.ext import commands


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxGuild:
    """The channel that the sandbox's page shows, and the members of its guild."""

    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    moderator: simcord.MemberActor

    @property
    def viewers(self) -> tuple[simcord.MemberActor, ...]:
        """The members whose view the sandbox's page can show; it starts with the first."""
        return (self.alice, self.bob, self.moderator)


async def build_guild(env: simcord.Env, *, in_thread: bool = False) -> SandboxGuild:
    """Make the sandbox's guild, its members, and its channel (or a thread in the channel).

    Call this before the simulated clock moves: SimCord makes ids from the clock, so the members and
    channels have the ids that a kept database knows from the last start.
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
    """Remove the error recorder that SimCord puts in front of `tree.on_error`.

    The recorder would show each refused command on the page as a failure. Without it, the command
    tree's own handler responds to the member, and the log shows real errors.
    """
    vars(client.tree).pop("on_error", None)


async def _set_username(client: discord.Client) -> None:
    if client.user is not None:
        await client.user.edit(username="Sorabot")


async def _open_thread(client: discord.Client, channel: simcord.ChannelHandle) -> None:
    """Have the bot open a thread, because SimCord lets only clients open threads."""
    found: Any = client.get_channel(channel.id)
    if not isinstance(found, discord.TextChannel):
        raise TypeError(f"{channel!r} is no text channel of the client")
    await found.create_thread(name="cats", type=discord.ChannelType.public_thread)
