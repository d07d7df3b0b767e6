"""Reactions over the loopback Discord."""

from __future__ import annotations

import discord
import pytest

from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import bare_bot_session
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_permissions import Permission

INTENTS = discord.Intents(guilds=True, guild_messages=True, guild_reactions=True, dm_reactions=True)


@pytest.mark.parametrize("place", ["general", "film-club", "dm-alice"])
async def test_a_reaction_is_heard_when_it_comes_and_when_it_goes(place):
    async with bare_bot_session(INTENTS) as stage:
        loopback, bot = stage
        sent = await stage.channel(place).send("clip")
        post = loopback.posts(place)[0]
        coming = bot.wait_for("raw_reaction_add", timeout=PATIENCE_S)
        await loopback.react("alice", post, "🔥")
        added = await coming
        going = bot.wait_for("raw_reaction_remove", timeout=PATIENCE_S)
        await loopback.unreact("alice", post, "🔥")
        removed = await going
        alice = int(loopback.world.user_id("alice"))
        for event in (added, removed):
            assert (event.message_id, event.channel_id) == (sent.id, sent.channel.id)
            assert (event.user_id, str(event.emoji)) == (alice, "🔥")
            assert (event.guild_id is None) == (place == "dm-alice")
        assert bot.user is not None
        assert added.message_author_id == bot.user.id
        assert (added.member is None) == (place == "dm-alice")


async def test_a_message_shows_its_reactions_until_a_moderator_clears_them():
    async with bare_bot_session(INTENTS) as stage:
        loopback, bot = stage
        sent = await stage.channel("general").send("clip")
        post = loopback.posts("general")[0]
        for name, emoji in (("alice", "🔥"), ("bob", "🔥"), ("bob", "🔥"), ("bob", "cat:77")):
            await loopback.react(name, post, emoji)
        fetched = await sent.channel.fetch_message(sent.id)
        assert [(str(r.emoji), r.count) for r in fetched.reactions] == [("🔥", 2), ("<:cat:77>", 1)]
        one = bot.wait_for("raw_reaction_clear_emoji", timeout=PATIENCE_S)
        await loopback.clear_reactions(post, "🔥", by="moderator")
        assert str((await one).emoji) == "🔥"
        everything = bot.wait_for("raw_reaction_clear", timeout=PATIENCE_S)
        await loopback.clear_reactions(post, by="moderator")
        assert (await everything).message_id == sent.id
        assert (await sent.channel.fetch_message(sent.id)).reactions == []
        with pytest.raises(UnavailableError):
            await loopback.clear_reactions(post, by="alice")


async def test_without_the_intent_no_reaction_is_heard_and_rest_still_counts():
    async with bare_bot_session() as stage:
        loopback = stage.loopback
        sent = await stage.channel("general").send("clip")
        (session,) = loopback.gateway.connected
        await loopback.react("alice", loopback.posts("general")[0], "🔥")
        assert "MESSAGE_REACTION_ADD" not in [event for _, event, _ in session.events]
        assert (await sent.channel.fetch_message(sent.id)).reactions[0].count == 1


async def test_beginning_a_reaction_needs_more_than_joining_in():
    async with bare_bot_session(INTENTS) as stage:
        loopback = stage.loopback
        await stage.channel("general").send("clip")
        post = loopback.posts("general")[0]
        loopback.world.overwrite("general", "bob", deny=Permission.ADD_REACTIONS)
        with pytest.raises(UnavailableError):
            await loopback.react("bob", post, "🔥")
        await loopback.react("alice", post, "🔥")
        await loopback.react("bob", post, "🔥")
        assert post["reactions"][0]["count"] == 2
