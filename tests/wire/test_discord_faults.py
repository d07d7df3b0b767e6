"""Tests how a bot sees each kind of fault of the simulated Discord."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import discord
import pytest

from tests.wire.discord_bare_bot import BareBot, BareBotSession, bare_bot_session, repointed
from tests.wire.discord_double import LoopbackDiscord

SEND = ("POST", r"/channels/\d+/messages$")


@pytest.fixture
async def bare_session() -> AsyncIterator[BareBotSession]:
    async with bare_bot_session() as both:
        yield both


async def test_a_reset_before_the_work_leaves_nothing_behind(bare_session: BareBotSession) -> None:
    bare_session.loopback.reset_next(*SEND)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await bare_session.channel("general").send("clip", nonce="n1")
    assert bare_session.loopback.posts("general") == []
    assert bare_session.loopback.made_by_nonce["n1"] == 0


async def test_messages_are_counted_by_their_nonce(bare_session: BareBotSession) -> None:
    loopback = bare_session.loopback
    loopback.cut_next(*SEND)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await bare_session.channel("general").send("clip", nonce="n1")
    await bare_session.channel("general").send("clip", nonce="n1")
    assert loopback.made_by_nonce["n1"] == 1
    loopback.world.forward(301)
    await bare_session.channel("general").send("clip", nonce="n1")
    assert loopback.made_by_nonce["n1"] == 2


async def test_the_same_nonce_without_its_enforcement_makes_two(
    bare_session: BareBotSession,
) -> None:
    loopback = bare_session.loopback
    path = f"/channels/{bare_session.channel('general').id}/messages"
    headers = {"Authorization": f"Bot {loopback.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(2):
            body = {"content": "clip", "nonce": "n1"}
            async with session.post(loopback.api_url + path, json=body) as answer:
                assert answer.status == 200
    assert loopback.made_by_nonce["n1"] == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_proxy_s_page_comes_before_or_after_the_work(status: int) -> None:
    async with LoopbackDiscord() as loopback, aiohttp.ClientSession() as session:
        url = f"{loopback.api_url}/channels/{loopback.world.channel('general')['id']}/messages"
        headers = {"Authorization": f"Bot {loopback.token}"}
        for after_work in (False, True):
            loopback.fail_next(*SEND, status, after_work=after_work)
            async with session.post(url, json={"content": "x"}, headers=headers) as answer:
                assert (answer.status, answer.content_type) == (status, "text/html")
            assert len(loopback.posts("general")) == after_work


@pytest.mark.parametrize(("scope", "waits"), [("user", False), ("global", True)])
async def test_a_global_429_holds_up_other_routes_too(
    bare_session: BareBotSession, scope: str, waits: bool
) -> None:
    loopback = bare_session.loopback
    loopback.fail_next(*SEND, 429, retry_after_s=0.6, scope=scope)
    sending = asyncio.create_task(bare_session.channel("general").send("clip"))
    await loopback.until(lambda: loopback.called("POST", "/channels/{channel}/messages"))
    await asyncio.sleep(0.05)
    began_s = time.perf_counter()
    assert [each async for each in bare_session.channel("clips").history()] == []
    assert (time.perf_counter() - began_s > 0.3) is waits
    await sending
    assert len(loopback.posts("general")) == 1


async def test_an_answer_drips_in_after_the_work_is_done(bare_session: BareBotSession) -> None:
    loopback = bare_session.loopback
    loopback.drip_next(*SEND, 0.4)
    began_s = time.perf_counter()
    sending = asyncio.create_task(bare_session.channel("general").send("clip"))
    await loopback.until(lambda: loopback.posts("general"))
    assert time.perf_counter() - began_s < 0.3
    assert (await sending).content == "clip"
    assert time.perf_counter() - began_s > 0.4


async def test_an_upload_over_the_limit_is_413_and_40005(
    bare_session: BareBotSession, tmp_path: Path
) -> None:
    bare_session.loopback.world.upload_limit_bytes = 9
    (tmp_path / "clip.mp4").write_bytes(b"0123456789")
    with pytest.raises(discord.HTTPException) as refused:
        await bare_session.channel("general").send(
            file=discord.File(tmp_path / "clip.mp4"), nonce="n1"
        )
    assert (refused.value.status, refused.value.code) == (413, 40005)
    assert bare_session.loopback.made_by_nonce["n1"] == 0


@pytest.mark.parametrize("code", [4000, 1001])
async def test_a_close_from_discord_s_side_is_resumed_with_what_was_missed(
    bare_session: BareBotSession, code: int
) -> None:
    loopback, bot = bare_session
    loopback.gateway.close(code)
    await loopback.message("dm-alice", "alice", "are you there?")
    await bot.hears("are you there?")
    assert (loopback.gateway.resumes, loopback.gateway.identifies) == (1, 1)


async def test_every_missed_event_is_replayed_once_and_in_order(
    bare_session: BareBotSession,
) -> None:
    loopback, bot = bare_session
    loopback.gateway.cut()
    for number in range(20):
        await loopback.message("dm-alice", "alice", str(number))
    await bot.hears("19")
    assert [each.content for each in bot.heard] == [str(number) for number in range(20)]


async def test_a_session_that_discord_forgot_is_begun_afresh(bare_session: BareBotSession) -> None:
    loopback = bare_session.loopback
    loopback.gateway.close(4000)
    loopback.gateway.sessions.clear()
    await loopback.until(lambda: loopback.gateway.identifies == 2)
    assert loopback.gateway.resumes == 0


async def test_a_gateway_that_plays_dead_answers_no_heartbeat() -> None:
    async with LoopbackDiscord() as loopback:
        loopback.gateway.heartbeat_interval_s = 0.1
        with repointed(loopback):
            bot = BareBot(heartbeat_timeout=0.5)
            running = asyncio.create_task(bot.start(loopback.token))
            await loopback.ready()
            await loopback.until(lambda: loopback.gateway.heartbeats > 2)
            loopback.gateway.play_dead()
            await loopback.message("dm-alice", "alice", "hello?")
            await bot.hears("hello?")
            assert loopback.gateway.resumes == 1
            await bot.close()
            await running


async def test_a_shut_gateway_opens_after_so_many_tries() -> None:
    async with LoopbackDiscord() as loopback, aiohttp.ClientSession() as session:
        loopback.gateway.refuse_next(2)
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(loopback.gateway_url)
        async with session.ws_connect(loopback.gateway_url) as ws:
            assert (await ws.receive_json())["op"] == 10
