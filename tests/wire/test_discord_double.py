"""Tests of the simulated Discord itself, with a minimal discord.py bot."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import BareBotSession, bare_bot_session, repointed
from tests.wire.discord_commands import UnavailableError
from tests.wire.discord_double import BOT_TOKEN, LoopbackDiscord
from tests.wire.discord_openapi import document_path

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


async def test_a_slash_command_goes_from_defer_to_edit_to_followup(bare_session):
    loopback = bare_session.loopback
    sent = await loopback.slash("alice", "general", "sora generate", {"prompt": "cat"})
    await sent.until(lambda s: s.followups)
    assert sent.callback_type == 5
    assert 0 < sent.answered_after_s < 3
    assert (sent.content, sent.edits) == ("cat 8 0", 1)
    assert sent.followups[0]["flags"] & 64
    assert sent.message in loopback.posts("general")
    assert sent.message["interaction_metadata"]["user"]["username"] == "alice"


async def test_options_are_typed_as_the_bot_registered_them(bare_session):
    loopback = bare_session.loopback
    image = loopback.upload(b"pixels", filename="cat.png", width=2, height=3)
    sent = await loopback.slash(
        "alice", "dm-alice", "sora generate", {"prompt": "dog", "seconds": 4, "image": image}
    )
    await sent.until(lambda s: s.edits)
    assert sent.content == "dog 4 6"
    options = sent.payload["data"]["options"][0]["options"]
    assert [option["type"] for option in options] == [3, 4, 11]
    assert sent.payload["user"]["username"] == "alice"


async def test_what_a_members_client_would_not_offer_is_refused_before_it_is_sent(bare_session):
    loopback = bare_session.loopback
    for options in ({}, {"prompt": "cat", "seconds": 99}, {"prompt": "cat", "colour": "red"}):
        with pytest.raises(UnavailableError):
            await loopback.slash("alice", "general", "sora generate", options)
    with pytest.raises(UnavailableError):
        await loopback.slash("alice", "general", "sora", {})


async def test_autocomplete_offers_choices(bare_session):
    loopback = bare_session.loopback
    sent = await loopback.autocomplete(
        "bob", "general", "sora find", {"clip": "K7"}, focused="clip"
    )
    await sent.answered()
    assert sent.choices == [{"name": "K7 clip", "value": "K7"}]


async def test_a_button_opens_a_modal_whose_answer_is_ephemeral(bare_session):
    loopback = bare_session.loopback
    sent = await loopback.slash("alice", "general", "sora generate", {"prompt": "cat"})
    await sent.until(lambda s: s.edits)
    pressed = await loopback.press("bob", sent.message, "again:K7Q2")
    await pressed.answered()
    submitted = await loopback.submit_modal(pressed, {"prompt": "a dog"})
    await submitted.answered()
    assert submitted.content == "Remixing: a dog"
    assert submitted.is_ephemeral


async def test_a_context_menu_shows_the_bot_what_it_may_not_read_otherwise(bare_session):
    loopback, bot = bare_session
    message = await loopback.message("general", "bob", "secret recipe")
    sent = await loopback.menu("alice", "general", "Remix this clip", message)
    await sent.answered()
    assert sent.content == "Target: secret recipe"
    assert bot.heard[0].content == ""


async def test_a_reply_is_readable_only_with_a_ping_to_a_regular_message(bare_session):
    loopback, bot = bare_session
    regular = await bare_session.channel("general").send("clip")
    mine = loopback.world.message(str(regular.channel.id), str(regular.id))
    await loopback.message("general", "alice", "add a hat", reply_to=mine)
    heard = await bot.hears("add a hat")
    assert heard.reference.message_id == regular.id
    await loopback.message("general", "alice", "quietly", reply_to=mine, ping=False)
    sent = await loopback.slash("alice", "general", "sora find", {"clip": "K7"})
    await sent.answered()
    await loopback.message("general", "alice", "to a response", reply_to=sent.message)
    await loopback.message("general", "alice", f"<@{bot.user.id}> hi")
    await bot.hears(f"<@{bot.user.id}> hi")
    from_alice = [m.content for m in bot.heard if m.author.name == "alice"]
    assert from_alice == ["add a hat", "", "", f"<@{bot.user.id}> hi"]
    assert (
        await heard.channel.fetch_message(int(loopback.posts("general")[2]["id"]))
    ).content == ""


async def test_an_event_missed_during_a_cut_arrives_on_resume(bare_session):
    loopback, bot = bare_session
    loopback.gateway.cut()
    await loopback.message("dm-alice", "alice", "are you there?")
    await bot.hears("are you there?")
    assert (loopback.gateway.resumes, loopback.gateway.identifies) == (1, 1)


async def test_op_7_resumes_and_op_9_identifies_again(bare_session):
    loopback, bot = bare_session
    loopback.gateway.reconnect()
    await loopback.until(lambda: loopback.gateway.resumes == 1)
    loopback.gateway.invalidate()
    await loopback.until(lambda: loopback.gateway.identifies == 2)
    await loopback.message("dm-alice", "alice", "hello again")
    await bot.hears("hello again")


async def test_a_token_dies_after_fifteen_minutes_and_a_late_first_response_is_unknown(
    bare_session,
):
    loopback, bot = bare_session
    taken: asyncio.Queue[discord.Interaction] = asyncio.Queue()

    async def take(interaction: discord.Interaction) -> bool:
        taken.put_nowait(interaction)
        return False

    bot.tree.interaction_check = take
    await loopback.slash("alice", "general", "sora find", {"clip": "K7"})
    late = await asyncio.wait_for(taken.get(), PATIENCE_S)
    loopback.world.forward(3.5)
    with pytest.raises(discord.NotFound) as unknown:
        await late.response.defer()
    await loopback.slash("alice", "general", "sora find", {"clip": "K7"})
    timely = await asyncio.wait_for(taken.get(), PATIENCE_S)
    await timely.response.send_message("made")
    timely.response._response_type = None
    with pytest.raises(discord.HTTPException) as twice:
        await timely.response.send_message("made twice")
    loopback.world.forward(15 * 60)
    with pytest.raises(discord.HTTPException) as dead:
        await timely.edit_original_response(content="too late")
    assert (unknown.value.code, twice.value.code, dead.value.code) == (10062, 40060, 50027)


async def test_commands_keep_their_ids_when_synced_again(bare_session):
    bot = bare_session.bot
    first = {command.name: command.id for command in await bot.tree.fetch_commands()}
    again = {command.name: command.id for command in await bot.tree.sync()}
    assert first == again


async def test_a_lost_answer_makes_the_second_try_one_too_many(bare_session):
    loopback, bot = bare_session
    troubles: asyncio.Queue[Any] = asyncio.Queue()

    @bot.tree.error
    async def report(
        _interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        troubles.put_nowait(error.__cause__ or getattr(error, "original", None))

    loopback.fail_next("POST", "/callback$", 502, after_work=True)
    sent = await loopback.slash("alice", "general", "sora find", {"clip": "K7"})
    trouble = await asyncio.wait_for(troubles.get(), PATIENCE_S)
    assert trouble.code == 40060
    assert sent.content == "K7"


async def test_responses_in_a_locked_thread_fail(bare_session):
    loopback, bot = bare_session
    troubles: asyncio.Queue[Any] = asyncio.Queue()

    @bot.tree.error
    async def report(
        _interaction: discord.Interaction, error: app_commands.AppCommandError
    ) -> None:
        troubles.put_nowait(error.__cause__ or getattr(error, "original", None))

    loopback.world.edit_thread("film-club", {"locked": True, "archived": True})
    await loopback.slash("alice", "film-club", "sora find", {"clip": "K7"})
    trouble = await asyncio.wait_for(troubles.get(), PATIENCE_S)
    assert trouble.code == 50083


async def test_the_first_followup_takes_the_place_of_thinking(bare_session):
    loopback, bot = bare_session

    @bot.tree.command(name="think")
    async def think(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True)
        await interaction.followup.send("done")
        await interaction.delete_original_response()

    await bot.tree.sync()
    sent = await loopback.slash("alice", "general", "think")
    await sent.until(lambda s: s.followups)
    assert sent.followups[0] is sent.message
    assert sent.is_ephemeral
    await loopback.until(lambda: not loopback.posts("general"))


async def test_a_command_for_moderators_is_hidden_from_members(bare_session):
    loopback, bot = bare_session

    @bot.tree.command(name="block")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    async def block(interaction: discord.Interaction, user: discord.Member) -> None:
        await interaction.response.send_message(user.name)

    await bot.tree.sync()
    for user, channel in (("alice", "general"), ("alice", "dm-alice")):
        with pytest.raises(UnavailableError):
            await loopback.slash(user, channel, "block", {"user": "bob"})
    sent = await loopback.slash("moderator", "general", "block", {"user": "bob"})
    await sent.answered()
    assert sent.content == "bob"


@pytest.mark.parametrize(
    ("path", "body", "finding"),
    [
        ("/channels/{channel}/reactions", {}, "unknown route"),
        ("/channels/{channel}/messages", {"content": "hi", "colour": 3}, "unknown field 'colour'"),
        ("/channels/{channel}/messages", {"content": 5}, "TypeError"),
        ("/channels/{channel}/messages", {"components": [{"type": 1}]}, "COMPONENT_LAYOUT"),
        ("/channels/{channel}/messages?fast=1", {"content": "hi"}, "unknown query parameter"),
    ],
)
async def test_what_discord_does_not_document_is_recorded_and_refused(path, body, finding):
    async with LoopbackDiscord() as double, aiohttp.ClientSession() as session:
        url = double.api_url + path.format(channel=double.world.channel("general")["id"])
        headers = {"Authorization": f"Bot {double.token}"}
        async with session.post(url, json=body, headers=headers) as answer:
            assert answer.status in (400, 404)
        assert any(finding in violation for violation in double.violations)
        assert double.posts("general") == []


async def test_the_openapi_document_judges_bodies():
    if document_path() is None:
        pytest.skip("no copy of Discord's OpenAPI document on this machine")
    async with LoopbackDiscord() as double, aiohttp.ClientSession() as session:
        url = f"{double.api_url}/channels/{double.world.channel('general')['id']}/messages"
        headers = {"Authorization": f"Bot {double.token}"}
        for body in ({"content": "hi", "tts": "loud"}, {"content": "hi", "embeds": [{"colr": 3}]}):
            async with session.post(url, json=body, headers=headers):
                pass
        assert len(double.violations) == 2


@pytest.mark.parametrize(
    ("token", "intents", "refusal"),
    [
        ("another.bot.token", discord.Intents.none(), discord.LoginFailure),
        (BOT_TOKEN, discord.Intents(message_content=True), discord.PrivilegedIntentsRequired),
    ],
)
async def test_a_wrong_token_and_a_privileged_intent_are_turned_away(token, intents, refusal):
    async with LoopbackDiscord() as double, discord.Client(intents=intents) as client:
        with repointed(double), pytest.raises(refusal):
            await client.start(token)


async def test_the_gateway_can_be_shut_and_wants_an_introduction():
    async with LoopbackDiscord() as double, aiohttp.ClientSession() as session:
        double.gateway.refuse_next()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(double.gateway_url)
        async with session.ws_connect(double.gateway_url) as ws:
            assert (await ws.receive_json())["op"] == 10
            await ws.send_json({"op": 1, "d": None})
            assert (await ws.receive_json())["op"] == 11
            await ws.send_json({"op": 3, "d": {}})
            await ws.receive()
            assert ws.close_code == 4003


async def test_the_process_speaks_json_and_stops_when_told():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.discord_server", stdin=PIPE, stdout=PIPE, cwd=CHECKOUT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    handshake = json.loads(await process.stdout.readline())
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bot {handshake['token']}"}
        url = f"{handshake['api_url']}/channels/{handshake['channels']['general']}/messages"
        async with session.post(url, json={"content": "hi"}, headers=headers) as answer:
            assert answer.status == 200
    process.stdin.write(b'{"id": 7, "do": "posts", "channel": "general"}\n')
    answer = json.loads(await process.stdout.readline())
    assert (answer["id"], [post["content"] for post in answer["posts"]]) == (7, ["hi"])
    process.stdin.write(b'{"do": "stop"}\n')
    await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert process.returncode == 0
