"""Tests of replies in the simulated Discord: what a bot may read of them, and how it replies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
import pytest

from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import BareBotSession, bare_bot_session, logged_in, repointed
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.discord_payloads import Payload
from tests.wire.discord_permissions import Permission


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


async def post(bare_session: BareBotSession, place: str, text: str = "clip") -> Payload:
    """Post a message as the bot; return the message as other users see it."""
    sent = await bare_session.channel(place).send(text)
    return bare_session.loopback.world.message(str(sent.channel.id), str(sent.id))


async def heard(
    bare_session: BareBotSession, place: str, author: str, text: str, **options
) -> discord.Message:
    """Write a message as a member; return the message as the bot receives it."""
    coming = bare_session.bot.wait_for(
        "message", check=lambda m: m.author.name == author, timeout=PATIENCE_S
    )
    await bare_session.loopback.message(place, author, text, **options)
    return await coming


def quoted(reply: discord.Message) -> discord.Message:
    assert reply.reference is not None
    assert isinstance(reply.reference.resolved, discord.Message)
    return reply.reference.resolved


@pytest.mark.parametrize("place", ["general", "film-club", "dm-alice"])
async def test_a_ping_reply_to_a_regular_message_is_read_wherever_it_is(bare_session, place):
    mine = await post(bare_session, place)
    reply = await heard(bare_session, place, "alice", "add a hat", reply_to=mine)
    assert reply.content == "add a hat"
    assert reply.type is discord.MessageType.reply
    assert [user.id for user in reply.mentions] == [bare_session.bot.user.id]
    assert quoted(reply).content == "clip"


@pytest.mark.parametrize(
    ("place", "text"), [("general", ""), ("film-club", ""), ("dm-alice", "hm")]
)
async def test_a_reply_without_a_ping_is_read_in_a_dm_alone(bare_session, place, text):
    mine = await post(bare_session, place)
    image = bare_session.loopback.upload(b"pixels", filename="hat.png", width=2, height=3)
    reply = await heard(
        bare_session, place, "alice", "hm", reply_to=mine, ping=False, attachments=[image]
    )
    assert (reply.content, len(reply.attachments)) == (text, 1 if text else 0)
    assert (reply.mentions, reply.embeds, reply.components) == ([], [], [])
    assert reply.reference is not None
    assert str(reply.reference.message_id) == mine["id"]


async def test_a_response_to_a_command_is_no_regular_message(bare_session):
    answered = await (
        await bare_session.loopback.slash("bob", "general", "sora find", {"clip": "K7"})
    ).answered()
    reply = await heard(bare_session, "general", "alice", "add a hat", reply_to=answered.message)
    assert reply.content == ""
    assert bare_session.bot.user in reply.mentions


async def test_a_reply_to_somebody_else_stays_closed_and_so_does_what_it_quotes(bare_session):
    theirs = await bare_session.loopback.message("general", "bob", "a secret")
    reply = await heard(bare_session, "general", "alice", "my answer", reply_to=theirs)
    assert (reply.content, quoted(reply).content) == ("", "")
    mine = await bare_session.channel("general").send(
        "mine", reference=discord.MessageReference.from_message(reply, fail_if_not_exists=False)
    )
    assert mine.reference.resolved.content == ""


async def test_an_image_in_a_reply_can_be_fetched_with_its_size_known(bare_session, tmp_path: Path):
    mine = await post(bare_session, "general")
    image = bare_session.loopback.upload(b"pixels", filename="hat.png", width=2, height=3)
    (tmp_path / "note.txt").write_bytes(b"note")
    files = [image, tmp_path / "note.txt"]
    reply = await heard(bare_session, "general", "alice", "this", reply_to=mine, attachments=files)
    assert [a.content_type for a in reply.attachments] == ["image/png", "text/plain"]
    assert (reply.attachments[0].width, reply.attachments[0].height) == (2, 3)
    assert await reply.attachments[0].read() == b"pixels"
    async with (
        aiohttp.ClientSession() as session,
        session.get(reply.attachments[0].url.split("?")[0]) as unsigned,
    ):
        assert unsigned.status == 404


async def test_another_bots_reply_is_known_as_a_bots(bare_session):
    bare_session.loopback.world.add_member("helper", bot=True)
    reply = await heard(
        bare_session, "general", "helper", "beep", reply_to=await post(bare_session, "general")
    )
    assert reply.author.bot
    assert reply.content == "beep"


async def test_a_reply_outlives_its_target_and_says_that_it_is_gone(bare_session):
    mine = await post(bare_session, "general")
    reply = await heard(bare_session, "general", "alice", "add a hat", reply_to=mine)
    await bare_session.loopback.delete(mine)
    again = await reply.channel.fetch_message(reply.id)
    assert again.reference is not None
    assert isinstance(again.reference.resolved, discord.DeletedReferencedMessage)
    assert again.content == "add a hat"


async def test_what_a_members_client_would_not_send_is_refused(bare_session):
    loopback = bare_session.loopback
    mine = await post(bare_session, "general")
    with pytest.raises(UnavailableError):
        await loopback.message("clips", "alice", "elsewhere", reply_to=mine)
    loopback.world.overwrite("general", "alice", deny=Permission.READ_MESSAGE_HISTORY)
    with pytest.raises(UnavailableError):
        await loopback.message("general", "alice", "unseen", reply_to=mine)
    await loopback.delete(mine)
    with pytest.raises(UnavailableError):
        await loopback.message("general", "bob", "too late", reply_to=mine)


async def test_messages_come_by_the_intent_of_their_place():
    async with LoopbackDiscord() as loopback:
        for intents, expected in (
            (discord.Intents(guilds=True), []),
            (discord.Intents(guilds=True, guild_messages=True), ["general"]),
            (discord.Intents(guilds=True, dm_messages=True), ["dm"]),
        ):
            with repointed(loopback):
                async with logged_in(loopback, intents) as bot:
                    assert bot.user is not None
                    await loopback.message("general", "alice", f"<@{bot.user.id}> general")
                    await loopback.message("dm-alice", "alice", "dm")
                    coming = bot.wait_for("interaction", timeout=PATIENCE_S)
                    await loopback.slash("alice", "general", "sora find", {"clip": "last"})
                    await coming
                    assert [
                        m.content.split()[-1] for m in bot.heard if m.content != "last"
                    ] == expected


async def test_the_bot_replies_with_an_embed_and_buttons_and_pings_whom_it_wants(bare_session):
    theirs = await bare_session.loopback.message("general", "alice", "how?")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Write it here", custom_id="write:1"))
    for wanted in (False, True):
        await bare_session.channel("general").send(
            embed=discord.Embed(description="I can't read that"),
            view=view,
            reference=discord.MessageReference(
                message_id=int(theirs["id"]),
                channel_id=int(theirs["channel_id"]),
                fail_if_not_exists=False,
            ),
            allowed_mentions=discord.AllowedMentions(replied_user=wanted),
        )
    _, quiet, loud = bare_session.loopback.posts("general")
    assert [post["type"] for post in (quiet, loud)] == [19, 19]
    assert quiet["referenced_message"]["id"] == theirs["id"]
    assert quiet["message_reference"]["message_id"] == theirs["id"]
    assert quiet["components"][0]["components"][0]["custom_id"] == "write:1"
    assert (quiet["mentions"], [u["username"] for u in loud["mentions"]]) == ([], ["alice"])


async def test_a_reply_to_what_is_gone_is_a_plain_message_or_an_error(bare_session):
    theirs = await heard(bare_session, "general", "alice", "how?")
    await bare_session.loopback.delete(bare_session.loopback.posts("general")[0])
    with pytest.raises(discord.HTTPException) as refused:
        await bare_session.channel("general").send("so", reference=theirs)
    reference = discord.MessageReference.from_message(theirs, fail_if_not_exists=False)
    await bare_session.channel("general").send("so", reference=reference)
    (plain,) = bare_session.loopback.posts("general")
    assert refused.value.code == 50035
    assert (plain["type"], "message_reference" in plain) == (0, False)
