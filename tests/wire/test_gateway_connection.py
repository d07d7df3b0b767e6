"""Tests that the gateway connection returns after every failure, unless the token is rejected."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest

from bot.chat.connection import GatewayConnection
from bot.errors import SettingsError
from tests.patience import PATIENCE_S
from tests.wire.discord_bare_bot import repointed
from tests.wire.discord_double import LoopbackDiscord
from tests.wire.standalone_client import gateway_connection_for


@asynccontextmanager
async def held(
    folder: Path,
    prepare: Callable[[LoopbackDiscord], None] = lambda _: None,
    *,
    lost_s: float = 300.0,
    until_ready: bool = True,
) -> AsyncIterator[tuple[LoopbackDiscord, GatewayConnection, asyncio.Task[None]]]:
    async with LoopbackDiscord() as loopback:
        prepare(loopback)
        with repointed(loopback):
            connection = gateway_connection_for(folder, lost_s=lost_s)
            running = asyncio.create_task(connection.run(loopback.token))
            if until_ready:
                await loopback.ready()
            yield loopback, connection, running
            await connection.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_first_connection_that_fails_is_tried_again_with_fresh_clients(
    tmp_path: Path,
) -> None:
    async with held(tmp_path, lambda loopback: loopback.gateway.refuse_next(2)) as (
        loopback,
        connection,
        running,
    ):
        assert loopback.gateway.identifies == 1
        assert len(loopback.called("GET", "/users/@me")) == 3
        await asyncio.wait_for(connection.client.wait_until_ready(), PATIENCE_S)
        assert connection.client.is_connected()
        assert not running.done()


@pytest.mark.parametrize("later", [False, True], ids=["at the login", "while connected"])
async def test_a_token_that_is_refused_ends_it_at_once(tmp_path: Path, later: bool) -> None:
    def refuse(loopback: LoopbackDiscord) -> None:
        if not later:
            loopback.fail_next("GET", "/users/@me", 401)

    async with held(tmp_path, refuse, until_ready=later) as (loopback, _, running):
        if later:
            loopback.gateway.close(4004)
        with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
            await asyncio.wait_for(running, PATIENCE_S)


async def test_a_client_that_is_closed_as_it_comes_in_leaves_nothing_to_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with held(tmp_path) as (_, connection, _):
        async with asyncio.timeout(PATIENCE_S):
            while not connection.client.guilds:
                await asyncio.sleep(0.01)
        assert not connection.client.is_ready()
        await connection.close()
        # Wait longer than the two seconds after which discord.py would log an error about the
        # closed client.
        await asyncio.sleep(2.2)
        gc.collect()
        await asyncio.sleep(0)
        assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def test_an_event_that_can_not_be_read_costs_the_connection_and_not_the_bot(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with held(tmp_path) as (loopback, connection, running):
        first = connection.client
        await asyncio.wait_for(first.wait_until_ready(), PATIENCE_S)
        loopback.gateway.emit("INTERACTION_CREATE", {"id": "1"})
        await loopback.ready(times=2)
        assert connection.client is not first
        assert not running.done()
        await loopback.until(first.is_closed)
        assert "the connection broke" in caplog.text


async def test_an_upload_under_way_ends_on_the_client_that_began_it(tmp_path: Path) -> None:
    async with held(tmp_path) as (loopback, connection, _):
        first = connection.client
        channel_id = int(loopback.world.channel("general")["id"])
        loopback.delay_next("POST", "/messages$", 1.5)
        (tmp_path / "clip.mp4").write_bytes(b"clip")
        clip = discord.File(tmp_path / "clip.mp4")
        channel = first.get_partial_messageable(channel_id)
        sending = asyncio.create_task(channel.send(file=clip, nonce="n1"))
        async with asyncio.timeout(2):
            while not loopback.called("POST", "/channels/{channel}/messages"):
                await asyncio.sleep(0.02)
        loopback.gateway.emit("INTERACTION_CREATE", {"id": "1"})
        await loopback.ready(times=2)
        assert connection.client is not first
        assert not sending.done()
        await asyncio.wait_for(sending, PATIENCE_S)
        assert len(loopback.called("POST", "/channels/{channel}/messages")) == 1
        assert loopback.made_by_nonce["n1"] == 1


async def test_a_connection_that_stays_lost_is_begun_afresh(tmp_path: Path) -> None:
    async with held(tmp_path, lost_s=0.5) as (loopback, connection, running):
        first = connection.client
        await asyncio.wait_for(first.wait_until_ready(), PATIENCE_S)
        await asyncio.sleep(0.3)
        loopback.gateway.refuse_next(99)
        loopback.gateway.cut()
        async with asyncio.timeout(PATIENCE_S):
            while connection.client is first:
                await asyncio.sleep(0.05)
        loopback.gateway.admit()
        await loopback.ready(times=2)
        assert not running.done()


@pytest.mark.parametrize("code", [1006, 1001, 4000])
async def test_a_connection_that_breaks_is_resumed_by_the_same_client(
    tmp_path: Path, code: int
) -> None:
    async with held(tmp_path) as (loopback, connection, _):
        first = connection.client
        await asyncio.wait_for(first.wait_until_ready(), PATIENCE_S)
        hearing = asyncio.create_task(first.wait_for("message", timeout=PATIENCE_S))
        if code == 1006:
            loopback.gateway.cut()
        else:
            loopback.gateway.close(code)
        await loopback.message("dm-alice", "alice", "still there?")
        assert (await hearing).content == "still there?"
        assert (loopback.gateway.resumes, loopback.gateway.identifies) == (1, 1)
        assert connection.client is first


async def test_it_leaves_within_seconds_though_the_gateway_plays_dead(tmp_path: Path) -> None:
    async with held(tmp_path) as (loopback, connection, running):
        await asyncio.wait_for(connection.client.wait_until_ready(), PATIENCE_S)
        loopback.gateway.play_dead()
        async with asyncio.timeout(PATIENCE_S):
            await connection.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_it_asks_for_little_and_keeps_less(tmp_path: Path) -> None:
    async with held(tmp_path) as (loopback, connection, _):
        client = connection.client
        await asyncio.wait_for(client.wait_until_ready(), PATIENCE_S)
        await loopback.message("general", "alice", "hello")
        asked = {name for name, is_on in client.intents if is_on}
        assert asked == {
            "guilds",
            "guild_messages",
            "dm_messages",
            "guild_reactions",
            "dm_reactions",
        }
        (guild,) = client.guilds
        assert [each.id for each in guild.members] == [guild.me.id]
        assert list(client.cached_messages) == []
        assert (list(client.emojis), list(client.stickers)) == ([], [])
