"""Tests who can see what in public and private threads of the simulated Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator

import discord
import pytest

from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import BareBotSession, bare_bot_session
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_payloads import PRIVATE_THREAD
from tests.wire.discord_permissions import EVERYONE, Permission


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


def secret(bare_session: BareBotSession, name: str = "attic") -> None:
    """Open a private thread whose only member is alice."""
    bare_session.loopback.world.add_thread("general", name, owner="alice", kind=PRIVATE_THREAD)


@pytest.mark.parametrize(("place", "kind"), [("film-club", 11), ("attic", 12)])
async def test_an_interaction_in_a_thread_names_it_and_its_parent(bare_session, place, kind):
    secret(bare_session)
    sent = await bare_session.loopback.slash("alice", place, "sora find", {"clip": "K7"})
    await sent.answered()
    channel = sent.payload["channel"]
    assert (channel["type"], channel["id"]) == (kind, sent.payload["channel_id"])
    assert channel["parent_id"] == bare_session.loopback.world.channel("general")["id"]
    assert sent.message["channel_id"] == channel["id"]


async def test_a_private_thread_is_closed_to_whoever_is_not_in_it(bare_session):
    loopback, bot = bare_session
    secret(bare_session)
    (session,) = loopback.gateway.connected
    before = session.seq
    with pytest.raises(UnavailableError):
        await loopback.message("attic", "bob", "let me in")
    await loopback.message("attic", "alice", "just us")
    assert session.seq == before
    with pytest.raises(discord.Forbidden) as refused:
        await bare_session.channel("attic").send("hello?")
    assert refused.value.code == 50001
    loopback.world.join_thread("attic", "bot")
    await bare_session.channel("attic").send("hello")
    leaving = bot.wait_for("thread_remove", timeout=PATIENCE_S)
    loopback.world.leave_thread("attic", "bot")
    assert (await leaving).name == "attic"
    with pytest.raises(discord.Forbidden):
        await bare_session.channel("attic").send("hello?")


async def test_a_mention_in_a_private_thread_lets_the_bot_in(bare_session):
    loopback, bot = bare_session
    secret(bare_session)
    coming = bot.wait_for("thread_join", timeout=PATIENCE_S)
    await loopback.message("attic", "alice", f"<@{bot.user.id}> look")
    heard = await bot.hears(f"<@{bot.user.id}> look")
    thread = await coming
    assert (thread.type, thread.parent.name) == (discord.ChannelType.private_thread, "general")
    assert heard.channel == thread
    loopback.world.overwrite("general", "bob", deny=Permission.VIEW_CHANNEL)
    await loopback.message("attic", "alice", f"<@{loopback.world.user_id('bob')}> and you?")
    bob = loopback.world.user_id("bob")
    assert bob not in loopback.world.thread_members[str(thread.id)]


async def test_who_is_in_a_thread_can_be_asked_one_by_one(bare_session):
    loopback, bot = bare_session
    world = loopback.world
    world.add_thread("general", "studio", owner="alice", members=["bot"], kind=PRIVATE_THREAD)
    thread = await bot.fetch_channel(int(world.channel("studio")["id"]))
    alice = await thread.fetch_member(int(world.user_id("alice")))
    assert (str(alice.id), alice.thread) == (world.user_id("alice"), thread)
    with pytest.raises(discord.NotFound) as unknown:
        await thread.fetch_member(int(world.user_id("bob")))
    with pytest.raises(discord.Forbidden) as listed:
        await thread.fetch_members()
    assert (unknown.value.code, listed.value.code) == (10007, 50001)
    await thread.add_user(discord.Object(int(world.user_id("bob"))))
    await loopback.message("studio", "bob", "thanks")
    assert (await thread.fetch_member(int(world.user_id("bob")))).id


async def test_writing_in_a_thread_joins_it(bare_session):
    world = bare_session.loopback.world
    joined = world.thread_members[world.channel("film-club")["id"]]
    assert world.user_id("bob") not in joined
    await bare_session.loopback.message("film-club", "bob", "hm")
    thread = await bare_session.bot.fetch_channel(int(world.channel("film-club")["id"]))
    assert (await thread.fetch_member(int(world.user_id("bob")))).id
    assert thread.member_count == 2
    await bare_session.loopback.delete(bare_session.loopback.posts("film-club")[0])
    assert world.channel("film-club")["message_count"] == 0


async def test_moderators_of_threads_see_private_ones(bare_session):
    secret(bare_session)
    world = bare_session.loopback.world
    assert not world.permissions("moderator", "attic")
    world.edit_role("moderators", EVERYONE | Permission.MANAGE_THREADS)
    assert world.permissions("moderator", "attic") & Permission.VIEW_CHANNEL


async def test_permissions_in_an_interaction_are_those_of_its_channel(bare_session):
    loopback = bare_session.loopback
    world = loopback.world
    world.overwrite("clips", "alice", deny=Permission.ATTACH_FILES)
    world.overwrite("clips", "bots", deny=Permission.EMBED_LINKS)
    world.overwrite("clips", "everyone", deny=Permission.ADD_REACTIONS)
    seen: list[tuple[discord.Permissions, discord.Permissions]] = []

    async def look(interaction: discord.Interaction) -> bool:
        seen.append((interaction.permissions, interaction.app_permissions))
        return True

    bare_session.bot.tree.interaction_check = look
    world.add_thread("clips", "remixes")
    for place in ("general", "clips", "remixes"):
        await (await loopback.slash("alice", place, "sora find", {"clip": "K7"})).answered()
    open_place, *narrow = seen
    assert [p.attach_files for p in open_place] == [True, True]
    for alices, bots in narrow:
        assert (alices.attach_files, bots.attach_files) == (False, True)
        assert (alices.embed_links, bots.embed_links) == (True, False)
        assert (alices.add_reactions, bots.add_reactions) == (False, False)


async def test_places_and_people_in_options_come_with_what_may_be_done(bare_session):
    @bare_session.bot.tree.command(name="show")
    async def show(
        interaction: discord.Interaction, place: discord.TextChannel, who: discord.Member
    ) -> None:
        assert who.resolved_permissions is not None
        seen = place.name, who.resolved_permissions.attach_files
        await interaction.response.send_message(str(seen))

    await bare_session.bot.tree.sync()
    bare_session.loopback.world.overwrite("clips", "bob", deny=Permission.ATTACH_FILES)
    answers = []
    for user, place in (("alice", "general"), ("alice", "clips"), ("bob", "general")):
        options = {"place": "clips", "who": "bob"}
        sent = await (await bare_session.loopback.slash(user, place, "show", options)).answered()
        (channel,) = sent.payload["data"]["resolved"]["channels"].values()
        may = bool(int(channel["permissions"]) & Permission.ATTACH_FILES)
        answers.append((sent.content, may))
    here, there = "('clips', True)", "('clips', False)"
    assert answers == [(here, True), (there, True), (here, False)]


async def test_a_channel_can_be_hidden_from_alice_alone_and_shown_again(bare_session):
    loopback = bare_session.loopback
    loopback.world.add_channel("backstage")
    loopback.world.overwrite("backstage", "alice", deny=Permission.VIEW_CHANNEL)
    with pytest.raises(UnavailableError):
        await loopback.slash("alice", "backstage", "sora find", {"clip": "K7"})
    await (await loopback.slash("bob", "backstage", "sora find", {"clip": "K7"})).answered()
    loopback.world.overwrite("backstage", "alice", allow=Permission.VIEW_CHANNEL)
    await (await loopback.slash("alice", "backstage", "sora find", {"clip": "K7"})).answered()


async def test_roles_that_change_between_two_commands_show_in_the_second(bare_session):
    loopback = bare_session.loopback
    loopback.world.overwrite("clips", "everyone", deny=Permission.VIEW_CHANNEL)
    loopback.world.overwrite("clips", "moderators", allow=Permission.VIEW_CHANNEL)
    first = await loopback.slash("alice", "general", "sora find", {"clip": "K7"})
    with pytest.raises(UnavailableError):
        await loopback.slash("alice", "clips", "sora find", {"clip": "K7"})
    loopback.world.set_roles("alice", ["moderators"])
    second = await loopback.slash("alice", "clips", "sora find", {"clip": "K7"})
    for sent, count in ((first, 0), (second, 1)):
        await sent.answered()
        assert len(sent.payload["member"]["roles"]) == count
    assert int(second.payload["member"]["permissions"]) & Permission.MANAGE_MESSAGES


async def test_the_bot_hears_when_its_own_rights_change(bare_session):
    loopback, bot = bare_session
    coming = bot.wait_for("guild_role_update", timeout=PATIENCE_S)
    loopback.world.edit_role("bots", EVERYONE | Permission.MANAGE_MESSAGES)
    _, role = await coming
    assert role.permissions.manage_messages
    (session,) = loopback.gateway.connected
    before = session.seq
    loopback.world.set_roles("alice", ["moderators"])
    assert session.seq == before
    loopback.world.set_roles("bot", [])
    assert session.seq == before + 1
    loopback.world.edit_role("everyone", Permission.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as refused:
        await bare_session.channel("general").send("hm")
    assert refused.value.code == 50013


async def test_what_happens_in_a_hidden_place_is_not_heard(bare_session):
    loopback, bot = bare_session
    message = await loopback.message("general", "alice", f"<@{bot.user.id}> one")
    for target in ("everyone", "bots"):
        loopback.world.overwrite("general", target, deny=Permission.VIEW_CHANNEL)
    (session,) = loopback.gateway.connected
    before = session.seq
    await loopback.delete(message)
    loopback.world.edit_thread("film-club", {"locked": True})
    loopback.world.delete_channel("film-club")
    assert session.seq == before
