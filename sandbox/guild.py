"""The doll's house: a server with people in it, the same at every start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import discord
import simcord
from discord.ext import commands


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxGuild:
    """Who is there, and the channel that the page shows."""

    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    moderator: simcord.MemberActor

    @property
    def viewers(self) -> tuple[simcord.MemberActor, ...]:
        """Whoever the page can look through the eyes of, a member first."""
        return (self.alice, self.bob, self.moderator)


async def build_guild(env: simcord.Env, *, in_thread: bool = False) -> SandboxGuild:
    """Make the server, its channel (or a thread in it) and its people.

    Call it before the simulated clock moves: ids come from the clock, so a kept database finds the
    same people and places again.
    """
    guild = env.create_guild("Clip club")
    channel = guild.create_text_channel("clips", topic="Type /sora generate")
    keepers = guild.create_role("Keepers", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(env.create_user("alice", global_name="Alice"))
    bob = guild.add_member(env.create_user("bob", global_name="Bob"))
    mona = guild.add_member(
        env.create_user("mona", global_name="Mona (moderator)"), roles=[keepers]
    )
    with env.time_context():
        await _set_username(env.bot)
        if in_thread:
            await _open_thread(env.bot, channel)
            channel = channel.threads[0]
    return SandboxGuild(channel=channel, alice=alice, bob=bob, moderator=mona)


def restore_error_handler(client: commands.Bot) -> None:
    """Let refusals be answers on the page: the simulator marks whatever passes the error handler.

    It put a recorder in front of `tree.on_error`; without it the tree's own handler answers, and
    what is really broken is in the log.
    """
    vars(client.tree).pop("on_error", None)


async def _set_username(client: discord.Client) -> None:
    if client.user is not None:
        await client.user.edit(username="Sorabot")


async def _open_thread(client: discord.Client, channel: simcord.ChannelHandle) -> None:
    """Let the bot open a thread: only clients can, in this world as in the real one."""
    found: Any = client.get_channel(channel.id)
    if not isinstance(found, discord.TextChannel):
        raise TypeError(f"{channel!r} is no text channel of the client")
    await found.create_thread(name="cats", type=discord.ChannelType.public_thread)
