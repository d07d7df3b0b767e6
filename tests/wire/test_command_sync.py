"""Tests that the bot registers its commands with Discord only if Discord doesn't have them yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import pytest
from aiohttp import ClientSession

from bot.chat.client import SorabotClient
from bot.chat.connection import GatewayConnection
from bot.chat.transport.command_sync import CommandSync
from bot.clock import SystemClock
from tests.wire.discord_bare_bot import repointed
from tests.wire.discord_double import LoopbackDiscord

EVERYWHERE = "/applications/{application}/commands"
IN_GUILD = "/applications/{application}/guilds/{guild}/commands"


async def command(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("hello")


@asynccontextmanager
async def started(
    loopback: LoopbackDiscord,
    folder: Path,
    *names: str,
    guild_ids: Sequence[int] = (),
    waits_s: Sequence[float] = (0.05,),
) -> AsyncIterator[SorabotClient]:
    """Start a bot with the commands `names`, which remembers in `folder` what it has registered."""

    def make() -> SorabotClient:
        client = SorabotClient(CommandSync(folder / "commands.json", guild_ids, waits_s))
        for name in names:
            client.tree.command(name=name, description="Says hello")(command)
        return client

    times = loopback.gateway.identifies + 1
    with repointed(loopback):
        connection = GatewayConnection(make, SystemClock())
        running = asyncio.create_task(connection.run(loopback.token))
        await loopback.ready(times=times)
        yield connection.client
        await connection.close()
        await asyncio.gather(running, return_exceptions=True)


def told(loopback: LoopbackDiscord, template: str = EVERYWHERE) -> int:
    return len(loopback.called("PUT", template))


async def test_commands_are_told_once_and_after_each_change(tmp_path: Path) -> None:
    async with LoopbackDiscord() as loopback:
        for names, times in ((("a",), 1), (("a",), 1), (("a", "b"), 2), (("a", "b"), 2)):
            async with started(loopback, tmp_path, *names):
                assert told(loopback) == times
                sent = await loopback.slash("alice", "general", names[-1])
                await sent.answered()
        assert loopback.violations == []


async def test_another_application_is_told_too(tmp_path: Path) -> None:
    for _ in range(2):
        async with LoopbackDiscord() as loopback, started(loopback, tmp_path, "a"):
            assert told(loopback) == 1


async def test_another_server_on_the_list_is_told_too(tmp_path: Path) -> None:
    async with LoopbackDiscord() as loopback:
        guild_id = int(loopback.world.guild["id"])
        async with started(loopback, tmp_path, "a"):
            assert (told(loopback), told(loopback, IN_GUILD)) == (1, 0)
        for _ in range(2):
            async with started(loopback, tmp_path, "a", guild_ids=[guild_id]):
                assert (told(loopback), told(loopback, IN_GUILD)) == (1, 1)


async def test_commands_that_somebody_took_away_are_told_again(tmp_path: Path) -> None:
    async with LoopbackDiscord() as loopback:
        async with started(loopback, tmp_path, "a"):
            pass
        headers = {"Authorization": f"Bot {loopback.token}"}
        path = f"/applications/{loopback.world.application['id']}/commands"
        async with (
            ClientSession(headers=headers) as session,
            session.put(loopback.api_url + path, json=[]) as answer,
        ):
            assert answer.status == 200
        async with started(loopback, tmp_path, "a"):
            assert told(loopback) == 3
            await loopback.slash("alice", "general", "a")


@pytest.mark.parametrize("note", ["{", "[]", '{"1/everywhere": 3}', "\x00"])
async def test_a_note_that_is_broken_is_written_afresh(tmp_path: Path, note: str) -> None:
    (tmp_path / "commands.json").write_text(note)
    async with LoopbackDiscord() as loopback:
        for _ in range(2):
            async with started(loopback, tmp_path, "a"):
                assert told(loopback) == 1


async def test_a_folder_that_takes_no_note_costs_a_sync_and_no_start(tmp_path: Path) -> None:
    async with LoopbackDiscord() as loopback:
        for times in (1, 2):
            async with started(loopback, tmp_path / "missing", "a"):
                assert told(loopback) == times


@pytest.mark.parametrize("status", [400, 401, 503])
async def test_a_sync_that_fails_is_tried_again_and_ends_nothing(
    tmp_path: Path, status: int
) -> None:
    async with LoopbackDiscord() as loopback:
        loopback.fail_next("PUT", "/commands$", status, 0, times=6)
        async with started(loopback, tmp_path, "a") as client:
            await loopback.until(lambda: told(loopback) > 6)
            assert not client.is_closed()
            sent = await loopback.slash("alice", "general", "a")
            await sent.answered()


async def test_a_server_that_does_not_know_the_bot_is_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with LoopbackDiscord() as loopback:
        known = int(loopback.world.guild["id"])
        loopback.fail_next("PUT", "/guilds/123/commands", 403, 50001)
        async with started(loopback, tmp_path, "a", guild_ids=[123, known]) as client:
            assert "DISCORD_GUILD_IDS: no commands in server 123" in caplog.text
            assert not client.is_closed()
            sent = await loopback.slash("alice", "general", "a")
            await sent.answered()
