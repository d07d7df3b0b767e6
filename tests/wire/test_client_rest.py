"""Tests that the client retries failed REST requests where that is safe, and never posts twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
import pytest
from discord.http import Route

from tests.wire.discord_double import LoopbackDiscord
from tests.wire.standalone_client import standalone_client

SEND = ("POST", r"/channels/\d+/messages$")
EDIT = ("PATCH", r"/channels/\d+/messages/\d+$")
MESSAGES = "/channels/{channel}/messages"
#: The same in discord.py's words.
SEND_TEMPLATE = "/channels/{channel_id}/messages"

ConnectedClient = tuple[LoopbackDiscord, discord.PartialMessageable]


@pytest.fixture
async def connected(tmp_path: Path) -> AsyncIterator[ConnectedClient]:
    async with standalone_client(tmp_path) as both:
        yield both
        assert both[0].violations == []


async def test_a_503_is_tried_again(connected: ConnectedClient) -> None:
    loopback, channel = connected
    loopback.fail_next(*SEND, 503)
    await channel.send("clip", nonce="n1")
    assert [call.status for call in loopback.called("POST", MESSAGES)] == [503, 200]
    assert loopback.made_by_nonce["n1"] == 1


@pytest.mark.parametrize("trouble", ["reset", "cut", "503 after the work"])
async def test_a_clip_whose_connection_broke_is_posted_once_with_all_its_bytes(
    connected: ConnectedClient, tmp_path: Path, trouble: str
) -> None:
    loopback, channel = connected
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(bytes(range(256)) * 400)
    if trouble == "reset":
        loopback.reset_next(*SEND, times=2)
    elif trouble == "cut":
        loopback.cut_next(*SEND, times=2)
    else:
        loopback.fail_next(*SEND, 503, times=2, after_work=True)
    message = await channel.send("clip", file=discord.File(clip), nonce="n1")
    (post,) = loopback.posts("general")
    assert post["id"] == str(message.id)
    assert loopback.stored(post["attachments"][0]).read_bytes() == clip.read_bytes()
    assert loopback.made_by_nonce["n1"] == 1


async def test_a_post_without_a_nonce_goes_out_once(connected: ConnectedClient) -> None:
    loopback, channel = connected
    loopback.cut_next(*SEND)
    body = {"content": "clip"}
    http = channel._state.http
    with pytest.raises(aiohttp.ClientError):
        await http.request(Route("POST", SEND_TEMPLATE, channel_id=channel.id), json=body)
    assert len(loopback.posts("general")) == 1


async def test_discord_py_s_own_second_try_of_a_post_without_a_nonce_is_stopped(
    connected: ConnectedClient,
) -> None:
    loopback, channel = connected
    loopback.fail_next(*SEND, 502, after_work=True)
    http = channel._state.http
    route = Route("POST", SEND_TEMPLATE, channel_id=channel.id)
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.request(route, json={"content": "clip"})
    assert len(loopback.posts("general")) == 1
    assert len(loopback.called("POST", MESSAGES)) == 1


async def test_a_refusal_after_a_lost_answer_is_no_word_that_nothing_was_posted(
    connected: ConnectedClient,
) -> None:
    loopback, channel = connected
    loopback.cut_next(*SEND)
    loopback.fail_next(*SEND, 403, 50013)
    with pytest.raises(aiohttp.ClientConnectionError) as unknown:
        await channel.send("clip", nonce="n1")
    assert isinstance(unknown.value.__cause__, discord.Forbidden)
    loopback.fail_next(*SEND, 403, 50013)
    with pytest.raises(discord.Forbidden):
        await channel.send("clip", nonce="n2")


async def test_edits_deletions_and_looks_are_repeated(connected: ConnectedClient) -> None:
    loopback, channel = connected
    message = await channel.send("clip", nonce="n1")
    loopback.cut_next(*EDIT)
    await message.edit(content="edited")
    loopback.reset_next("GET", r"/messages/\d+$")
    assert (await channel.fetch_message(message.id)).content == "edited"
    loopback.reset_next("DELETE", r"/messages/\d+$")
    await message.delete()
    assert loopback.posts("general") == []


async def test_an_edit_of_the_buttons_alone_pings_nobody(connected: ConnectedClient) -> None:
    loopback, channel = connected
    message = await channel.send("hello <@1>", nonce="n1")
    await message.edit(view=None)
    await message.edit(attachments=[])
    edits = loopback.called("PATCH", MESSAGES + "/{message}")
    assert [call.body["allowed_mentions"] for call in edits] == [{"parse": []}] * 2


async def test_retries_end(connected: ConnectedClient) -> None:
    loopback, channel = connected
    loopback.fail_next(*SEND, 503, times=99)
    with pytest.raises(discord.DiscordServerError):
        await channel.send("clip", nonce="n1")
    assert len(loopback.called("POST", MESSAGES)) == 4


async def test_a_refusal_is_final_at_once(connected: ConnectedClient) -> None:
    loopback, channel = connected
    loopback.fail_next(*SEND, 403, 50001)
    with pytest.raises(discord.Forbidden):
        await channel.send("clip", nonce="n1")
    assert len(loopback.called("POST", MESSAGES)) == 1


@pytest.mark.parametrize("scope", ["user", "global"])
async def test_a_429_is_waited_out(connected: ConnectedClient, scope: str) -> None:
    loopback, channel = connected
    loopback.fail_next(*SEND, 429, retry_after_s=0.2, scope=scope)
    await channel.send("clip", nonce="n1")
    assert loopback.made_by_nonce["n1"] == 1


async def test_an_answer_that_drips_in_is_waited_for(connected: ConnectedClient) -> None:
    loopback, channel = connected
    loopback.drip_next(*SEND, 0.5)
    assert (await channel.send("clip", nonce="n1")).content == "clip"
    assert len(loopback.called("POST", MESSAGES)) == 1
